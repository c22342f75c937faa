package importer

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/s3test"
)

// TestRedirectRemedy: a store that sends elsewhere is answered by the host or the region
// that it names, not by advice about every kind of redirect.
func TestRedirectRemedy(t *testing.T) {
	s3test.CleanAWS(t)
	for _, c := range []struct{ name, location, region, kind, want, never string }{
		{"mirror", "http://mirror.example.org:9000/bucket/key?x=y", "", "", "--endpoint http://mirror.example.org:9000)", "--region"},
		{"region", "", "eu-west-1", "", "--region eu-west-1)", "--endpoint"},
		{"AWS", "https://bucket.s3.eu-west-1.amazonaws.com/key", "", "", "--region", "--endpoint https"},
		{"nowhere", "", "", "", "(--region); where another host", "mirror"},
		{"portal", "https://login.example.org/hello", "", "text/html", "--proxy", "--region"},
	} {
		store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for name, value := range map[string]string{"Location": c.location, "X-Amz-Bucket-Region": c.region, "Content-Type": c.kind} {
				if value != "" {
					w.Header().Set(name, value)
				}
			}
			w.WriteHeader(307)
		}))
		defer store.Close()
		o := Options{Config: s3.Config{Bucket: "bucket", Endpoint: store.URL, PathStyle: true, Credentials: &s3.Credentials{AccessKey: "A", SecretKey: "SSSSSSSSSS"}}}
		_, err := newS3(t, o).Put(context.Background(), target.PutRequest{Key: "key", Body: strings.NewReader("x"), Size: 1})
		var e *target.Error
		if !errors.As(err, &e) || !strings.Contains(e.Remedy, c.want) || strings.Contains(e.Remedy, c.never) {
			t.Errorf("%s: %v, remedy %q", c.name, err, e.Remedy)
		}
		if host, _, _ := strings.Cut(strings.TrimPrefix(c.location, "https://"), "/"); c.kind != "" && !strings.Contains(err.Error(), host) {
			t.Errorf("%s: %v does not name %s", c.name, err, host)
		}
	}
}

// TestRedirectOfOneKey: where others are taken, the operator is told what sends this key
// away, and that another endpoint is another run's.
func TestRedirectOfOneKey(t *testing.T) {
	s, f := many(10), newFake(t)
	o := testOptions(t, memDisk())
	var remedies []string
	o.Problem = func(e *target.Error) { remedies = append(remedies, e.Remedy) }
	f.hook = func(_ int, _, key string) (bool, error) {
		if key == "in/f03" {
			return false, target.NewError(target.CodeWrongRegion, key, "status 307", &s3.Redirect{To: "http://mirror:1", Err: errors.New("status 307")})
		}
		return true, nil
	}
	_, err := Run(context.Background(), s, f, o)
	if f.entries() != 10 || !target.HasCode(err, target.CodeWrongRegion) || len(remedies) == 0 {
		t.Fatalf("%v, %d objects, %q", err, f.entries(), remedies)
	}
	for _, remedy := range append(remedies, target.AsError(err).Remedy) {
		if !strings.Contains(remedy, "only this key is sent to http://mirror:1") || !strings.Contains(remedy, "--endpoint http://mirror:1") || !strings.Contains(remedy, "new --run-id") {
			t.Errorf("remedy %q", remedy)
		}
	}
}
