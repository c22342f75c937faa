package appliance

import (
	"cmp"
	"context"
	"fmt"

	"github.com/sledge-io/sledge/appliance/catalog"
	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/frames"
	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/appliance/pack"
	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/appliance/wraps"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// Seal is [seal.Run] on this device.
func (d *Device) Seal(ctx context.Context, o seal.Options) (*seal.Result, error) {
	if err := d.moveStaged(); err != nil {
		return nil, err
	}
	open := seal.Opened{Bays: d.bays, LoadKey: d.key, Keys: d.keys, Code: d.code, Device: unsealed{d}}
	o.PageRecords, o.IndexPages = cmp.Or(o.PageRecords, d.cfg.pageRecords), cmp.Or(o.IndexPages, d.cfg.indexPages)
	return seal.Run(ctx, d.cfg.sealing(), open, o)
}

// FinishSeal is [seal.Finish] of a device that is not open.
func FinishSeal(ctx context.Context, c Config, ledger disk.Ledger, o seal.FinishOptions) (*seal.Result, error) {
	if err := c.fill(); err != nil {
		return nil, err
	}
	return seal.Finish(ctx, c.sealing(), ledger, o)
}

func (c *Config) sealing() seal.Config {
	return seal.Config{Scope: c.Scope, Job: c.Job, JobFile: c.JobFile, Key: c.Key, Disks: c.Disks, Allowed: c.Allowed, Now: c.Now, Software: c.Software, Log: c.Log}
}

// unsealed is a device as its seal sees it.
type unsealed struct{ d *Device }

func (u unsealed) Broken() error                     { return u.d.broken }
func (u unsealed) Complete() error                   { return u.d.complete() }
func (u unsealed) WrapCheck() ([]byte, error)        { return u.d.WrapCheck() }
func (u unsealed) CheckedWrap() (*wraps.File, error) { return u.d.checkedWrap() }
func (u unsealed) Start()                            { u.d.start(1) } // index packs are written one at a time
func (u unsealed) Stop()                             { u.d.stop() }
func (u unsealed) Sweep() error                      { return u.d.sweep() }
func (u unsealed) Pardon()                           { u.d.pardon() }

func (u unsealed) EachFrame(f func(frames.Frame) error) error { return u.d.eachFrame(f) }

func (u unsealed) CloseJournal() error {
	u.d.mu.Lock()
	defer u.d.mu.Unlock()
	return u.d.endJournal()
}

func (u unsealed) ReadRest(ctx context.Context, degraded bool, progress func(done, total int64)) error {
	bad := u.d.noteBad
	if degraded { // what does not read back is one lost shard more
		bad = u.d.noteUnreadable
	}
	_, err := u.d.readRest(ctx, bad, progress)
	u.d.saveReads()
	return err
}

func (u unsealed) ReadIndex(ctx context.Context, packs []*manifest.Pack) error {
	return u.d.readIndex(ctx, packs)
}

func (u unsealed) PacksRead() uint64 {
	u.d.mu.Lock()
	defer u.d.mu.Unlock()
	return u.d.packsRead()
}

func (u unsealed) Unsettled() []int {
	u.d.mu.Lock()
	defer u.d.mu.Unlock()
	return u.d.unsettled()
}

func (u unsealed) LostPacks() []uint64 {
	u.d.mu.Lock()
	defer u.d.mu.Unlock()
	lost, _ := u.d.lostPacks(false)
	return lost
}

func (u unsealed) Unreadable(p *manifest.Pack) []byte { return u.d.withUnreadable(p) }

func (u unsealed) NewStripes() (*pack.Writer, error) {
	id, err := u.d.cfg.newID()
	if err != nil {
		return nil, err
	}
	return u.d.newStripes(id)
}

func (u unsealed) EmptyPack(zeros int) (*manifest.Pack, error) {
	p, err := u.d.openPack()
	if err != nil {
		return nil, err
	}
	p.Zeros(zeros)
	if err := p.Drain(); err != nil {
		return nil, err
	}
	return p.CommitEntry()
}

func (u unsealed) Scratch() (vfs.FS, error) {
	b, err := u.d.scratchDisk()
	if err != nil {
		return nil, err
	}
	return b.Disk.FS, nil
}

func (u unsealed) Committed() seal.Committed {
	s := &u.d.state
	return seal.Committed{Packs: s.packs, Body: s.body, Lists: s.sources(), Events: s.events}
}

func (u unsealed) Imply(a *catalog.Adder) error {
	lists, err := u.d.findLists()
	if err != nil {
		return err
	}
	return u.d.imply(a, lists)
}

func (u unsealed) LeftOut() (left seal.LeftOut, err error) {
	d := u.d
	lists, err := d.unfinished()
	if err != nil {
		return left, err
	}
	given, err := d.givenUp()
	if err != nil {
		return left, err
	}
	for _, l := range given {
		left.GivenUp += d.rest(l)
	}
	for _, l := range lists {
		st := d.state.lists[l.copies.ID]
		left.Entries += d.rest(l)
		if st != nil {
			left.Bytes += max(0, l.tail.Bytes-st.bytes)
		} else {
			left.Bytes += l.tail.Bytes
		}
	}
	return left, nil
}

// complete is ErrIncomplete where nothing was loaded, or a load has not ended.
func (d *Device) complete() error {
	lists, err := d.findLists()
	if err != nil {
		return err
	}
	loaded := d.state.lists[journal.Doors] != nil
	for _, l := range lists {
		begun, finished := d.state.begun(l.copies.ID), d.finished(l)
		if begun && !finished {
			return &IncompleteError{*d.errUnfinished(l)}
		}
		loaded = loaded || finished
	}
	if !loaded {
		return fmt.Errorf("%w: nothing has been loaded", seal.ErrIncomplete)
	}
	return nil
}
