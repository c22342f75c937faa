package simulator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"syscall"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/firmware"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// sealAll seals, once for each trouble and then without any; rebuilds what the
// seal asks for; and reads the device back.
func (l *life) sealAll(ctx context.Context) error {
	for _, e := range l.plan.in(sealing) {
		if err := l.sealWith(ctx, e); err != nil {
			return fmt.Errorf("seal, %s: %w", e.What, err)
		}
	}
	if err := l.sealClean(ctx); err != nil {
		return fmt.Errorf("seal without trouble: %w", err)
	}
	if err := l.readBack(ctx); err != nil {
		return fmt.Errorf("sealed: %w", err)
	}
	return l.verifyDisks(ctx)
}

// seal is one attempt, with what the ledger says has to be done.
func (l *life) seal(ctx context.Context, disks []appliance.Disk) error {
	return l.sealFrom(ctx, l.state, disks)
}

// sealFrom is one with a state folder of its own.
func (l *life) sealFrom(ctx context.Context, state vfs.FS, disks []appliance.Disk) error {
	held, err := firmware.Lock(state, "seal")
	if err != nil {
		return err
	}
	defer held.Close()
	if _, _, recorded := l.ledger.RecordedCheckpoint(l.cfg.Scope.Origin()); recorded {
		cfg := l.cfg
		cfg.Disks = disks
		res, err := appliance.FinishSeal(cfg, l.ledger, nil)
		return l.sealed(res, err)
	}
	d, err := l.open(disks)
	if err != nil {
		return err
	}
	defer d.Close()
	res, err := d.Seal(ctx, appliance.SealOptions{WrapUnchecked: true, Ledger: l.ledger, DeviceKey: "software key, unprotected"})
	return l.sealed(res, err)
}

// sealed keeps the label: there is one, ever.
func (l *life) sealed(res *appliance.SealResult, err error) error {
	if err != nil || res == nil {
		return err
	}
	if l.label != nil && !bytes.Equal(l.label, res.Label) {
		return fmt.Errorf("%w: two labels for one generation", errForgotten)
	}
	l.label = res.Label
	return nil
}

func (l *life) sealWith(ctx context.Context, e Event) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dice := e.rng()
	n := 1 + dice.Int64N(400)
	var err error
	switch e.What {
	case SealPowerCut, SealCtrlC:
		p := plug(l.disks, n, func(p *power) {
			l.met[e.What]++
			if e.What == SealCtrlC {
				cancel()
			} else {
				p.cut()
			}
		})
		err = l.seal(ctx, l.set(nil))
		l.disks, _ = p.unplug(dice)
	case SealError:
		bay := dice.IntN(len(l.disks))
		if !l.hurts(bay) {
			return nil
		}
		fired := func() int { return 0 }
		err = l.seal(ctx, l.set(func(i int, m *vfs.Mem) vfs.FS {
			if i != bay {
				return m
			}
			f := vfs.NewFault(m)
			fired = f.Add(vfs.Rule{Op: []vfs.OpKind{vfs.OpWrite, vfs.OpSync, vfs.OpSyncDir, vfs.OpRename}[dice.IntN(4)], Nth: 1 + dice.IntN(30), Times: 1000, Err: syscall.EIO})
			return f
		}))
		if fired() > 0 {
			l.met[e.What]++
		}
	case DoubleSeal:
		err = l.doubled(ctx, e.What, dice, func() error { return l.seal(ctx, l.set(nil)) })
	}
	l.say("%s: %v", e.What, err)
	if errors.Is(err, errForgotten) || errors.Is(err, errDoubled) {
		return err
	}
	if _, _, recorded := l.ledger.RecordedCheckpoint(l.cfg.Scope.Origin()); !recorded {
		return l.check()
	}
	return nil
}

// sealClean seals, and rebuilds the spoilt disks if the seal wants them whole.
func (l *life) sealClean(ctx context.Context) error {
	for try := 0; ; try++ {
		err := l.seal(ctx, l.set(nil))
		mend := errors.Is(err, appliance.ErrDegraded) || errors.Is(err, appliance.ErrAbsent) || errors.Is(err, appliance.ErrForeign) && len(l.hurt) > 0
		if !mend || try > 3 {
			return err
		}
		l.say("seal: %v", err)
		if err := l.rebuildHurt(ctx); err != nil {
			return err
		}
	}
}

