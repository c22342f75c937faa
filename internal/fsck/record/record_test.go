package record

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"
)

// TestRecordInJSON: reports show of a record what format.md names, and nothing of
// what the verifier keeps to itself.
func TestRecordInJSON(t *testing.T) {
	one := []byte{1}
	r := Record{Kind: 1, Path: one, Size: 1, Mode: 1, MTime: time.Unix(1, 0), Target: one, Skipped: "a", Remark: "a", Details: "a", SHA256: one, CRC64: one,
		PartSize: 1, PartCount: 1, PartDigests: [][32]byte{{}}, PartRoot: one, Continuation: Continuation{Number: 1}, AttributeBytes: 1}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	want := []string{"crc64nvme", "details", "kind", "mode", "mtime", "part_count", "part_digests", "part_root", "part_size", "path", "remark", "sha256", "size", "skipped", "target"}
	if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, want) {
		t.Errorf("names %q, want %q", names, want)
	}
}
