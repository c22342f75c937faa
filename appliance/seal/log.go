package seal

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/appliance/wraps"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/manifest"
)

// writeLog writes the log's files to every healthy disk.
func (d *sealing) writeLog(list []wraps.File, w *indexWriter, o *Options) (size uint64, root [32]byte, degraded uint64, err error) {
	err = d.bays.EachWithRoom(func(b *disk.Bay) error {
		if err := durable.RemoveAll(b.Disk.FS, disk.LogDir, 1<<22); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return durable.MkdirAll(b.Disk.FS, disk.LogDir)
	})
	if err != nil {
		return 0, root, 0, err
	}
	log := manifest.NewLogWriter(func(name string, data []byte) error {
		return d.bays.EachWithRoom(func(b *disk.Bay) error { return disk.WriteLogFile(b.Disk.FS, name, data) })
	})
	if degraded, err = d.logEntries(log, list, w, o); err != nil {
		return 0, root, 0, err
	}
	size, root, err = log.Finish()
	return size, root, degraded, err
}

// logEntries appends everything in the order of docs/format.md section 5.2.
func (d *sealing) logEntries(log *manifest.LogWriter, list []wraps.File, w *indexWriter, o *Options) (degraded uint64, err error) {
	add := func(b []byte, err error) error {
		if err == nil {
			_, err = manifest.DecodeEntry(b) // what no reader takes must not go on record
		}
		if err == nil {
			_, err = log.Append(b)
		}
		return err
	}
	pos := uint64(1)
	start := manifest.Start{Scope: d.cfg.Scope, JobSerial: d.cfg.Job.Serial, JobSHA256: crypto.SumSHA256(d.cfg.JobFile), Bays: len(d.bays), Unlocked: d.firstUnlock()}
	if err := add(start.Encode()); err != nil {
		return 0, err
	}
	for _, f := range list {
		if err := add(f.Entry.Encode()); err != nil {
			return 0, err
		}
		pos++
	}
	events, err := d.sealEvents(o)
	if err != nil {
		return 0, err
	}
	for _, e := range events {
		if err := add(e, nil); err != nil {
			return 0, err
		}
		pos++
	}
	end := manifest.End{FirstPack: pos, Packs: d.open.Committed().Packs, Pages: w.pages, IndexPacks: uint64(len(w.packs)), BodySize: uint64(d.open.Committed().Body)}
	end.FirstPage = end.FirstPack + end.Packs
	end.FirstIndex = end.FirstPage + end.Pages
	err = w.logEntries(func(number uint64, entry []byte, lost int) error {
		if m := d.cfg.Job.Geometry.M; lost > m {
			return notSealable(1, number)
		}
		if lost > 0 {
			degraded++
			if !o.Degraded {
				return fmt.Errorf("%w: pack %d lacks %d of its shards", ErrDegraded, number, lost)
			}
		}
		return add(entry, nil)
	})
	if err != nil {
		return 0, err
	}
	for _, p := range w.packs {
		if err := add(p.Encode()); err != nil {
			return 0, err
		}
	}
	end.BodySize += uint64(w.standInBytes) // wraps around where stand-ins are shorter
	if end.Totals, err = d.open.Keys.SealTotals(w.totals); err != nil {
		return 0, err
	}
	return degraded, add(end.Encode())
}

// sealEvents are all events of the journal, however many, what was let pass, and the
// events of the seal itself.
func (d *sealing) sealEvents(o *Options) ([][]byte, error) {
	events := allowedEvents(d.cfg.Allowed)
	for _, n := range o.Absent {
		events = append(events, manifest.Event{What: "disk-absent", Text: "absent at seal", Bay: n})
	}
	for _, n := range d.replacedBays() {
		events = append(events, manifest.Event{What: "disk-rebuilt", Text: "replaced before the seal", Bay: n})
	}
	own, err := journal.EncodeEvents(d.cfg.Now(), events...)
	return slices.Concat(d.open.Committed().Events, own), err
}

// firstUnlock is when the disks were prepared.
func (d *sealing) firstUnlock() (t time.Time) {
	for _, b := range d.bays.Healthy() {
		if h, err := disk.ReadHeader(b.Disk); err == nil && !h.Created.IsZero() && (t.IsZero() || h.Created.Before(t)) {
			t = h.Created
		}
	}
	return t
}
