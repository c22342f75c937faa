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

// shortage is a lack of descriptors: of the calls that open or make a file some fail,
// on any disk or in the source.
type shortage struct {
	calls    atomic.Int64
	from, to int64
	err      error
	inSource bool
}

func newShortage(dice *rand.Rand) *shortage {
	s := &shortage{from: 1 + dice.Int64N(300), err: []syscall.Errno{syscall.EMFILE, syscall.ENFILE}[dice.IntN(2)]}
	s.to = s.from + []int64{1, 20, 1 << 40}[dice.IntN(3)]
	if s.inSource = dice.IntN(3) == 0; s.inSource {
		s.from, s.to = s.from/4+1, s.to/4+2
	}
	return s
}

// met tells whether a call has failed.
func (s *shortage) met() bool { return s != nil && s.calls.Load() >= s.from }

func (s *shortage) short() bool {
	n := s.calls.Add(1)
	return n >= s.from && n < s.to
}

// noDescriptors loads while the process, or the system, has no descriptors left. That is
// no disk's fault, and says nothing of the source: no disk may be condemned, nothing may
// be left out, and nothing is lost.
func (l *life) noDescriptors(ctx context.Context, dice *rand.Rand) error {
	s := newShortage(dice)
	disks := l.set(func(_ int, m *vfs.Mem) vfs.FS {
		if s.inSource {
			return m
		}
		return &scarce{m, s}
	})
	if s.inSource {
		l.model.tree.OnCall(func(c vfs.TreeCall) error { // no excuse for a remark
			if c.Op == vfs.OpOpen && s.short() {
				return s.err
			}
			return nil
		})
	}
	l.scarce = s
	rep, err := l.load(ctx, disks)
	l.scarce = nil
	l.model.failing(nil)
	if s.met() {
		l.met[NoDescriptors]++
	}
	l.say("%v at calls %d to %d of %d, in the source: %v: %v", s.err, s.from, s.to, s.calls.Load(), s.inSource, err)
	if errors.Is(err, appliance.ErrForeign) {
		return fmt.Errorf("%w: a disk was called foreign for a lack of descriptors: %w", errNotBorne, err)
	}
	if rep != nil && len(rep.FailedDisks) > 0 {
		return fmt.Errorf("%w: a disk was blamed for a lack of descriptors: %v", errNotBorne, rep.FailedDisks)
	}
	if !s.met() {
		return l.survived(err)
	}
	return l.survived(err, excuse{s.err, "the process has no descriptors"})
}

// scarce is a disk whose opens count with those of the others.
type scarce struct {
	vfs.FS
	*shortage
}

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
