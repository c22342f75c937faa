package simulator

import (
	"net/http"
	"testing"
)

// TestBucketPolices: the double of a store tells of a client that overwrites or removes
// what it must not, or touches another client's upload, and of no other.
func TestBucketPolices(t *testing.T) {
	ours := func(run string) http.Header { return http.Header{metaHeader + "Sledge-Run": {run}} }
	b := &Bucket{Name: "b", Free: func(key string) bool { return key == "free" }}
	b.Plant("foreign", []byte("theirs"))
	b.PlantUpload("upload")
	step := func(want int, what string, do func()) {
		t.Helper()
		b.begin()
		do()
		b.mu.Unlock()
		if got := len(b.Violations()); got != want {
			t.Errorf("%s: %d violations, want %d: %q", what, got, want, b.Violations())
		}
	}
	put := func(key, data string, ifAbsent bool) *refusal {
		return b.store(key, ifAbsent, &Object{Data: []byte(data), Metadata: ours("run-1")})
	}
	step(0, "a first write", func() { put("a", "1", false) })
	step(0, "the same again", func() { put("a", "1", false) })
	step(0, "a write on condition", func() {
		if r := put("a", "2", true); r == nil || string(b.objects["a"].Data) != "1" {
			t.Errorf("it was taken: %v", r)
		}
	})
	step(0, "a free key", func() { put("free", "1", false); put("free", "2", false); b.remove("free") })
	step(1, "an overwrite", func() { put("a", "2", false) })
	step(2, "an overwrite of another's", func() { put("foreign", "2", false) })
	step(3, "a removal", func() { b.remove("a") })
	step(4, "another's upload", func() {
		for id, u := range b.uploads {
			b.find(u.key, id, "AbortMultipartUpload")
		}
	})
	b.GiveUp("run-1")
	step(4, "a removal of a run that was given up", func() { put("c", "1", false); b.remove("c") })
	b.Plant("other", nil)
	step(5, "a removal of another's", func() { b.remove("other") })
}
