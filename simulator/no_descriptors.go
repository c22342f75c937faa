package simulator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"syscall"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/internal/vfs"
)

// noDescriptors has one call that opens or makes a file, on any disk, fail because the
// process, or the system, has no descriptors left. That is no disk's fault: none may be
// condemned, and nothing is lost.
func (l *life) noDescriptors(ctx context.Context, dice *rand.Rand) error {
	n, errno := 1+dice.Int64N(300), []syscall.Errno{syscall.EMFILE, syscall.ENFILE}[dice.IntN(2)]
	var calls atomic.Int64
	disks := l.set(func(_ int, m *vfs.Mem) vfs.FS { return &scarce{FS: m, calls: &calls, nth: n, err: errno} })
	l.scarce = true
	rep, err := l.load(ctx, disks)
	l.scarce = false
	if calls.Load() >= n {
		l.met[NoDescriptors]++
	}
	l.say("%v at call %d of %d: %v", errno, n, calls.Load(), err)
	if errors.Is(err, appliance.ErrForeign) {
		return fmt.Errorf("%w: a disk was called foreign for a lack of descriptors: %w", errNotBorne, err)
	}
	if rep != nil && len(rep.FailedDisks) > 0 {
		return fmt.Errorf("%w: a disk was blamed for a lack of descriptors: %v", errNotBorne, rep.FailedDisks)
	}
	return l.survived(err, excuse{errno, "the process has no descriptors"})
}

// scarce is a disk whose opens count with those of the others.
type scarce struct {
	vfs.FS
	calls *atomic.Int64
	nth   int64
	err   error
}

func (s *scarce) short() bool { return s.calls.Add(1) == s.nth }

// Open is vfs.FS.Open.
func (s *scarce) Open(name string, o vfs.OpenOptions) (vfs.File, error) {
	if s.short() {
		return nil, fmt.Errorf("open %s: %w", name, s.err)
	}
	return s.FS.Open(name, o)
}

// Create is vfs.FS.Create.
func (s *scarce) Create(name string, o vfs.CreateOptions) (vfs.File, error) {
	if s.short() {
		return nil, fmt.Errorf("create %s: %w", name, s.err)
	}
	return s.FS.Create(name, o)
}
