package scan

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/internal/vfs"
)

var errLeased = errors.New("another program holds a lease on it and does not give it back")

const (
	leasePoll  = 20 * time.Millisecond
	leaseSlack = 5 * time.Second
)

// openLeased opens a file. One that another program holds a write lease on cannot
// be opened at once: the try tells the holder, and after lease-break-time the
// system takes the lease away.
func openLeased(ctx context.Context, dir vfs.Dir, name string) (vfs.TreeFile, error) {
	f, err := dir.Open(name)
	if !errors.Is(err, unix.EAGAIN) {
		return f, err
	}
	end := time.Now().Add(leaseBreakTime() + leaseSlack)
	for errors.Is(err, unix.EAGAIN) {
		if time.Now().After(end) {
			return nil, errLeased
		}
		if err := sleep(ctx, leasePoll); err != nil {
			return nil, DeviceError{err}
		}
		f, err = dir.Open(name)
	}
	return f, err
}

// leaseBreakTime is the system's, or its default.
func leaseBreakTime() time.Duration {
	b, err := os.ReadFile("/proc/sys/fs/lease-break-time")
	if s, nerr := strconv.Atoi(strings.TrimSpace(string(b))); err == nil && nerr == nil && s >= 0 {
		return time.Duration(s) * time.Second
	}
	return 45 * time.Second
}
