package importer

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/importer/content"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/s3test"
)

// slowContent is content of which each read takes its time.
type slowContent struct{ takes time.Duration }

func (c slowContent) ReadAt(p []byte, _ int64) (int, error) {
	time.Sleep(c.takes)
	return len(p), nil
}

// timedCall makes one call of a payload, and returns what it took.
func timedCall(payload int64, f func(ctx context.Context) error) (took time.Duration, err error) {
	c := request.New(Options{Retries: None}.withDefaults().calls(), nil)
	began := time.Now()
	err = c.Once(context.Background(), request.Call{Name: request.UploadPart, Payload: payload}, f)
	return time.Since(began), err
}

// end waits for a call's end, as a transport does.
func end(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestIdle: a call whose payload does not move ends in a minute, however much time the payload
// has. Our own disks do not count, and the answer to a payload that is sent whole has an hour more than to none.
func TestIdle(t *testing.T) {
	const part = 5 << 30
	send := func(takes time.Duration, bytes int64) func(context.Context) error {
		return func(ctx context.Context) error {
			b := content.NewBody(slowContent{takes}, 0, part).Watched(request.ClockOf(ctx))
			defer b.Detach()
			if _, err := io.CopyN(io.Discard, b, bytes); err != nil {
				return err
			}
			return end(ctx)
		}
	}
	whole := 2*time.Minute + part/request.Slowest*time.Second
	for _, test := range []struct {
		name string
		f    func(context.Context) error
		took time.Duration
		text string
	}{
		{"stalls in the middle", send(0, 1<<20), time.Minute, "no byte moved for 1m0s"},
		{"slow disks, then stalls", send(5*time.Minute, 3<<20), 16 * time.Minute, "no byte moved for 1m0s"},
		{"is sent whole, and not answered", send(0, part), 62 * time.Minute, "no answer in 1h2m0s"},
		{"does not begin", end, whole, "no answer in " + whole.String()},
		{"an answer that does not begin", func(ctx context.Context) error {
			_, err := request.Get(ctx, mute{}, "key", "")
			return err
		}, 2 * time.Minute, "no answer in 2m0s"},
		{"an answer that stalls", func(ctx context.Context) error {
			content, err := request.Get(ctx, mute{begins: true}, "key", "")
			if err == nil {
				_, err = io.Copy(io.Discard, content)
			}
			return err
		}, time.Minute, "no byte moved for 1m0s"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				took, err := timedCall(part, test.f)
				if took != test.took || !target.HasCode(err, target.CodeConnectionLost) || !target.IsUnknown(err) || target.AsError(err).Cause != test.text {
					t.Errorf("after %v: %v, not after %v: %s", took, err, test.took, test.text)
				}
				if errors.Is(err, context.Canceled) {
					t.Errorf("%v is taken for an interruption", err)
				}
			})
		})
	}
}

// mute gives no answer to GET, or one that stalls.
type mute struct {
	target.Reader
	begins bool
}

func (m mute) Get(ctx context.Context, _, _ string) (io.ReadCloser, error) {
	if !m.begins {
		return nil, end(ctx)
	}
	return io.NopCloser(stalled{ctx}), nil
}

type stalled struct{ ctx context.Context }

func (s stalled) Read([]byte) (int, error) { return 0, end(s.ctx) }

// silent is a network that takes each request and never answers.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		io.Copy(io.Discard, r.Body)
	}
	<-r.Context().Done()
	return nil, context.Cause(r.Context())
}

// silentStore is the SDK's client of a store that never answers.
func silentStore(t *testing.T) (*s3.Bucket, Options) {
	s3test.CleanAWS(t)
	o := Options{Config: s3.Config{Bucket: "bucket", Endpoint: "http://s3.example.invalid", PathStyle: true, Transport: silent{},
		Credentials: &s3.Credentials{AccessKey: "a", SecretKey: "secretsecret"}}, Prefix: "in/"}
	target, err := NewS3(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return target, o
}

// TestSilentStore: what the SDK makes of a deadline of ours is no interruption.
func TestSilentStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to, _ := silentStore(t)
		took, err := timedCall(0, func(ctx context.Context) error {
			_, err := to.Head(ctx, "key")
			return err
		})
		if took != 2*time.Minute || !target.HasCode(err, target.CodeConnectionLost) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %v: %v", took, err)
		}
	})
}
