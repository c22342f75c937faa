package importer

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/s3test"
)

// TestReadsFollowNoRedirect has a store send a HEAD to a mirror that has the
// object: what the mirror has is not in the store.
func TestReadsFollowNoRedirect(t *testing.T) {
	s3test.CleanAWS(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "access")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secretsecret")
	for _, status := range []int{301, 302, 303, 307, 308} {
		var asked atomic.Int64
		mirror := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			w.Header().Set("ETag", `"0123"`)
		}))
		defer mirror.Close()
		store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, mirror.URL+r.URL.Path, status)
		}))
		defer store.Close()
		target, err := NewS3(context.Background(), Options{Config: s3.Config{Bucket: "bucket", Endpoint: store.URL, PathStyle: true, Profile: "generic"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := target.Head(context.Background(), "key"); err == nil {
			t.Errorf("%d: the mirror's answer was taken for the store's", status)
		}
		if _, err := target.Head(context.Background(), "key"); !strings.Contains(fmt.Sprint(err), "it sends to "+mirror.URL+", which was not followed") {
			t.Errorf("%d: the text does not name the host: %v", status, err)
		}
		if n := asked.Load(); n != 0 {
			t.Errorf("%d: the mirror was asked %d times", status, n)
		}
	}
}
