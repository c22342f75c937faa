package appliance

import (
	"errors"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/frames"
	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/appliance/wraps"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/manifest"
)

// WrapCheck is the bundle that the site answers: its wrap, signed, and one pack's
// header. It is the same at every call.
func (d *Device) WrapCheck() ([]byte, error) {
	checked, err := d.checkedWrap()
	if err != nil {
		return nil, err
	}
	c := manifest.WrapCheck{JobSHA256: crypto.SumSHA256(d.cfg.JobFile), Wrap: checked.Data}
	if c.WrapEntry, err = checked.Entry.Encode(); err != nil {
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

// checkedWrap is the wrap that the site is asked about. What is wrong with a disk's copies is
// told once.
func (d *Device) checkedWrap() (*wraps.File, error) {
	if d.checked != nil {
		return d.checked, nil
	}
	var disks []disk.Disk
	for _, b := range d.bays.Healthy() {
		disks = append(disks, b.Disk)
	}
	checked, bad, err := d.cfg.wraps().Checked(disks, d.keys.Check())
	d.cfg.warnWraps(bad)
	if err != nil {
		return nil, err
	}
	d.checked = checked
	return checked, nil
}

// warnWraps names the disks whose copies are bad.
func (c *Config) warnWraps(bad error) {
	if bad != nil {
		c.Log.Warn("wraps of the load key are bad, those of other disks are used", "err", bad)
	}
}
