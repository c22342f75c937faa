package importer

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/s3test"
)

// frontEnd changes what proxies and front ends change, and passes the rest on.
type frontEnd struct {
	change func(http.Header)
	saw    []*http.Request
}

func (f *frontEnd) RoundTrip(r *http.Request) (*http.Response, error) {
	f.saw = append(f.saw, r.Clone(r.Context()))
	f.change(r.Header)
	return http.DefaultTransport.RoundTrip(r)
}

// TestSignedHeaders: what is signed is what nobody on the way has a reason to change.
func TestSignedHeaders(t *testing.T) {
	for name, change := range map[string]func(http.Header){
		"none": func(h http.Header) { h.Del("Accept-Encoding") },
		"another": func(h http.Header) {
			h.Set("Accept-Encoding", "gzip,gzip(gfe)")
			h.Set("Amz-Sdk-Request", "attempt=9")
			h.Set("User-Agent", "proxy")
		},
	} {
		server, disk := s3test.Start(t), memDisk()
		s, front := mixed(), &frontEnd{change: change}
		o := s3Options(t, server, disk)
		o.Transport, o.Concurrency, o.PartConcurrency = front, 1, 1
		if res, err := Run(context.Background(), s, newS3(t, o), o); err != nil || !res.Complete {
			t.Fatalf("%s: %v, %+v", name, err, res)
		}
		for _, r := range front.saw {
			_, signed, _ := strings.Cut(r.Header.Get("Authorization"), "SignedHeaders=")
			signed, _, _ = strings.Cut(signed, ",")
			for _, header := range []string{"accept-encoding", "amz-sdk-invocation-id", "amz-sdk-request", "user-agent"} {
				if strings.Contains(";"+signed+";", ";"+header+";") {
					t.Fatalf("%s: %s %s: signed headers %q", name, r.Method, r.URL, signed)
				}
			}
			if r.Header.Get("Amz-Sdk-Invocation-Id")+r.Header.Get("Amz-Sdk-Request") != "" || r.Header.Get("Accept-Encoding") != "identity" {
				t.Fatalf("%s: %s %s: headers %v", name, r.Method, r.URL, r.Header)
			}
			if !strings.Contains(signed, "x-amz-content-sha256") || !strings.Contains(signed, "host") {
				t.Fatalf("%s: signed headers %q", name, signed)
			}
		}
	}
}
