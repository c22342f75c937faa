package importer

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
)

// deaf is a store that takes some requests, and never answers them.
type deaf struct {
	*fakeTarget
	to func(call, key string) bool
}

func (d *deaf) hear(ctx context.Context, call, key string) error {
	if d.to != nil && d.to(call, key) {
		return end(ctx)
	}
	return nil
}

func (d *deaf) Put(ctx context.Context, in target.PutRequest) (target.Stored, error) {
	if err := d.hear(ctx, "put", in.Key); err != nil {
		return target.Stored{}, err
	}
	return d.fakeTarget.Put(ctx, in)
}

func (d *deaf) CompleteUpload(ctx context.Context, in target.CompleteRequest) (target.Stored, error) {
	if err := d.hear(ctx, "complete", in.Key); err != nil {
		return target.Stored{}, err
	}
	return d.fakeTarget.CompleteUpload(ctx, in)
}

func (d *deaf) Get(ctx context.Context, key, version string) (io.ReadCloser, error) {
	if err := d.hear(ctx, "get", key); err != nil {
		return nil, err
	}
	return d.fakeTarget.Get(ctx, key, version)
}

func (d *deaf) Head(ctx context.Context, key string) (target.Object, error) {
	if err := d.hear(ctx, "head", key); err != nil {
		return target.Object{}, err
	}
	return d.fakeTarget.Head(ctx, key)
}

// TestStopEndsWaiting: whoever ends the command does not wait for a store that answers nobody,
// whatever is under way; what is durable is told, and the next start goes on.
func TestStopEndsWaiting(t *testing.T) {
	for name, to := range map[string]func(call, key string) bool{
		"the probe":   func(call, key string) bool { return !ours(key) },
		"its objects": func(call, key string) bool { return call == "put" && !ours(key) },
		"a PUT":       func(call, key string) bool { return call == "put" && key == "in/a" },
		"a Complete":  func(call, key string) bool { return call == "complete" && key == "in/big" },
		"all":         func(string, string) bool { return true },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, d, o := mixed(), &deaf{newFake(t), to}, testOptions(t, memDisk())
				o.Problem = func(e *target.Error) {
					if e.Code == target.CodeConnectionLost {
						t.Errorf("a stop is told as %v", e)
					}
				}
				ctx, stop := context.WithCancel(t.Context())
				time.AfterFunc(time.Minute, stop)
				began := time.Now()
				res, err := Run(ctx, s, d, o)
				if took := time.Since(began) - time.Minute; took > 5*time.Second {
					t.Errorf("%v after the stop", took)
				}
				if !errors.Is(err, context.Canceled) && !(err == nil && res.Interrupted) || target.HasCode(err, target.CodeConnectionLost) {
					t.Errorf("%v, %+v", err, res)
				}
				if res != nil && (name == "a PUT" || name == "a Complete") && (res.Tally.Entries() == 0 || res.Unfinished == 0) {
					t.Errorf("what is durable is not told: %+v", res)
				}
				d.to = nil
				if res := mustRun(t, s, d, o); !res.Complete {
					t.Errorf("the next start: %+v", res)
				}
				d.check(t, s, "in/")
			})
		})
	}
}

// TestProbeSilence: a probe of a store that answers nobody ends with the target's fault and says
// meanwhile what it waits for; who ends it does not wait for the store.
func TestProbeSilence(t *testing.T) {
	for name, stops := range map[string]bool{"to its end": false, "stopped": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				to, o := silentStore(t)
				o.RunID = "probe"
				told := 0
				o.Silent = func(request.Silence) { told++ }
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				if stops {
					time.AfterFunc(time.Minute, stop)
				}
				began := time.Now()
				found, err := ProbeTarget(ctx, to, o, "probe", nil)
				took := time.Since(began)
				switch {
				case found != nil || told == 0:
					t.Errorf("%+v, %d times told", found, told)
				case stops && (!errors.Is(err, context.Canceled) || took > time.Minute+5*time.Second):
					t.Errorf("stopped: after %v: %v", took, err)
				case !stops && (!target.HasCode(err, target.CodeConnectionLost) || took > 5*time.Minute):
					t.Errorf("after %v: %v", took, err)
				}
			})
		})
	}
}

// TestStopFromElsewhere: a stop that is asked for at another terminal waits no longer for a store
// that does not answer than whoever asked does, and the next start goes on.
func TestStopFromElsewhere(t *testing.T) {
	for name, to := range map[string]func(call, key string) bool{
		"a PUT":      func(call, key string) bool { return call == "put" && key == "in/a" },
		"a Complete": func(call, key string) bool { return call == "complete" && key == "in/big" },
		"a look":     func(call, key string) bool { return call == "head" && key == "in/big" },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, d, o := mixed(), &deaf{newFake(t), to}, testOptions(t, memDisk())
				o.StatusEvery, o.CallTimeout = time.Second, 10*time.Minute
				var asked time.Time
				time.AfterFunc(30*time.Second, func() {
					asked = time.Now()
					if err := status.WriteControl(o.StateDir, "", status.Control{Want: status.WantStop, At: o.Now()}); err != nil {
						t.Error(err)
					}
				})
				res, err := Run(t.Context(), s, d, o)
				grace := askedGrace
				if name == "a Complete" {
					grace = request.JoinGrace
				}
				if took := time.Since(asked); took > grace+30*time.Second || took < grace {
					t.Errorf("%v after the stop", took)
				}
				if err != nil || !res.Interrupted || res.Unfinished == 0 {
					t.Errorf("%v, %+v", err, res)
				}
				d.to = nil
				if res := mustRun(t, s, d, o); !res.Complete {
					t.Errorf("the next start: %+v", res)
				}
				d.check(t, s, "in/")
			})
		})
	}
}
