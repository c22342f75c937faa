package simulator

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"syscall"

	"github.com/sledge-io/sledge/internal/vfs"
)

// sourceFails loads a source a second time while looks at some of its files and
// folders fail, in the scan or later. What the first load made safe stays. Most often
// the source is mended, and a last load has it whole.
func (l *life) sourceFails(ctx context.Context, dice *rand.Rand) error {
	if err := l.survived(l.loadOnce(ctx, l.set(nil))); err != nil {
		return err
	}
	for _, path := range l.model.files() {
		switch dice.IntN(6) {
		case 0:
			l.model.write(path, randomBytes(dice, sizes(dice)))
		case 1:
			l.model.tree.Chmod(path, 0o600)
		}
	}
	for range dice.IntN(3) {
		l.model.write(fmt.Sprintf("new-%d/file", dice.IntN(1000)), randomBytes(dice, sizes(dice)))
	}
	victims := l.victims(dice)
	for _, path := range victims { // what has not changed is not read again
		if dice.IntN(2) == 0 && isFile(l.model.now[path]) {
			l.model.write(path, randomBytes(dice, sizes(dice)))
		} else {
			l.model.tree.Chmod(path, 0o700)
		}
	}
	ops := []vfs.OpKind{vfs.OpStat, vfs.OpOpen, vfs.OpReadDir, vfs.OpRead}
	dice.Shuffle(len(ops), func(a, b int) { ops[a], ops[b] = ops[b], ops[a] })
	ops = ops[:1+dice.IntN(len(ops))]
	errno := []syscall.Errno{syscall.EIO, syscall.EACCES, syscall.ENOENT, syscall.EBUSY}[dice.IntN(4)]
	when := dice.IntN(3) // in the scan, after it, or whenever
	from, times := int64(1+dice.IntN(3)), int64([]int{1, 1 << 30}[dice.IntN(2)])
	var calls atomic.Int64
	l.model.fails = func(path string) bool { return slices.Contains(victims, path) }
	l.model.failing(func(c vfs.TreeCall) error {
		if !slices.Contains(ops, c.Op) || !slices.Contains(victims, c.Path) || when < 2 && l.model.loading() != (when == 1) {
			return nil
		}
		if n := calls.Add(1); n < from || n >= from+times {
			return nil
		}
		return errno
	})
	rep, err := l.load(ctx, l.set(nil))
	l.say("%v of %q: %v, call %d on, %d times, met %d", ops, victims, errno, from, times, calls.Load())
	if calls.Load() >= from {
		l.met[SourceFails]++
	}
	if rep != nil {
		l.say("skipped: %v", rep.Skipped)
	}
	if dice.IntN(4) > 0 {
		l.model.failing(nil)
		l.model.fails = nil
		if dice.IntN(2) == 0 { // the mend need not touch what it mends
			l.model.tree.Chmod(victims[0], 0o755)
		}
	}
	if err := l.survived(err); err != nil || l.model.fails != nil {
		return err
	}
	return l.survived(l.loadOnce(ctx, l.set(nil)))
}

// victims are some paths of the first source, of any kind.
func (l *life) victims(dice *rand.Rand) (victims []string) {
	paths := l.model.paths()
	for range 1 + dice.IntN(3) {
		victims = append(victims, paths[dice.IntN(len(paths))])
	}
	if folder := parentOf(victims[0]); folder != "" && dice.IntN(3) == 0 {
		victims = append(victims, folder)
	}
	return victims
}