// rebuildHurt puts a new disk into each bay whose disk was spoilt.
func (l *life) rebuildHurt(ctx context.Context) error {
	for _, i := range slices.Sorted(maps.Keys(l.hurt)) {
		bay := i // where it was set up, among all disks
		if header, err := appliance.ReadHeader(appliance.Disk{FS: l.disks[i]}); err == nil {
			bay = header.Bay
		}
		old := l.disks[i]
		l.disks[i] = nil
		onto := newMem()
		rep, err := appliance.Rebuild(ctx, l.set(nil), appliance.RebuildOptions{Signer: l.signerKey(), Bay: bay, Onto: appliance.Disk{Name: "new", FS: onto}, Rand: randomID})
		if err != nil {
			l.disks[i] = old
			return fmt.Errorf("rebuild of %s: %w", diskName(i), err)
		}
		if len(rep.Lost) > 0 {
			return fmt.Errorf("rebuild of %s could not restore %v", diskName(i), rep.Lost)
		}
		l.disks[i] = onto
		delete(l.hurt, i)
		l.say("rebuilt %s, bay %d: %d shards", diskName(i), bay, rep.Shards)
	}
	return nil
}

// reader opens the sealed set as the data centre does.
func (l *life) reader(disks []appliance.Disk) (*appliance.Reader, error) {
	s, err := appliance.OpenSet(disks, l.signerKey(), l.label)
	if err != nil {
		return nil, err
	}
	k, err := s.OpenWithSite(l.site)
	if err != nil {
		return nil, err
	}
	return s.Unlock(k)
}

// readBack reads every entry and holds it against the source.
func (l *life) readBack(ctx context.Context) error {
	rd, err := l.reader(l.set(nil))
	if err != nil {
		return err
	}
	defer rd.Close()
	got := map[string]string{}
	err = rd.Entries(ctx, func(e appliance.Entry) error {
		if _, twice := got[e.Record.Path]; twice {
			return fmt.Errorf("two records of %q", e.Record.Path)
		}
		content, err := contentOf(e.Record, func() ([]byte, error) { return readEntry(ctx, rd, e.Record) })
		if err != nil {
			return fmt.Errorf("%q: %w", e.Record.Path, err)
		}
		got[e.Record.Path] = content
		return nil
	})
	if err != nil {
		return err
	}
	l.held = got
	return l.model.check(got)
}

func readEntry(ctx context.Context, rd *appliance.Reader, r *manifest.Record) ([]byte, error) {
	c, err := rd.Open(ctx, r)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	b := make([]byte, r.Size)
	if _, err := c.ReadAt(b, 0); err != nil && r.Size > 0 {
		return nil, err
	}
	return b, nil
}

// fsck is the independent verifier's report of the disks that are there.
func (l *life) fsck(ctx context.Context) (*fsck.Report, error) {
	o := fsck.Options{Trust: &fsck.Trust{Key: l.signerKey()}, Label: l.label, Workers: 1}
	for _, d := range l.set(nil) {
		o.Disks = append(o.Disks, fsck.Disk{Name: d.Name, FS: vfs.Std(d.FS)})
	}
	return fsck.Disks(ctx, o)
}

// verifyDisks: a device that nobody has spoilt is clean, one that lost no more than
// its parity can be repaired; the independent verifier says so without a key.
func (l *life) verifyDisks(ctx context.Context) error {
	rep, err := l.fsck(ctx)
	if err != nil {
		return err
	}
	worst := fsck.VerdictClean
	if len(l.hurt) > 0 {
		worst = fsck.VerdictRepairable
	}
	if rep.Verdict > worst || rep.Origin != fsck.OriginProven {
		return fmt.Errorf("verify disks: %v, origin %s, %d disks were spoilt: %v", rep.Verdict, rep.Origin, len(l.hurt), texts(rep.Findings))
	}
	return nil
}

func texts(findings []fsck.Finding) (all []string) {
	for _, f := range findings {
		all = append(all, f.Text)
		if len(all) == 3 {
			break
		}
	}
	return all
}
