package simulator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/appliance/known"
	"github.com/sledge-io/sledge/internal/vfs"
)

// otherMedium puts another medium with the same names where the first one was. It is
// refused, and changes nothing; then it is taken out again, or said to be another
// source, or to take the first one's place.
func (l *life) otherMedium(ctx context.Context, dice *rand.Rand) error {
	if err := l.survived(l.loadOnce(ctx, l.set(nil))); err != nil {
		return err
	}
	if left, err := l.left(); err != nil || len(left) > 0 || len(l.promises.safe) == 0 {
		return err
	}
	if l.model.tree.Volume().ID == "" {
		return nil // nothing tells the two apart
	}
	card := emptySource(NewClock(l.clock.Now(), 0))
	card.tree.SetVolume(vfs.Volume{FS: "mem", ID: fmt.Sprintf("uuid:%d", dice.Uint64()), Root: "ino:1", StableInodes: true, TrustHoles: true})
	for _, path := range l.model.files() {
		if dice.IntN(2) == 0 {
			card.write(path, randomBytes(dice, sizes(dice)))
		}
	}
	card.write(fmt.Sprintf("card-%d", dice.IntN(1000)), randomBytes(dice, 100))
	if _, err := l.loadFrom(ctx, l.state, l.set(nil), card); !errors.Is(err, appliance.ErrOtherMedium) {
		return l.notRefused("another medium", err)
	}
	l.met[OtherMedium]++
	if err := l.check(); err != nil {
		return err
	}
	switch dice.IntN(3) {
	case 0: // the wrong card
		return nil
	case 1:
		card.as = fmt.Sprintf("card %d", dice.IntN(1000))
		l.others = append(l.others, card)
	case 2:
		card.moved = true
		l.model = card
	}
	return l.survived(second(l.loadFrom(ctx, l.state, l.set(nil), card)))
}

func (l *life) notRefused(what string, err error) error {
	if err != nil && isFinding(err) {
		return err
	}
	return fmt.Errorf("%w: %s was not refused: %w", errUntold, what, orDone(err))
}

// secondSource loads another folder beside the first. Where a path of it is taken, of
// whatever kind, above or below, all of it is refused, and a prefix leads out.
func (l *life) secondSource(ctx context.Context, dice *rand.Rand) error {
	if err := l.survived(l.loadOnce(ctx, l.set(nil))); err != nil {
		return err
	}
	if left, err := l.left(); err != nil || len(left) > 0 {
		return err
	}
	src := l.beside(dice)
	taken := l.taken(src)
	if taken == "" && l.meets(src) { // what the first source has not loaded is not its own yet
		src.as = fmt.Sprintf("beside-%d", dice.IntN(1000))
	}
	l.met[SecondSource]++
	_, err := l.loadFrom(ctx, l.state, l.set(nil), src)
	l.say("second source as %q, taken %q: %v", src.as, taken, err)
	switch {
	case taken == "":
		l.others = append(l.others, src)
		return l.survived(err)
	case !errors.Is(err, known.ErrTaken):
		return l.notRefused(fmt.Sprintf("%q, which is taken,", taken), err)
	}
	if err := l.check(); err != nil {
		return err
	}
	src.as = fmt.Sprintf("elsewhere-%d/in", dice.IntN(1000))
	if l.taken(src) != "" {
		return nil
	}
	l.others = append(l.others, src)
	return l.survived(second(l.loadFrom(ctx, l.state, l.set(nil), src)))
}

// beside makes a source that may clash with the first in each way.
func (l *life) beside(dice *rand.Rand) *model {
	src := emptySource(NewClock(l.clock.Now(), 0))
	src.root = fmt.Sprintf("/second-%d", dice.IntN(1000))
	src.tree.SetVolume(vfs.Volume{FS: "mem", ID: "uuid:second", Root: src.root, StableInodes: true, TrustHoles: true})
	paths := l.model.paths()
	path := paths[dice.IntN(len(paths))]
	switch dice.IntN(9) {
	case 5, 6, 7: // in a folder of both
		folder, name := parentOf(path), fmt.Sprintf("both-%d", dice.IntN(1000))
		if folder != "" {
			name = folder + "/" + name
		}
		src.write(name, randomBytes(dice, 100))
		return src
	case 0: // the same name
		src.write(path, randomBytes(dice, 100))
	case 1: // below what may be a file
		src.write(path+"/below", randomBytes(dice, 100))
	case 2: // what is a folder there
		src.write(strings.SplitN(path, "/", 2)[0], randomBytes(dice, 100))
	case 3: // a prefix that may be a file
		src.as = path
	case 4: // above
		src.as = parentOf(path)
		src.write(path[len(parentOf(path)):][min(1, len(parentOf(path))):], randomBytes(dice, 100))
	}
	for range 1 + dice.IntN(4) {
		size := sizes(dice)
		if l.small { // it fits
			size = min(size, 100)
		}
		src.write(fmt.Sprintf("second-%d/file-%d", dice.IntN(3), dice.IntN(1000)), randomBytes(dice, size))
	}
	if src.as == "" && dice.IntN(2) == 0 {
		src.as = fmt.Sprintf("own-%d", dice.IntN(1000))
	}
	return src
}

// taken is a path of a source that another one has, or has something above or below.
func (l *life) taken(src *model) string {
	for path, content := range src.now {
		at := src.at(path)
		for theirs, pr := range l.promises.safe {
			if pr.of != src.name() && clash(at, content == "dir", theirs, pr.may["dir"]) {
				return at
			}
		}
		for theirs, o := range l.promises.skipped {
			if o.of != src.name() && clash(at, content == "dir", theirs, false) {
				return at
			}
		}
	}
	return ""
}

// meets tells whether a source and the first one, as it is, would take each other's
// paths, loaded or not.
func (l *life) meets(src *model) bool {
	for path, content := range src.now {
		for theirs, other := range l.model.now {
			if clash(src.at(path), content == "dir", l.model.at(theirs), other == "dir") {
				return true
			}
		}
	}
	return false
}

func clash(a string, aDir bool, b string, bDir bool) bool {
	switch {
	case a == b:
		return !aDir || !bDir
	case within(a, b):
		return !aDir
	}
	return within(b, a) && !bDir
}
