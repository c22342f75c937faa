package simulator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/appliance/known"
)

// kindsFlip loads, has files become folders with files in them, folders files or
// links, links files, and loads again; now and then all becomes what it was.
func (l *life) kindsFlip(ctx context.Context, dice *rand.Rand) error {
	if dice.IntN(4) == 0 && !l.small {
		l.met[KindsFlip]++
		return l.flipCut(ctx, dice)
	}
	first := func() error { return l.survived(l.loadOnce(ctx, l.set(nil))) }
	if len(l.others) == 0 && dice.IntN(4) == 0 { // in whose folders something flips
		first = func() error { return l.secondSource(ctx, dice) }
	}
	if err := first(); err != nil {
		return err
	}
	for _, path := range append(l.victims(dice), l.shared(dice)...) {
		l.flip(path, dice)
		l.met[KindsFlip]++
	}
	if err := l.loadFlipped(ctx); err != nil || dice.IntN(2) == 0 {
		return err
	}
	for _, path := range l.victims(dice) {
		l.flip(path, dice)
	}
	return l.loadFlipped(ctx)
}

// loadFlipped loads the first source after flips. Where one has taken a folder away in
// which another source has something, or has made something where another source's is,
// nothing is loaded, and the operator takes it back.
func (l *life) loadFlipped(ctx context.Context) error {
	if err := l.takenBack(ctx); err != nil {
		return err
	}
	return l.survived(l.loadOnce(ctx, l.set(nil)))
}

// shared is now and then a folder of the first source that another source has
// something in.
func (l *life) shared(dice *rand.Rand) (folders []string) {
	for _, path := range l.model.paths() {
		if l.model.now[path] == "dir" && l.inFolder(path) {
			folders = append(folders, path)
		}
	}
	if len(folders) == 0 || dice.IntN(2) == 0 {
		return nil
	}
	return []string{folders[dice.IntN(len(folders))]}
}

// takenBack has a load of the first source refused, if it must be, and makes the source
// one that can be loaded.
func (l *life) takenBack(ctx context.Context) error {
	at := l.taken(l.model)
	if at == "" {
		return nil
	}
	l.met[FlipRefused]++
	if err := l.loadOnce(ctx, l.set(nil)); !errors.Is(err, known.ErrTaken) {
		return l.notRefused(fmt.Sprintf("%q, which another source has,", at), err)
	}
	for ; at != ""; at = l.taken(l.model) {
		l.say("%q is taken, and is taken back", at)
		l.model.remove(at)
		if l.inFolder(at) {
			l.model.mkdir(at)
		}
	}
	return l.check()
}

// inFolder tells whether another source has something below a path.
func (l *life) inFolder(at string) bool {
	for theirs, pr := range l.promises.safe {
		if pr.of != l.model.name() && theirs != at && within(at, theirs) {
			return true
		}
	}
	return false
}

func (l *life) flip(path string, dice *rand.Rand) {
	content, there := l.model.now[path]
	if !there {
		return // an earlier flip took it away
	}
	l.model.remove(path)
	next := []string{"file", "dir", "link"}[dice.IntN(3)]
	if next == kindOf(content) {
		next = map[string]string{"file": "dir", "dir": "link", "link": "file"}[next]
	}
	l.say("%q: %s becomes %s", path, kindOf(content), next)
	switch next {
	case "file":
		l.model.write(path, randomBytes(dice, sizes(dice)))
	case "link":
		l.model.symlink("nowhere else", path)
	default:
		l.model.mkdir(path)
		for n := range dice.IntN(3) {
			l.model.write(fmt.Sprintf("%s/below-%d", path, n), randomBytes(dice, sizes(dice)))
		}
	}
}

// modesChange loads, changes rights and nothing else, and loads again: no content is
// stored twice.
func (l *life) modesChange(ctx context.Context, dice *rand.Rand) error {
	if err := l.survived(l.loadOnce(ctx, l.set(nil))); err != nil || len(l.promises.safe) == 0 {
		return err
	}
	before, err := l.stored()
	if err != nil {
		return err
	}
	for _, path := range l.model.paths() {
		if dice.IntN(2) == 0 {
			l.model.tree.Chmod(path, 0o640)
		}
	}
	whole := true
	for path, content := range l.model.now {
		pr := l.promises.safe[path]
		whole = whole && pr != nil && pr.may[content] && len(pr.may) == 1 && pr.mtime != 0
	}
	l.met[ModesChange]++
	if err := l.survived(l.loadOnce(ctx, l.set(nil))); err != nil {
		return err
	}
	after, err := l.stored()
	if err == nil && whole && after.BodyBytes != before.BodyBytes {
		return fmt.Errorf("%w: modes changed, and %d bytes of content were stored again", errUntold, after.BodyBytes-before.BodyBytes)
	}
	return err
}

// stored is the device's status.
func (l *life) stored() (s appliance.Status, err error) {
	d, err := l.open(l.set(nil))
	if err != nil {
		return s, err
	}
	defer d.Close()
	return d.Status(), nil
}

// linksRotate loads snapshots that share their files by hard links, rotates them as
// backup programs do, and loads again.
func (l *life) linksRotate(ctx context.Context, dice *rand.Rand) error {
	if dice.IntN(3) == 0 {
		l.met[LinksRotate]++
		return l.linksSwap(ctx, dice)
	}
	m := l.model
	set := fmt.Sprintf("snapshots-%d/", dice.IntN(1000))
	if _, there := m.now[set[:len(set)-1]]; there {
		return nil
	}
	at := func(n int, name string) string { return fmt.Sprintf("%sd%d/%s", set, n, name) }
	for _, name := range []string{"a", "b"} {
		m.write(at(0, name), randomBytes(dice, sizes(dice)))
		m.link(at(0, name), at(1, name))
		if dice.IntN(2) == 0 {
			m.link(at(0, name), at(2, name))
		}
	}
	l.met[LinksRotate]++
	if err := l.survived(l.loadOnce(ctx, l.set(nil))); err != nil {
		return err
	}
	for _, name := range []string{"a", "b"} {
		m.link(at(1, name), at(3, name))
		switch dice.IntN(4) {
		case 0: // gone
			m.remove(at(0, name))
		case 1: // of another kind
			m.remove(at(0, name))
			m.symlink("../d1/"+name, at(0, name))
		default: // new, under the carrier's name, and now and then as long
			size := len(m.now[at(0, name)]) - len("file ")
			m.remove(at(0, name))
			m.write(at(0, name), randomBytes(dice, []int{size, sizes(dice)}[dice.IntN(2)]))
		}
		if dice.IntN(2) == 0 {
			m.link(at(0, name), at(4, name))
		}
	}
	if dice.IntN(2) == 0 { // what was linked keeps its version, which names a carrier that is another file now
		l.met[LinksFail]++
		l.failForGood(func(path string) bool { return path == at(1, "a") || path == at(2, "a") || path == at(2, "b") })
	}
	return l.survived(l.loadOnce(ctx, l.set(nil)))
}
