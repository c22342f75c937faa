package firmware

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sledge-io/sledge/internal/vfs"
)

const (
	lockName  = "lock"
	maxHolder = 100 // bytes that are read of who holds the lock
)

// ErrBusy: another command is at work on the device.
var ErrBusy = errors.New("another sledge command is at work on this device")

// Lock holds a state folder against every other command, until the closer is closed
// or the process ends, however that ends. holder is told to whom it refuses.
func Lock(state vfs.FS, holder string) (io.Closer, error) {
	held, err := vfs.Lock(state, lockName)
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

// Busy tells whether a command holds the state folder.
func Busy(state vfs.FS) bool {
	if _, err := state.Stat(lockName); err != nil {
		return false // no command has changed this folder yet; nor do we
	}
	held, err := vfs.Lock(state, lockName)
	if err == nil {
		held.Close() // the system gives the lock back whatever this says
	}
	return errors.Is(err, vfs.ErrLocked)
}
