package simulator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/rebuild"
	"github.com/sledge-io/sledge/internal/vfs"
)

// rebuildCut loads, takes a disk away, and rebuilds it with cuts.
func (l *life) rebuildCut(ctx context.Context, dice *rand.Rand) error {
	if err := l.survived(l.loadOnce(ctx, l.set(nil))); err != nil {
		return err
	}
	bay, ok := l.takeOut(dice)
	if !ok {
		return nil
	}
	return l.rebuildWithCuts(ctx, RebuildCut, bay, dice, func(half *vfs.Mem) error {
		l.disks[bay] = half
		defer func() { l.disks[bay] = nil }()
		if err := l.opens(); err != nil && (isFinding(err) || !wantsRebuild(err)) {
			return fmt.Errorf("open with a disk whose rebuild was cut off: %w", err)
		}
		return nil
	})
}

// sealedRebuildCut is the same of a sealed set, which the data centre may read
// between the cuts.
func (l *life) sealedRebuildCut(ctx context.Context, dice *rand.Rand) error {
	if l.lost {
		return nil
	}
	bay, ok := l.takeOut(dice)
	if !ok {
		return nil
	}
	return l.rebuildWithCuts(ctx, SealedRebuildCut, bay, dice, func(half *vfs.Mem) error {
		l.disks[bay] = half
		defer func() { l.disks[bay] = nil }()
		if err := l.readBack(ctx); err != nil {
			return fmt.Errorf("read with a disk whose rebuild was cut off: %w", err)
		}
		return nil
	})
}

// takeOut picks a disk that may be missing and says which bay it has.
func (l *life) takeOut(dice *rand.Rand) (bay int, ok bool) {
	i := dice.IntN(len(l.disks))
	if l.small || l.disks[i] == nil {
		return 0, false
	}
	header, err := appliance.ReadHeader(appliance.Disk{FS: l.disks[i]})
	if err != nil || header.Bay != i || !l.hurts(i) {
		return 0, false
	}
	l.disks[i] = nil
	return i, true
}

// rebuildWithCuts rebuilds a bay, is cut off up to three times, and then ends it: onto
// the disk that was begun or onto another one. between sees each half of a disk.
func (l *life) rebuildWithCuts(ctx context.Context, what Trouble, bay int, dice *rand.Rand, between func(half *vfs.Mem) error) error {
	onto := l.newDisk()
	for range 1 + dice.IntN(3) {
		half, whole, err := l.cutRebuild(ctx, what, bay, onto, dice)
		if err != nil {
			return err
		}
		if onto = half; whole {
			break
		}
		if dice.IntN(2) == 0 {
			if err := between(half); err != nil {
				return err
			}
		}
		if dice.IntN(3) == 0 {
			onto = l.newDisk()
		}
	}
	if err := l.rebuildOnto(ctx, bay, onto); err != nil && !errors.Is(err, disk.ErrBayHere) {
		return fmt.Errorf("rebuild of %s after it was cut off: %w", diskName(bay), err)
	}
	l.disks[bay] = onto
	delete(l.hurt, bay)
	if what == RebuildCut {
		return l.check()
	}
	return l.readBack(ctx)
}

// cutRebuild is one rebuild that a power cut or Ctrl-C ends, and the disk as it is
// then. It is whole where the cut came too late.
func (l *life) cutRebuild(ctx context.Context, what Trouble, bay int, onto *vfs.Mem, dice *rand.Rand) (half *vfs.Mem, whole bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n, blackout := 1+dice.Int64N(120), dice.IntN(3) > 0
	p := plug(append(slices.Clone(l.disks), onto), n, func(p *power) {
		l.met[what]++
		if blackout {
			p.cut()
		} else {
			cancel()
		}
	})
	err = l.rebuildOnto(ctx, bay, onto)
	all, off := p.unplug(dice)
	l.disks, half = all[:len(l.disks)], all[len(l.disks)]
	l.say("rebuild of %s cut before operation %d (power %v): %v", diskName(bay), n, blackout, err)
	switch {
	case off, errors.Is(err, context.Canceled):
		return half, false, nil
	case err != nil:
		return nil, false, fmt.Errorf("rebuild of %s: %w", diskName(bay), err)
	}
	return half, true, nil
}

// rebuildOnto rebuilds a bay without a cut.
func (l *life) rebuildOnto(ctx context.Context, bay int, onto *vfs.Mem) error {
	rep, err := rebuild.Run(ctx, l.set(nil), rebuild.Options{Signer: l.signerKey(), Bay: bay, Onto: appliance.Disk{Name: "new", FS: onto}, Rand: randomID})
	if err == nil && len(rep.Lost) > 0 {
		err = fmt.Errorf("%w: a rebuild could not restore %v", errForgotten, rep.Lost)
	}
	return err
}
