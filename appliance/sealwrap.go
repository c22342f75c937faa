package appliance

import (
	"errors"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/manifest"
)

// WrapCheck is the bundle that the site answers: its wrap, signed, and one pack's
// header. It is the same at every call.
func (d *Device) WrapCheck() ([]byte, error) {
	wraps, err := d.wraps()
	if err != nil {
		return nil, err
	}
	c := manifest.WrapCheck{JobSHA256: crypto.SumSHA256(d.cfg.JobFile)}
	for _, w := range wraps {
		if w.entry.Kind == manifest.WrapHPKE {
			c.Wrap = w.file
			if c.WrapEntry, err = w.entry.Encode(); err != nil {
				return nil, err
			}
			break
		}
	}
	err = d.eachFrame(func(fr frame) error {
		p, err := d.clearEntry(fr.clear)
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
	if c.Wrap == nil || c.PackEntry == nil {
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

// wraps are those of the healthy disks, by name. What is wrong with a disk's copies is
// told once.
func (d *Device) wraps() ([]wrapFile, error) {
	if d.wrapFiles != nil {
		return d.wrapFiles, nil
	}
	var disks []Disk
	for _, b := range d.bays.healthy() {
		disks = append(disks, b.disk)
	}
	files, bad, err := d.cfg.findWraps(disks)
	d.cfg.warnWraps(bad)
	if err != nil {
		return nil, err
	}
	var ages [][32]byte
	for _, r := range d.cfg.Job.Recipients {
		if crypto.WrapKind(r.Kind) == crypto.WrapAge {
			ages = append(ages, crypto.AgeKeyID(r.Recipient))
		}
	}
	var out []wrapFile
	for name, file := range files {
		e := &manifest.WrapEntry{Kind: manifest.WrapAge, SHA256: crypto.SumSHA256(file), Recipients: ages, Check: d.keys.Check(), Generation: d.cfg.Scope.Generation}
		if id, ok := d.cfg.siteOf(file); ok {
			e.Kind, e.Recipients = manifest.WrapHPKE, [][32]byte{id}
		}
		out = append(out, wrapFile{name, file, e})
	}
	slices.SortFunc(out, func(a, b wrapFile) int { return strings.Compare(a.name, b.name) })
	d.wrapFiles = out
	return out, nil
}

// warnWraps names the disks whose copies are bad.
func (c *Config) warnWraps(bad error) {
	if bad != nil {
		c.Log.Warn("wraps of the load key are bad, those of other disks are used", "err", bad)
	}
}
