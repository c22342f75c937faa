package importer

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/importer/lease"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/manifest"
)

// keeping is a bucket that keeps each object for years, in whose time a test's bubble lives.
func keeping(t *testing.T) *retaining {
	b := newRetaining(t, target.Retention{Mode: "COMPLIANCE", Years: 7, Lock: true})
	b.wall = true
	return b
}

// retainedDevice is one of several devices that are imported into it.
func retainedDevice(b *retaining, device byte) (s *fakeSource, o Options, told *[]*target.Error) {
	s, told = newSource(), &[]*target.Error{}
	s.scope.Device = manifest.ID{device}
	s.file(string('a'+rune(device))+`\b`, []byte("hello")) // its name is probed, too
	o = testOptions(nil, memDisk())
	o.CleanUpLater, o.StatusEvery = true, time.Second
	o.Problem = func(e *target.Error) { *told = append(*told, e) }
	return s, o, told
}

// TestCleanUpTogether: several devices wait together for the end of their small objects'
// retention, and say so; nothing of these is left then, and none is named.
func TestCleanUpTogether(t *testing.T) {
	for _, inTarget := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b, began := keeping(t), time.Now()
			var devices sync.WaitGroup
			for device := byte(1); device <= 3; device++ {
				s, o, told := retainedDevice(b, device)
				o.JournalInTarget = inTarget
				res := mustRun(t, s, b, o)
				if took := time.Since(began); !res.Complete || took > time.Second || len(*told) > 0 {
					t.Errorf("%+v after %v, told %v", res, took, *told)
				}
				devices.Go(func() {
					if err := res.CleanUp(t.Context()); err != nil || len(*told) > 0 {
						t.Errorf("%v, told %v", err, *told)
					}
					if is := statusTold(t, o); is.State != request.StateDone || is.Waits != "" {
						t.Errorf("in the end %q %q", is.State, is.Waits)
					}
				})
				synctest.Wait()
				if is := statusTold(t, o); is.State != request.StateRunning || is.Waits != cleanUpTurn || is.Progress.Entries != 1 {
					t.Errorf("meanwhile %q %q", is.State, is.Waits)
				}
			}
			devices.Wait()
			if took := time.Since(began); took > 65*time.Second {
				t.Errorf("three devices took %v", took)
			}
			for _, key := range b.small() {
				if !inTarget || !strings.Contains(key, lease.Folder) && !strings.HasSuffix(key, mirrorHeader) {
					t.Errorf("%s is left", key)
				}
			}
		})
	}
}

// TestCleanUpKilled: what a process that died before its clean-up has left is removed by the next
// start of the run, soon after it or much later.
func TestCleanUpKilled(t *testing.T) {
	for _, after := range []time.Duration{time.Second, time.Hour} {
		for _, asks := range []error{nil, target.NewError(target.CodeAccessDenied, "", "no", nil)} {
			synctest.Test(t, func(t *testing.T) {
				b := keeping(t)
				s, o, told := retainedDevice(b, 1)
				mustRun(t, s, b, o)
				if len(b.small()) < 4 {
					t.Fatalf("only %q are left", b.small())
				}
				time.Sleep(after)
				b.asks, o.CleanUpLater = asks, false
				if res := mustRun(t, s, b, o); !res.Earlier || len(*told) > 0 || len(b.small()) > 0 {
					t.Errorf("after %v: left %q, told %v", after, b.small(), *told)
				}
			})
		}
	}
}

// TestCleanUpStopped: a clean-up that is stopped while it waits ends at once and names each object
// that it leaves, and the next start removes them.
func TestCleanUpStopped(t *testing.T) {
	for _, elsewhere := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := keeping(t)
			s, o, told := retainedDevice(b, 1)
			res := mustRun(t, s, b, o)
			ctx, stop := context.WithCancel(t.Context())
			began := time.Now()
			time.AfterFunc(10*time.Second, func() {
				if !elsewhere {
					stop()
				} else if err := status.WriteControl(o.StateDir, "", status.Control{Want: status.WantStop, At: o.Now()}); err != nil {
					t.Error(err)
				}
			})
			err := res.CleanUp(ctx)
			stop()
			if took := time.Since(began); err != nil || took < 10*time.Second || took > 15*time.Second {
				t.Errorf("%v after %v", err, took)
			}
			named := map[string]bool{}
			for _, e := range *told {
				named[e.Path] = true
			}
			for _, key := range b.small() {
				if !named[key] {
					t.Errorf("%s is left, and was not named: %v", key, *told)
				}
			}
			time.Sleep(time.Hour)
			if mustRun(t, s, b, o); len(b.small()) > 0 {
				t.Errorf("left %q", b.small())
			}
		})
	}
}
