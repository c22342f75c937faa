package appliance

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/frames"
	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// WrapCheck is the bundle that the site answers: its wrap, signed, and one pack's
// header. It is the same at every call.
func (d *Device) WrapCheck() ([]byte, error) {
	checked, err := d.checkedWrap()
	if err != nil {
		return nil, err
	}
	c := manifest.WrapCheck{JobSHA256: crypto.SumSHA256(d.cfg.JobFile), Wrap: checked.file}
	if c.WrapEntry, err = checked.entry.Encode(); err != nil {
		return nil, err
	}
	err = d.eachFrame(func(fr frames.Frame) error {
		p, err := journal.PublicPack(fr.Clear)
		if err != nil || p == nil {
			return err
		}
		p.Lost = nil
		if c.PackEntry, err = p.Encode(); err != nil {
			return err
		}
		return errStopped
	})
	if err != nil && !errors.Is(err, errStopped) {
		return nil, err
	}
	if c.PackEntry == nil {
		return nil, ErrNoPack
	}
	c.WrapSignature = manifest.SignEntry(d.cfg.Key, manifest.WrapEntryContext, d.cfg.Scope, c.WrapEntry)
	c.PackSignature = manifest.SignEntry(d.cfg.Key, manifest.PackEntryContext, d.cfg.Scope, c.PackEntry)
	return c.Encode(), nil
}

// wrapFile is a wrap with its log entry.
type wrapFile struct {
	name  string
	file  []byte
	entry *manifest.WrapEntry
}

// checkedWrap is the wrap that the site is asked about: that to the first site of the job of
// which the disks have one alone. A seal that was interrupted has made the others anew. What is wrong with a disk's copies
// is told once.
func (d *Device) checkedWrap() (*wrapFile, error) {
	if d.checked != nil {
		return d.checked, nil
	}
	var disks []disk.Disk
	for _, b := range d.bays.Healthy() {
		disks = append(disks, b.Disk)
	}
	files, bad, err := d.cfg.wraps().Find(disks)
	d.cfg.warnWraps(bad)
	if disk.OwnFault(err) {
		return nil, err
	}
	sites := map[[32]byte]int{}
	for _, file := range files {
		if id, ok := d.cfg.wraps().SiteOf(file); ok {
			sites[id]++
		}
	}
	for _, r := range d.cfg.Job.Recipients {
		for name, file := range files {
			if id, ok := d.cfg.wraps().SiteOf(file); ok && sites[id] == 1 && hex.EncodeToString(id[:]) == r.KeyID {
				w := d.wrapFile(name, file)
				d.checked = &w
				return d.checked, nil
			}
		}
	}
	if err == nil {
		err = fmt.Errorf("%w: the job names no site", disk.ErrLost)
	}
	return nil, fmt.Errorf("no wrap to a site can be told from others, so that none can be checked: %w", err)
}

// wrapFile gives a wrap its log entry.
func (d *Device) wrapFile(name string, file []byte) wrapFile {
	e := &manifest.WrapEntry{Kind: manifest.WrapAge, SHA256: crypto.SumSHA256(file), Check: d.keys.Check(), Generation: d.cfg.Scope.Generation}
	if id, ok := d.cfg.wraps().SiteOf(file); ok {
		e.Kind, e.Recipients = manifest.WrapHPKE, [][32]byte{id}
		return wrapFile{name, file, e}
	}
	for _, r := range d.cfg.Job.Recipients {
		if crypto.WrapKind(r.Kind) == crypto.WrapAge {
			e.Recipients = append(e.Recipients, crypto.AgeKeyID(r.Recipient))
		}
	}
	return wrapFile{name, file, e}
}

// sealWraps makes the wraps that go on record and writes them to every disk, by name.
// They are made anew from the load key, so that none is believed for its name and the
// number of its copies. The one that the site has opened stays: its answer proves it.
func (d *Device) sealWraps(answered bool) (wraps []wrapFile, err error) {
	files, err := d.cfg.wraps().New(d.key)
	if err != nil {
		return nil, err
	}
	if answered {
		checked, err := d.checkedWrap()
		if err != nil {
			return nil, err
		}
		maps.DeleteFunc(files, func(_ string, file []byte) bool {
			id, ok := d.cfg.wraps().SiteOf(file)
			return ok && id == checked.entry.Recipients[0]
		})
		files[checked.name] = checked.file
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		wraps = append(wraps, d.wrapFile(name, files[name]))
	}
	return wraps, d.bays.EachWithRoom(func(b *disk.Bay) error { return replaceWraps(b.Disk.FS, files) })
}

// replaceWraps writes a disk's wraps, then removes all others but the unlock wrap.
func replaceWraps(fsys vfs.FS, files map[string][]byte) error {
	for name, file := range files {
		if have, err := vfs.ReadFile(fsys, disk.WrapsDir+"/"+name, manifest.MaxWrap); err == nil && bytes.Equal(have, file) {
			continue
		} else if disk.OwnFault(err) {
			return err
		}
		if err := durable.WriteFile(fsys, disk.WrapsDir+"/"+name, file); err != nil {
			return err
		}
	}
	list, err := fsys.ReadDir(disk.WrapsDir)
	if err != nil {
		return err
	}
	for _, e := range list {
		kind := path.Ext(e.Name())
		if _, ok := files[e.Name()]; ok || e.IsDir() || kind != ".wrap" && kind != ".age" {
			continue
		}
		if err := durable.Remove(fsys, disk.WrapsDir+"/"+e.Name()); err != nil {
			return err
		}
	}
	return nil
}

// warnWraps names the disks whose copies are bad.
func (c *Config) warnWraps(bad error) {
	if bad != nil {
		c.Log.Warn("wraps of the load key are bad, those of other disks are used", "err", bad)
	}
}
