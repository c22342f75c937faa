package importer

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/audit"
	"github.com/sledge-io/sledge/internal/s3test"
)

// reads are what only looks at a target, and keeps no journal that could say how it ended.
var reads = map[string]func(ctx context.Context, t *testing.T, to target.Target) error{
	"a plan": func(ctx context.Context, t *testing.T, to target.Target) error {
		o := testOptions(t, memDisk())
		o.DryRun, o.Backoff = true, time.Second
		_, err := Run(ctx, mixed(), to, o)
		return err
	},
	"a listing": func(ctx context.Context, _ *testing.T, to target.Target) error {
		l := audit.NewListing(audit.ListingOptions{Scratch: memDisk(), Prefix: "in/"})
		defer l.Close()
		return l.AddStore(ctx, to, audit.ObjectOptions{Backoff: time.Second}, time.Now)
	},
	"a probe": func(ctx context.Context, t *testing.T, to target.Target) error {
		o := testOptions(t, memDisk())
		o.Backoff = time.Second
		_, err := ProbeTarget(ctx, to.(target.Examined), o, "probe", nil)
		return err
	},
}

// slowDown is a network whose store asks to slow down, always.
type slowDown struct{}

func (slowDown) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		r.Body.Close()
	}
	return &http.Response{StatusCode: http.StatusServiceUnavailable, ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{"Content-Type": {"application/xml"}}, Request: r,
		Body: io.NopCloser(strings.NewReader("<Error><Code>SlowDown</Code><Message>later</Message></Error>"))}, nil
}

func storeBehind(t *testing.T, network http.RoundTripper) target.Target {
	s3test.CleanAWS(t)
	store, err := NewS3(t.Context(), Options{Config: s3.Config{Bucket: "bucket", Endpoint: "http://s3.example.invalid", PathStyle: true, Transport: network,
		Credentials: &s3.Credentials{AccessKey: "a", SecretKey: "secretsecret"}}, Prefix: "in/"})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// TestStopOfReads: who ends a command that only looks has ended it, whatever it waited for: the
// target is not to blame, and nothing is to be reported.
func TestStopOfReads(t *testing.T) {
	for name, network := range map[string]http.RoundTripper{"no answer": silent{}, "a backoff": slowDown{}} {
		for what, ask := range reads {
			t.Run(what+", "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, stop := context.WithCancel(t.Context())
					time.AfterFunc(1100*time.Millisecond, stop)
					began := time.Now()
					err := ask(ctx, t, storeBehind(t, network))
					var named *target.Error
					if !errors.Is(err, context.Canceled) || errors.As(err, &named) || time.Since(began) > 5*time.Second {
						t.Errorf("after %v: %v", time.Since(began), err)
					}
				})
			})
		}
		t.Run("stopped before, "+name, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			stop()
			if err := reads["a plan"](ctx, t, storeBehind(t, network)); !errors.Is(err, context.Canceled) || target.HasCode(err, target.CodeInternal) {
				t.Error(err)
			}
		})
	}
}
