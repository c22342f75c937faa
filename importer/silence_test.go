package importer

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/importer/content"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// TestSilenceTold: whoever waits for an answer is told, once the payload of the request is sent,
// and not while a payload moves.
func TestSilenceTold(t *testing.T) {
	const size = 8 << 20
	send := func(takes, answers time.Duration) func(context.Context) error {
		return func(ctx context.Context) error {
			b := content.NewBody(slowContent{takes}, 0, size).Watched(request.ClockOf(ctx))
			defer b.Detach()
			if _, err := io.Copy(io.Discard, b); err != nil {
				return err
			}
			time.Sleep(answers)
			return nil
		}
	}
	for _, test := range []struct {
		name string
		f    func(context.Context) error
		told time.Duration // since the beginning; 0: never
		says time.Duration
	}{
		{"sent at once, and answered late", send(0, 30*time.Second), 10 * time.Second, 10 * time.Second},
		{"sent slowly, and answered late", send(time.Minute, 30*time.Second), 0, 10 * time.Second},
		{"sent slowly, and answered", send(time.Minute, 5*time.Second), 0, 0},
		{"an answer that begins late", func(ctx context.Context) error {
			_, err := request.Get(ctx, lateAnswer{takes: 30 * time.Second}, "key", "")
			return err
		}, 10 * time.Second, 10 * time.Second},
		{"an answer that has begun", func(ctx context.Context) error {
			content, err := request.Get(ctx, lateAnswer{}, "key", "")
			if err == nil {
				defer content.Close()
				time.Sleep(time.Hour)
			}
			return err
		}, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var said []request.Silence
				var at time.Duration
				began := time.Now()
				o := Options{Retries: None, IdleTimeout: None, Silent: func(s request.Silence) { said, at = append(said, s), time.Since(began) }}
				c := request.New(o.withDefaults().calls(), nil)
				if err := c.Once(t.Context(), request.Call{Name: request.UploadPart, Payload: size}, test.f); err != nil {
					t.Error(err)
				}
				switch {
				case test.says == 0 && len(said) > 0, test.says > 0 && len(said) != 1:
					t.Fatalf("told %v", said)
				case test.says > 0 && said[0] != request.Silence{Call: request.UploadPart, For: test.says}, test.told > 0 && at != test.told:
					t.Errorf("told %v after %v", said, at)
				}
			})
		})
	}
}

// lateAnswer is a store that takes its time before it begins to answer.
type lateAnswer struct {
	target.Reader
	takes time.Duration
}

func (l lateAnswer) Get(context.Context, string, string) (io.ReadCloser, error) {
	time.Sleep(l.takes)
	return io.NopCloser(slowReader{}), nil
}

type slowReader struct{}

func (slowReader) Read(p []byte) (int, error) { return len(p), nil }

// TestSlowMeasurement: what a probe measures is no question about the target: where one call has
// no answer in its time all that was found out is told, without the figure.
func TestSlowMeasurement(t *testing.T) {
	for name, at := range map[string]struct{ step, call string }{
		"latency": {"latency", "head"}, "upload": {"throughput", "complete"}, "download": {"throughput", "get"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, o := &deaf{fakeTarget: newFake(t)}, testOptions(t, memDisk())
				o.Problem = nil
				o.Step = func(step string) {
					d.to = func(call, _ string) bool {
						time.Sleep(time.Millisecond) // or nothing could be measured
						return step == at.step && call == at.call
					}
				}
				r, err := ProbeTarget(t.Context(), measured{asked{d}}, o, "probe", []string{})
				if err != nil || !r.Usable || len(r.Left) > 0 {
					t.Fatalf("%v: %+v", err, r)
				}
				if (r.LatencyMillis > 0) != (name != "latency") || r.DownBytes > 0 && name != "latency" {
					t.Errorf("%v ms, %v B/s", r.LatencyMillis, r.DownBytes)
				}
			})
		})
	}
}

// measured lets a probe measure its throughput.
type measured struct{ asked }

func (m measured) CreateUpload(ctx context.Context, in target.CreateRequest) (string, error) {
	return m.Target.CreateUpload(ctx, in)
}
