package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// TestMarkerAttributes: a bucket that takes nothing without encryption or tags takes the
// commit marker.
func TestMarkerAttributes(t *testing.T) {
	rules := plan.Rules{Version: 1, Objects: []plan.ObjectRule{{Given: target.Given{SSE: "AES256", Tags: map[string]string{"a": "b"}, StorageClass: "COLD", ContentType: "text/plain"}}}}
	a := markerAttributes(rules)
	if a.SSE != "AES256" || a.Tags["a"] != "b" || a.StorageClass != "" || a.ContentType != "application/vnd.dsse.envelope.v1+json" {
		t.Errorf("%+v", a)
	}
}

// atMarker answers each request for a marker by a handler, has look ask for it as a start
// does, and counts deletes.
func atMarker(t *testing.T, answer http.HandlerFunc, look func(*endedImport, *importer.CommitStore)) (deletes int64) {
	t.Helper()
	var count atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			count.Add(1)
		}
		answer(w, r)
	}))
	defer server.Close()
	d := &endedImport{o: importer.Options{Config: s3.Config{Bucket: "bkt", Region: "us-east-1", Endpoint: server.URL, PathStyle: true,
		Credentials: &s3.Credentials{AccessKey: "a", SecretKey: "b"}}, Prefix: "in/", Marker: "READY", RunID: "run-1", Retries: importer.None, After: func(time.Duration) <-chan time.Time { c := make(chan time.Time, 1); c <- time.Now(); return c },
		StateDir: vfs.NewMem(vfs.MemOptions{}), ImporterKey: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}, result: &importer.Result{}}
	target, err := importer.NewS3(t.Context(), d.o)
	if err != nil {
		t.Fatal(err)
	}
	d.target = target
	asked, enough := false, errors.New("enough")
	d.o.Committed = func(_ context.Context, at *importer.CommitStore) (bool, error) {
		asked = true
		look(d, at)
		return false, enough
	}
	if _, err := importer.Run(t.Context(), &commitSource{}, target, d.o); !asked || !errors.Is(err, enough) {
		t.Fatal(err)
	}
	return count.Load()
}

// commitSource is of a manifest that nobody reads.
type commitSource struct{ namesSource }

func (*commitSource) Checkpoint() manifest.Checkpoint { return manifest.Checkpoint{} }

func (*commitSource) LabelChecked() bool { return true }

// failing answers with a status and, if it is not of HEAD, a body.
func failing(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			w.Write([]byte(body))
		}
	}
}

const noSuchKey = "<Error><Code>NoSuchKey</Code></Error>"

// TestMarkerUnreadable: whether a marker is there is known by an answer alone. One that cannot
// be read is no missing one, for a start, nor for a cancel, which would leave it and delete
// the objects that it commits.
func TestMarkerUnreadable(t *testing.T) {
	headThen := func(get http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead {
				w.Header().Set("ETag", `"e"`)
				return
			}
			get(w, r)
		}
	}
	broken := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.Write([]byte("{"))
	}
	for _, tt := range []struct {
		name         string
		answer       http.HandlerFunc
		start, stop  error  // what both end with; nil: there is none
		startS, sstp string // in the text
	}{
		{"none", failing(404, noSuchKey), nil, nil, "", ""},
		{"forbidden", failing(403, "<Error><Code>AccessDenied</Code></Error>"), errTarget, errTarget, "access-denied", "access-denied"},
		{"GET forbidden", headThen(failing(403, "<Error><Code>AccessDenied</Code></Error>")), errTarget, errTarget, "not known", "not known"},
		{"busy", failing(503, "<Error><Code>SlowDown</Code></Error>"), errTarget, errTarget, "not known", "throttled"},
		{"a proxy's page", failing(404, "<html>no such page</html>"), errTarget, errTarget, "not known", "not-s3"},
		{"broken off", headThen(broken), errTarget, errTarget, "connection-lost", "connection-lost"},
		{"garbage", headThen(failing(200, "<html>sign in, please</html>")), errConflict, errConflict, "cannot be read as a commit marker", "cannot be read as a commit marker"},
		{"too long", headThen(failing(200, strings.Repeat("{", 2<<20))), errConflict, errConflict, "cannot be read as a commit marker", "cannot be read as a commit marker"},
		{"HEAD behind", func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead {
				w.WriteHeader(404)
				return
			}
			w.Write([]byte("{}"))
		}, errConflict, errConflict, "cannot be read as a commit marker", "not-shown"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			deletes := atMarker(t, tt.answer, func(d *endedImport, at *importer.CommitStore) {
				committed, err := d.unmarked(t.Context(), at)
				if err = asTargetError(err); committed || !errors.Is(err, tt.start) || err != nil && !strings.Contains(err.Error(), tt.startS) {
					t.Errorf("a start: %v, %v", committed, err)
				}
				key, err := d.uncommit(t.Context(), at, true)
				if key != "" || !errors.Is(err, tt.stop) || err != nil && !strings.Contains(err.Error(), tt.sstp) {
					t.Errorf("a cancel: %q, %v", key, err)
				}
			})
			if deletes > 0 {
				t.Errorf("%d deletes", deletes)
			}
		})
	}
}

// TestUncommitted: a cancel that was asked to delete, and could not delete the marker, does not
// advise what it was given; and it names another marker that has come up under the run's.
func TestUncommitted(t *testing.T) {
	for _, tt := range []struct {
		rep       cancelReport
		says, not string
	}{
		{cancelReport{Marker: "in/READY", removes: true}, "in/READY may still be there", "--delete-objects"},
		{cancelReport{Marker: "in/READY"}, "--delete-objects removes it", "may still"},
		{cancelReport{Marker: "in/READY", MarkerDeleted: true, removes: true}, "in/READY was deleted first", "--delete-objects"},
		{cancelReport{removes: true}, "not looked at", "was deleted"},
		{cancelReport{removes: true, MarkerAsked: "in/READY"}, "not by in/READY", "was deleted"},
		{cancelReport{removes: true, MarkerUnknown: "in/READY"}, "not known: in/READY", "no marker"},
	} {
		var text strings.Builder
		tt.rep.Canceled = &importer.Canceled{Recorded: true}
		if tt.rep.Print(&text); !strings.Contains(text.String(), tt.says) || strings.Contains(text.String(), tt.not) {
			t.Errorf("%+v: %s", tt.rep, text.String())
		}
	}
	refused := target.NewError(target.CodeAccessDenied, "", "no", nil)
	for _, tt := range []struct {
		replaced bool
		err      error
		key      string
		want     error
		says     string
	}{
		{false, nil, "in/READY", nil, ""},
		{true, nil, "", errConflict, "nothing was deleted"},
		{false, fmt.Errorf("k: %w", importer.ErrOtherMarker), "", errConflict, "another one is there now"},
		{false, refused, "in/READY", errTarget, "access-denied"},
	} {
		key, err := uncommitted("in/READY", tt.replaced, tt.err)
		if key != tt.key || !errors.Is(err, tt.want) || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%v, %v: %q, %v", tt.replaced, tt.err, key, err)
		}
	}
}
