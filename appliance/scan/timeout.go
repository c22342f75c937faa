package scan

import (
	"context"
	"fmt"
	"time"

	"github.com/sledge-io/sledge/internal/vfs"
)

// DefaultTimeout is how long one call on the source is waited for. A server that starts
// anew, and a file that is fetched from tape, may take minutes.
const DefaultTimeout = 10 * time.Minute

// stopGrace is how long calls in flight are still waited for when a load is to end.
const stopGrace = 2 * time.Second

// stopping is why the calls on a source are not waited for any more.
type stopping struct{ why error }

// stopped returns why nobody waits for calls any more, or nil.
func (s *watch) stopped() error {
	if st := s.stop.Load(); st != nil {
		return st.why
	}
	return nil
}

// OpenTimed is Open of a source whose calls end: one that takes longer than timeout (0 is
// DefaultTimeout) fails with vfs.ErrNoAnswer. When ctx ends, calls are waited for a moment
// longer, and then the source is lost by ctx's cause, so that nothing that has failed
// thereby is recorded.
func OpenTimed(ctx context.Context, root, prefix string, tree vfs.Tree, timeout time.Duration) (*Source, error) {
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	type opened struct {
		src *Source
		err error
	}
	got := make(chan opened, 1)
	go func() {
		src, err := Open(root, prefix, tree)
		got <- opened{src, err}
	}()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case o := <-got:
		if o.err != nil {
			return nil, o.err
		}
		o.src.timed(ctx, timeout)
		return o.src, nil
	case <-timer.C:
		return nil, fmt.Errorf("source %s: %w within %s", root, vfs.ErrNoAnswer, timeout)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// timed has the source's calls end.
func (s *Source) timed(ctx context.Context, timeout time.Duration) {
	stopped := make(chan struct{})
	tree := vfs.Timed(s.tree, timeout, stopped)
	s.tree = tree
	s.watch.check, s.watch.alive = tree.Check, func() bool { return sampleTree(tree) }
	s.unwatch = context.AfterFunc(ctx, func() {
		time.AfterFunc(stopGrace, func() {
			s.watch.stop.Store(&stopping{context.Cause(ctx)}) // before a call fails by it
			close(stopped)
		})
	})
}

// Stopped returns why the source's calls are not waited for any more, or nil. What came
// after that is of no worth.
func (s *Source) Stopped() error { return s.watch.stopped() }
