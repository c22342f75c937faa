package importer

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

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
						asks(t, o, WantStop)
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
