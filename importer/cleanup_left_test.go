package importer

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
)

// TestCleanUpLeftKnown: what a clean-up leaves, because it was stopped or because the store's clock
// lets nothing go yet, stays known to the run: a later start removes it.
func TestCleanUpLeftKnown(t *testing.T) {
	for name, c := range map[string]struct{ stops, elsewhere, cancel bool }{
		"the store keeps it": {}, "stopped": {stops: true}, "stopped from elsewhere": {stops: true, elsewhere: true}, "a cancel stopped": {stops: true, cancel: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := keeping(t)
				s, o, told := retainedDevice(b, 1)
				if c.cancel {
					mustRun(t, s, b, o) // it dies before its clean-up
				} else {
					o.CleanUpLater = false
				}
				if !c.stops {
					b.ahead = 10 * time.Minute
				}
				again := func(ctx context.Context) error {
					if c.cancel {
						_, err := Cancel(ctx, s, b, o, true)
						return err
					}
					_, err := Run(ctx, s, b, o)
					return err
				}
				ctx, stop := context.WithCancel(t.Context())
				time.AfterFunc(10*time.Second, func() {
					switch {
					case c.elsewhere:
						asks(t, o, status.WantStop)
					case c.stops:
						stop()
					}
				})
				if err := again(ctx); err != nil && ctx.Err() == nil {
					t.Fatal(err)
				}
				stop()
				small := b.small()
				for _, key := range small {
					if !slices.ContainsFunc(*told, func(e *target.Error) bool { return e.Path == key }) {
						t.Errorf("%s is left, and was not named: %v", key, *told)
					}
				}
				if len(small) == 0 {
					t.Fatal("nothing is left")
				}
				time.Sleep(time.Hour)
				if err := again(t.Context()); err != nil || len(b.small()) > 0 {
					t.Errorf("left for good: %q, %v", b.small(), err)
				}
			})
		})
	}
}

// TestCleanUpLeftTold: what a clean-up leaves behind is in the status, too, whether it is of the
// run itself, of several devices together, or of a start after the run's end.
func TestCleanUpLeftTold(t *testing.T) {
	for name, c := range map[string]struct{ together, later bool }{"in its run": {}, "together": {together: true}, "of a later start": {later: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := keeping(t)
				s, o, told := retainedDevice(b, 1)
				if o.CleanUpLater = c.together || c.later; !o.CleanUpLater {
					b.ahead = 10 * time.Minute
				}
				res := mustRun(t, s, b, o)
				if (res.later != nil) != o.CleanUpLater {
					t.Fatal("its clean-up waits or not")
				}
				b.keepAll()
				if c.later { // the process dies before its clean-up
					o.CleanUpLater = false
					res = mustRun(t, s, b, o)
				}
				if err := res.CleanUp(t.Context()); err != nil {
					t.Fatal(err)
				}
				is := statusTold(t, o)
				if n := is.Problems[target.CodeProbeLeft]; n == 0 || int(n+is.Problems[target.CodeJournalLeft]) != len(*told) || is.State != request.StateDone {
					t.Errorf("%s, met %v, of %v", is.State, is.Problems, *told)
				}
				if got := res.Problems(); got[target.CodeProbeLeft] != uint64(len(b.small())-1) {
					t.Errorf("the result says %v, and %q are left", got, b.small())
				}
			})
		})
	}
}

// keepAll keeps what is there for years.
func (b *retaining) keepAll() {
	b.lk.Lock()
	defer b.lk.Unlock()
	for _, versions := range b.versions {
		for i := range versions {
			versions[i].until = b.tell().AddDate(7, 0, 0)
		}
	}
}
