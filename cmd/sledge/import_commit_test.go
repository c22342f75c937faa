package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
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
