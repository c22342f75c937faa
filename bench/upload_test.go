package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
)

func newTestSink(t *testing.T) (*sink, *httptest.Server) {
	t.Setenv("AWS_ACCESS_KEY_ID", "benchmark")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "benchmark-secret")
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	s := newSink()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server
}

// TestSinkRefuses what a probe must see refused, and only there: a body of the
// benchmark is not hashed.
func TestSinkRefuses(t *testing.T) {
	_, server := newTestSink(t)
	ctx := context.Background()
	to, err := importer.NewS3(ctx, importer.Options{Config: s3.Config{Bucket: "bench", Endpoint: server.URL, PathStyle: true}})
	if err != nil {
		t.Fatal(err)
	}
	wrong := sha256.Sum256([]byte("other"))
	put := func(key string, sum [32]byte, ifAbsent bool) error {
		_, err := to.Put(ctx, target.PutRequest{Key: key, Body: strings.NewReader("text"), Size: 4, SHA256: sum, IfAbsent: ifAbsent})
		return err
	}
	right := sha256.Sum256([]byte("text"))
	probed := probe.Prefix + "run/put"
	if err := put(probed, wrong, false); err == nil {
		t.Error("a wrong checksum was taken in a probe")
	}
	if err := put(probed, right, false); err != nil {
		t.Error(err)
	}
	if err := put(probed, right, true); err == nil {
		t.Error("an object was written over")
	}
	if err := put("object", wrong, true); err != nil {
		t.Errorf("outside a probe: %v", err)
	}
	if _, err := to.Head(ctx, "nothing"); !target.IsNotFound(err) {
		t.Errorf("nothing: %v", err)
	}
	o, err := to.Head(ctx, probed)
	if err != nil || o.Size != 4 || o.SHA256 == "" {
		t.Errorf("%+v, %v", o, err)
	}
}

// TestUpload sends a tree to the sink, which then has every file and folder with
// its size and checksum.
func TestUpload(t *testing.T) {
	s, server := newTestSink(t)
	source := t.TempDir()
	files := map[string]int{"empty": 0, "sub/small": 10, "sub/part": partSize, "long": 2*partSize + 7}
	if err := os.Mkdir(filepath.Join(source, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, size := range files {
		if err := os.WriteFile(filepath.Join(source, name), bytes.Repeat([]byte{1}, size), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	sums := filepath.Join(t.TempDir(), "sums")
	ctx := context.Background()
	if err := runSums(ctx, []string{"--source", source, "--out", sums}, io.Discard); err != nil {
		t.Fatal(err)
	}
	args := []string{"--sums", sums, "--source", source, "--endpoint", server.URL, "--bucket", "bench", "--prefix", "p/", "--head"}
	if err := runUpload(ctx, args, io.Discard); err != nil {
		t.Fatal(err)
	}
	files["sub/"] = 0
	for name, size := range files {
		o := s.objects["/bench/p/"+name]
		if o == nil || o.size != int64(size) || o.header.Get("X-Amz-Checksum-Sha256") == "" || o.header.Get("X-Amz-Meta-File-Mtime") == "" {
			t.Errorf("%s: %+v", name, o)
		}
	}
	if len(s.objects) != len(files) || len(s.uploads) > 0 {
		t.Errorf("%d objects, %d unfinished uploads", len(s.objects), len(s.uploads))
	}
	if sum := s.objects["/bench/p/long"].header.Get("X-Amz-Checksum-Sha256"); !strings.HasSuffix(sum, "-3") {
		t.Errorf("checksum %q is not of three parts", sum)
	}
	if err := runUpload(ctx, args, io.Discard); err == nil {
		t.Error("objects were written over")
	}
}
