package simulator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/internal/vfs"
)

// committing tells when a load has made something durable: its second frame.
func (l *life) committing() func(vfs.Op) bool {
	syncs := 0
	return func(op vfs.Op) bool {
		if op.Kind == vfs.OpSync && strings.Contains(op.Name, "/journal/") {
			syncs++
		}
		return syncs > 2*(l.cfg.Job.Geometry.M+1)
	}
}

// unfinished interrupts a load of the first source, which has something new, and tells
// whether it is left unfinished.
func (l *life) unfinished(ctx context.Context, dice *rand.Rand) (left []appliance.UnfinishedError, err error) {
	size := int(l.cfg.Job.Policy.PackSize)
	for range 2 + dice.IntN(2) { // more than one pack
		l.model.write(fmt.Sprintf("more-%04d", dice.IntN(10000)), randomBytes(dice, size/2+dice.IntN(size/2)))
	}
	if dice.IntN(2) == 0 {
		for _, path := range l.victims(dice) {
			l.flip(path, dice)
		}
		if err := l.takenBack(ctx); err != nil {
			return nil, err
		}
	}
	what := []Trouble{PowerCut, CtrlC}[dice.IntN(2)]
	if err := l.interrupt(ctx, what, 1+dice.Int64N(60), l.committing(), dice, nil); err != nil {
		return nil, err
	}
	return l.left()
}

// left are the loads that have begun and not ended.
func (l *life) left() ([]appliance.UnfinishedError, error) {
	if !l.begun() {
		return nil, nil
	}
	d, err := l.open(l.set(nil))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Unfinished()
}

// continued interrupts a load, changes the source, and goes on with it: what came in
// between is loaded by the same call.
func (l *life) continued(ctx context.Context, dice *rand.Rand) error {
	left, err := l.unfinished(ctx, dice)
	if err != nil {
		return err
	}
	for _, path := range l.model.files() {
		switch dice.IntN(8) {
		case 0:
			l.model.remove(path)
		case 1:
			l.model.write(path, randomBytes(dice, sizes(dice)))
		case 2:
			l.flip(path, dice)
		}
	}
	l.model.write(fmt.Sprintf("between-%d/new", dice.IntN(1000)), randomBytes(dice, sizes(dice)))
	if len(left) > 0 {
		l.met[Continued]++
	}
	if l.taken(l.model) != "" { // the refused call goes on with the list
		return l.loadFlipped(ctx)
	}
	before := l.met[NotRecognised]
	rep, err := l.load(ctx, l.set(nil))
	if err == nil && len(left) > 0 && !rep.Resumed && l.met[NotRecognised] == before {
		return fmt.Errorf("%w: %v, and the next load did not go on with it", errUntold, &left[0])
	}
	return l.survived(err)
}

// abandoned interrupts a load and gives it up. Until then no other load and no seal
// forgets it.
func (l *life) abandoned(ctx context.Context, dice *rand.Rand) error {
	left, err := l.unfinished(ctx, dice)
	if err != nil || len(left) == 0 {
		return err
	}
	l.met[Abandoned]++
	other := emptySource(NewClock(l.clock.Now(), 0))
	other.root, other.as = "/other", fmt.Sprintf("other-%d", dice.IntN(1000))
	other.write("file", randomBytes(dice, 100))
	if _, err := l.loadFrom(ctx, l.state, l.set(nil), other); !errors.Is(err, appliance.ErrUnfinished) {
		return fmt.Errorf("%w: another load was not refused while one was unfinished: %w", errUntold, orDone(err))
	}
	if err := l.seal(ctx, l.set(nil)); !errors.Is(err, seal.ErrIncomplete) {
		return fmt.Errorf("%w: a seal was not refused while a load was unfinished: %w", errUntold, orDone(err))
	}
	if err := l.abandon(&left[0]); err != nil {
		return fmt.Errorf("%w: %w", errNotBorne, err)
	}
	if left, err = l.left(); err != nil || len(left) > 0 {
		return fmt.Errorf("%w: given up, and still there: %v, %w", errUntold, left, orDone(err))
	}
	return l.check()
}

func (l *life) abandon(u *appliance.UnfinishedError) error {
	d, err := l.open(l.set(nil))
	if err != nil {
		return err
	}
	defer d.Close()
	_, err = d.Abandon(u.Root, u.As)
	return err
}

// leaveUnfinished interrupts the last load; if that leaves it unfinished, the device is
// sealed as it is.
func (l *life) leaveUnfinished(ctx context.Context) error {
	left, err := l.unfinished(ctx, rand.New(rand.NewPCG(l.plan.Seed, 0x6c656674)))
	if err != nil {
		return err
	}
	s, err := l.stored()
	if err == nil && len(left) > 0 && s.Entries > 0 {
		l.met[LeftUnfinished]++
		l.partial, l.incomplete = true, true
		l.say("left: %v", &left[0])
	}
	return err
}
