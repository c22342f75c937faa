package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/internal/custody/event"
	"github.com/sledge-io/sledge/internal/custody/log"
	"github.com/sledge-io/sledge/manifest"
)

// record writes an event of the device into its own log, if it has one and still holds the
// device. What goes wrong is said, and never stops the work: that is done.
func (a *app) record(d *device, kind event.Kind, details map[string]any) error {
	dir := deviceCustody(d.name, d.scope())
	if _, err := os.Stat(filepath.Join(dir, log.CheckpointName)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	err := a.recordIn(d, dir, kind, details)
	if err != nil {
		return fmt.Errorf("event %s: %w: %v", kind, errUnrecorded, err) // the work is done: its cause is no cause of this command's
	}
	return nil
}

func (a *app) recordIn(d *device, dir string, kind event.Kind, details map[string]any) error {
	w, err := a.openDeviceCustody(d, dir, false)
	if err != nil {
		return err
	}
	defer w.close()
	e := w.event(kind)
	for name, value := range details {
		if err := e.Set(name, value); err != nil {
			return err
		}
	}
	if kind == event.Sealed && w.has(event.Sealed) {
		return nil // the seal went on, or its label was given again
	}
	return w.add(e, w.key)
}

// recordLock writes that the device is locked.
func (a *app) recordLock(d *device) error {
	if d.scope().Job.IsZero() {
		return nil
	}
	job, _, err := d.job()
	if err != nil {
		return nil // a device that obeys no job has no log
	}
	return a.record(d, event.Locked, map[string]any{"job_serial": job.Serial, "result": "locked"})
}

// recordLoad writes what a load made safe, as counts only.
func (a *app) recordLoad(d *device, r *appliance.LoadReport) error {
	return a.record(d, event.LoadSession, map[string]any{"entries": r.Entries, "bytes": r.Bytes, "skipped": r.SkippedCount})
}

// recordSeal writes which manifest was sealed.
func (a *app) recordSeal(d *device, res *seal.Result) error {
	l, err := manifest.ParseLabel(res.Label)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(l.Checkpoint)
	return a.record(d, event.Sealed, map[string]any{"manifest_size": res.Statement.LogSize, "manifest_root": res.Statement.LogRoot, "manifest_sha256": hex.EncodeToString(sum[:])})
}
