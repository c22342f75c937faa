package appliance

import (
	"encoding/hex"
	"errors"
	"fmt"
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

// wraps reads the wraps of a healthy disk, by name.
func (d *Device) wraps() ([]wrapFile, error) {
	var ages [][32]byte
	for _, r := range d.cfg.Job.Recipients {
		if crypto.WrapKind(r.Kind) == crypto.WrapAge {
			ages = append(ages, crypto.AgeKeyID(r.Recipient))
		}
	}
	var out []wrapFile
	for _, b := range d.bays.healthy() {
		files, err := readWraps(b.disk.FS)
		if err != nil {
			return nil, err
		}
		out = nil
		site := false
		for name, file := range files {
			e := &manifest.WrapEntry{Kind: manifest.WrapAge, SHA256: crypto.SumSHA256(file), Recipients: ages, Check: d.keys.Check(), Generation: d.cfg.Scope.Generation}
			if strings.HasSuffix(name, ".wrap") {
				id, ok := d.siteOf(file)
				if !ok {
					continue
				}
				e.Kind, e.Recipients, site = manifest.WrapHPKE, [][32]byte{id}, true
			}
			out = append(out, wrapFile{name, file, e})
		}
		if site && (len(ages) > 0) == slices.ContainsFunc(out, func(w wrapFile) bool { return w.entry.Kind == manifest.WrapAge }) {
			break
		}
	}
	slices.SortFunc(out, func(a, b wrapFile) int { return strings.Compare(a.name, b.name) })
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: no disk has the wraps of the load key", ErrLost)
	}
	return out, nil
}

// siteOf is to whom of the job file a wrap of this device is. Others that lie on a disk do
// not go on record: a log that names them is refused by its readers.
func (d *Device) siteOf(file []byte) (id [32]byte, ok bool) {
	w, err := manifest.DecodeWrap(file)
	if err != nil || w.Kind != manifest.WrapHPKE || w.Scope != d.cfg.Scope || len(w.KeyID) != len(id) {
		return id, false
	}
	id = [32]byte(w.KeyID)
	return id, slices.ContainsFunc(d.cfg.Job.Recipients, func(r manifest.Recipient) bool {
		return crypto.WrapKind(r.Kind) == crypto.WrapSite && r.KeyID == hex.EncodeToString(id[:])
	})
}
