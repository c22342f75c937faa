package simulator

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"syscall"

	"github.com/sledge-io/sledge/internal/vfs"
)

// attributesFail loads while the extended attributes of some paths cannot be listed or
// read, and once more when they can. New content is taken all the same; a version that has its attributes
// may stay instead.
func (l *life) attributesFail(ctx context.Context, dice *rand.Rand) error {
	if dice.IntN(2) == 0 { // attributes that were read once, and then not
		if err := l.survived(l.loadOnce(ctx, l.set(nil))); err != nil {
			return err
		}
	}
	victims := l.victims(dice)
	for _, path := range victims {
		if isFile(l.model.now[path]) && dice.IntN(2) == 0 {
			l.model.write(path, randomBytes(dice, sizes(dice)))
			l.model.setAttrs(path, map[string]string{"user.note": "late", "user.empty": "no more"})
		}
	}
	errno := []syscall.Errno{syscall.EIO, syscall.EACCES}[dice.IntN(2)]
	from := int64(1 + dice.IntN(3))
	var calls atomic.Int64
	l.model.failing(func(c vfs.TreeCall) error {
		if c.Op != vfs.OpXattr || !slices.Contains(victims, c.Path) || calls.Add(1) < from {
			return nil
		}
		return errno
	})
	err := l.loadOnce(ctx, l.set(nil))
	l.say("attributes of %q: %v from call %d on, met %d", victims, errno, from, calls.Load())
	if calls.Load() >= from {
		l.met[AttributesFail]++
	}
	if err := l.survived(err); err != nil {
		return err
	}
	l.model.failing(nil)
	return l.survived(l.loadOnce(ctx, l.set(nil)))
}
