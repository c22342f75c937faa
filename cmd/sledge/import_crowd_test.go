package main

import (
	"log/slog"
	"testing"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/manifest"
)

// TestCrowdBehind: a device knows, with --all, whether another one's turn is to come.
func TestCrowdBehind(t *testing.T) {
	f := &importFlags{memory: "256MiB", allFlags: allFlags{parallel: 1, crowd: &crowd{}}}
	o := importer.Options{Config: s3.Config{Bucket: "bucket", Log: slog.New(slog.DiscardHandler)}, RunID: "run-1", Memory: 256 << 20, Concurrency: 16}
	if err := f.share(&o, manifest.Scope{}); err != nil {
		t.Fatal(err)
	}
	f.crowd.waiting.Store(1)
	if !o.Behind() {
		t.Error("another device's turn is to come, and nobody knows")
	}
	f.crowd.waiting.Add(-1)
	if o.Behind() {
		t.Error("the last device does not wait")
	}
}
