package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sledge-io/sledge/importer"
)

// TestMarkerAttributes: a bucket that takes nothing without encryption or tags takes the
// commit marker.
func TestMarkerAttributes(t *testing.T) {
	rules := importer.Rules{Version: 1, Objects: []importer.ObjectRule{{Given: importer.Given{SSE: "AES256", Tags: map[string]string{"a": "b"}, StorageClass: "COLD", ContentType: "text/plain"}}}}
	a := markerAttributes(rules)
	if a.SSE != "AES256" || a.Tags["a"] != "b" || a.StorageClass != "" || a.ContentType != "application/vnd.dsse.envelope.v1+json" {
		t.Errorf("%+v", a)
	}
}

// TestMarkerMayWrite: a marker is put only where the run says, right before, that it may.
func TestMarkerMayWrite(t *testing.T) {
	puts := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			puts++
			return
		}
		w.WriteHeader(http.StatusNotFound)
		w.Write([]byte("<Error><Code>NoSuchKey</Code></Error>"))
	}))
	defer server.Close()
	o := importer.Options{Bucket: "bkt", Marker: "READY", Region: "us-east-1", Endpoint: server.URL, PathStyle: true,
		Credentials: &importer.Credentials{AccessKey: "a", SecretKey: "b"}}
	target, err := importer.NewS3(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	d := &endedImport{o: o, target: target, result: &importer.Result{}}
	lost := errors.New("another process has the run")
	if key, err := d.put(t.Context(), []byte("{}"), func() error { return lost }); !errors.Is(err, lost) || key != "" || puts > 0 {
		t.Errorf("%q, %d writes: %v", key, puts, err)
	}
	if key, err := d.put(t.Context(), []byte("{}"), func() error { return nil }); err != nil || key != "READY" || puts != 1 {
		t.Errorf("%q, %d writes: %v", key, puts, err)
	}
}

// markerStore answers each request for a marker by a handler, and counts deletes.
func markerStore(t *testing.T, answer http.HandlerFunc) (d *endedImport, deletes *atomic.Int64) {
	t.Helper()
	deletes = &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			deletes.Add(1)
		}
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	o := importer.Options{Bucket: "bkt", Prefix: "in/", Marker: "READY", RunID: "run-1", Region: "us-east-1", Endpoint: server.URL, PathStyle: true,
		Credentials: &importer.Credentials{AccessKey: "a", SecretKey: "b"}}
	target, err := importer.NewS3(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return &endedImport{o: o, target: target, result: &importer.Result{}}, deletes
}

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
			d, deletes := markerStore(t, tt.answer)
			committed, err := d.unmarked(t.Context())
			if err = asTargetError(err); committed || !errors.Is(err, tt.start) || err != nil && !strings.Contains(err.Error(), tt.startS) {
				t.Errorf("a start: %v, %v", committed, err)
			}
			key, err := d.uncommit(t.Context(), true)
			if key != "" || !errors.Is(err, tt.stop) || err != nil && !strings.Contains(err.Error(), tt.sstp) || deletes.Load() > 0 {
				t.Errorf("a cancel: %q, %v, %d deletes", key, err, deletes.Load())
			}
		})
	}
}
