package simulator

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"syscall"

	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/internal/vfs"
)

// sourceGone pulls the source out in the middle of a load: every call fails from some
// call on. The load says so, and goes on when the source is back.
func (l *life) sourceGone(ctx context.Context, dice *rand.Rand) error {
	for n := range 1 + dice.IntN(30) {
		l.model.write(fmt.Sprintf("pulled-%d/%d", dice.IntN(4), n), randomBytes(dice, sizes(dice)))
	}
	n, errno := 1+dice.Int64N(400), []syscall.Errno{syscall.ENODEV, syscall.ESTALE, syscall.EIO}[dice.IntN(3)]
	var calls atomic.Int64
	l.model.failing(func(vfs.TreeCall) error {
		if calls.Add(1) < n {
			return nil
		}
		return errno
	})
	err := l.loadOnce(ctx, l.set(nil))
	l.model.failing(nil)
	l.say("%v from call %d on, %d were made: %v", errno, n, calls.Load(), err)
	if calls.Load() >= n {
		l.met[SourceGone]++
		if err == nil {
			return fmt.Errorf("%w: the source had gone, and the load ended well", errUntold)
		}
	}
	if err := l.survived(err, excuse{scan.ErrSourceGone, "the source has gone"}, excuse{errno, "its root could not be listed"}); err != nil {
		return err
	}
	return l.survived(l.loadOnce(ctx, l.set(nil)))
}
