package simulator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/appliance/rebuild"
	"github.com/sledge-io/sledge/firmware"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// errDoubled is a finding: a second command was let in, or the first was disturbed.
var errDoubled = errors.New("started twice")

// doubled runs first, and before one of its operations a second command on the same
// disks: from the same state folder or from another, such as a copy. The second must
// be refused as busy, and the first must not feel it.
func (l *life) doubled(ctx context.Context, what Trouble, dice *rand.Rand, first func() error) error {
	n := 1 + dice.Int64N(600)
	state, whose := l.state, "its"
	if dice.IntN(2) == 0 {
		state, whose = newMem(), "another"
	}
	name, second := l.second(ctx, dice.IntN(4), state)
	var met bool
	var refusal error
	interrupt(l.disks, n, func() { met, refusal = true, second() })
	err := first()
	interrupt(l.disks, 0, nil)
	if !met {
		return err
	}
	l.met[what]++
	l.say("%s: %s from %s state folder before operation %d: %v", what, name, whose, n, refusal)
	if !errors.Is(refusal, firmware.ErrBusy) && !errors.Is(refusal, appliance.ErrBusy) {
		return fmt.Errorf("%w: %s from %s state folder before operation %d was not refused as busy: %w", errDoubled, name, whose, n, orDone(refusal))
	}
	if err != nil && len(l.hurt) == 0 && !(l.small && errors.Is(err, appliance.ErrFull)) {
		return fmt.Errorf("%w: the first felt it: %w", errDoubled, err)
	}
	return err
}

// second is a command that has no business on disks which another one changes.
func (l *life) second(ctx context.Context, which int, state vfs.FS) (name string, run func() error) {
	switch disks := l.set(nil); which {
	case 0:
		return "load", func() error { return second(l.loadFrom(ctx, state, disks, l.model)) }
	case 1:
		return "seal", func() error { return l.sealFrom(ctx, state, disks) }
	case 2:
		return "unlock", func() error { return l.unlockFrom(state, disks) }
	default:
		onto := appliance.Disk{Name: "new", FS: l.newDisk()}
		return "rebuild", func() error { // without a device: it asks for no state folder
			return second(rebuild.Run(ctx, disks, rebuild.Options{Signer: l.signerKey(), Bay: 0, Onto: onto, Rand: randomID}))
		}
	}
}

func (l *life) unlockFrom(state vfs.FS, disks []appliance.Disk) error {
	held, err := firmware.Lock(state, "unlock")
	if err != nil {
		return err
	}
	defer held.Close()
	cfg := l.cfg
	cfg.Disks = disks
	return second(appliance.Prepare(cfg, l.code))
}

// doubledImport starts the import again in the state folder in which it is at work.
func (w *world) doubledImport(ctx context.Context, h *host, dice *rand.Rand) error {
	n := 2 + dice.Int64N(200) // the first one makes the lock in a new folder
	again := &host{run: h.run, state: h.state, codes: map[string]target.Code{}}
	var met bool
	var refusal error
	interrupt([]*vfs.Mem{h.state}, n, func() { met, refusal = true, w.run(ctx, again, again.state, w.quiet()) })
	err := w.run(ctx, h, h.state, w.quiet())
	interrupt([]*vfs.Mem{h.state}, 0, nil)
	if !met {
		return w.survived(err)
	}
	w.met[DoubleImport]++
	w.say("started again before operation %d: %v", n, refusal)
	if !coded(refusal, target.CodeStateLocked) {
		return fmt.Errorf("%w: the import before operation %d was not refused as locked: %w", errDoubled, n, orDone(refusal))
	}
	if coded(err, target.CodeStateLocked) || coded(err, target.CodeTakenOver) {
		return fmt.Errorf("%w: the first felt it: %w", errDoubled, err)
	}
	return w.survived(err)
}

func coded(err error, code target.Code) bool {
	var e *target.Error
	return errors.As(err, &e) && e.Code == code
}

// interrupt calls then before the nth changing operation of disks, in its place: the
// other operations go on meanwhile. A nil then ends that.
func interrupt(disks []*vfs.Mem, n int64, then func()) {
	var ops atomic.Int64
	hook := func(vfs.Op) error {
		if ops.Add(1) == n {
			then()
		}
		return nil
	}
	if then == nil {
		hook = nil
	}
	for _, m := range disks {
		if m != nil {
			m.OnOp(hook)
		}
	}
}

// orDone gives an error for what should have been one.
func orDone(err error) error {
	if err == nil {
		return errors.New("it was done")
	}
	return err
}

func second[T any](_ T, err error) error { return err }
