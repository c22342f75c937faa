package main

import (
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
