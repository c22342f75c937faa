package firmware

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sledge-io/sledge/internal/vfs"
)

const (
	lockName  = "lock"
	nextName  = "lock.next" // held by a command that waits for the lock
	maxHolder = 100         // bytes that are read of who holds the lock
	lockPause = 10 * time.Millisecond
)

// ErrBusy: another command is at work on the device.
var ErrBusy = errors.New("another sledge command is at work on this device")

// Lock holds a state folder against every other command, until the closer is closed
// or the process ends, however that ends. holder is told to whom it refuses. It does
// not wait.
func Lock(state vfs.FS, holder string) (io.Closer, error) {
	return take(state, holder, vfs.LongLock)
}

// LockPatiently is Lock for a command that has work to do: who only looks at the
// device by [LockBriefly] is waited for, until ctx ends, and lets nobody else look
// before this command has had its turn. Another command at work is ErrBusy at once.
func LockPatiently(ctx context.Context, state vfs.FS, holder string) (io.Closer, error) {
	held, err := Lock(state, holder)
	if !errors.Is(err, ErrBusy) {
		return held, err
	}
	if next, err := vfs.Lock(state, nextName); err == nil {
		defer next.Close() // one that waits is enough for those who look to stand back
	}
	return await(ctx, state, func() (io.Closer, error) { return Lock(state, holder) })
}

// LockBriefly holds a state folder for a look at the disks, which takes no longer than
// that. Others who look are waited for, until ctx ends; a command that has work to do
// is ErrBusy at once, also if it only waits for its turn.
func LockBriefly(ctx context.Context, state vfs.FS, holder string) (io.Closer, error) {
	return await(ctx, state, func() (io.Closer, error) {
		if kind, err := vfs.Locked(state, nextName); err == nil && kind != vfs.NoLock {
			return nil, errNext
		}
		return take(state, holder, vfs.BriefLock)
	})
}

// errNext stops a wait.
var errNext = fmt.Errorf("%w: it waits for its turn", ErrBusy)

// await tries again while the lock is one that is soon given back.
func await(ctx context.Context, state vfs.FS, try func() (io.Closer, error)) (io.Closer, error) {
	for {
		held, err := try()
		if !errors.Is(err, ErrBusy) || errors.Is(err, errNext) || Busy(state) {
			return held, err
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(err, context.Cause(ctx))
		case <-time.After(lockPause):
		}
	}
}

func take(state vfs.FS, holder string, kind vfs.LockKind) (io.Closer, error) {
	held, err := vfs.LockAs(state, lockName, kind)
	if errors.Is(err, vfs.ErrLocked) {
		b, _ := vfs.ReadFile(state, lockName, maxHolder)
		return nil, fmt.Errorf("%w (%s)", ErrBusy, strings.TrimSpace(string(b)))
	}
	if err != nil {
		return nil, err
	}
	if err := tell(state, holder); err != nil {
		return nil, errors.Join(err, held.Close())
	}
	return held, nil
}

// tell writes who holds the lock. It is for a reader of this moment: nothing is synced.
func tell(state vfs.FS, holder string) error {
	f, err := state.Open(lockName, vfs.OpenOptions{Write: true})
	if err != nil {
		return err
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(holder+"\n"), 0)
	}
	return errors.Join(err, f.Close())
}

// Busy tells whether a command is at work in the state folder. It takes no lock: a
// command that starts at this moment does not feel it. Who only looks is not at work.
func Busy(state vfs.FS) bool {
	kind, err := vfs.Locked(state, lockName)
	return err == nil && kind == vfs.LongLock
}
