package fsck

import (
	"strings"
	"testing"

	"github.com/sledge-io/sledge/manifest"
)

// TestExtentsAgree: a place that no pack has is refused by the reader's decoder and by the
// verifier's, in a record and in a continuation of it.
func TestExtentsAgree(t *testing.T) {
	const body = 1 << 40
	for _, c := range []struct {
		offset, length int64
		hole, ok       bool
	}{{0, body, false, true}, {body - 5, 5, false, true}, {body - 4, 5, false, false}, {1<<63 - 10, 5, false, false}, {0, body + 1, false, false},
		{0, 1<<62 + 1, true, true}} {
		for _, many := range []bool{false, true} {
			r := manifest.Record{Kind: manifest.KindFile, Path: "a", SHA256: make([]byte, 32), HasCRC: true}
			n := 1
			if many {
				n = 1000 // more than a record holds
			}
			for range n - 1 {
				r.Extents = append(r.Extents, manifest.Extent{Offset: r.Size, Length: 1})
				r.Size++
			}
			r.Extents = append(r.Extents, manifest.Extent{Offset: r.Size, Length: c.length, PackOffset: c.offset, Hole: c.hole})
			r.Size += c.length
			r.PartSize = manifest.PartSizeFor(r.Size)
			for range (r.Size + r.PartSize - 1) / max(r.PartSize, 1) {
				r.Parts = append(r.Parts, make([]byte, 32))
			}
			if r.PartSize == 0 {
				r.Parts = nil
			}
			raw, err := r.Encode()
			if err != nil {
				t.Fatal(err)
			}
			var j manifest.Joiner
			var theirs, ours error
			for _, b := range raw {
				if _, err := j.Add(b); theirs == nil {
					theirs = err
				}
				if _, err := ParseRecord(b); ours == nil {
					ours = err
				}
			}
			if (theirs == nil) != c.ok || (ours == nil) != c.ok || many != (len(raw) > 1) && c.length < body {
				t.Errorf("%+v, of many %v: reader %v, verifier %v", c, many, theirs, ours)
			}
			for _, err := range []error{theirs, ours} {
				if err != nil && !strings.Contains(err.Error(), "beyond every pack") {
					t.Errorf("%+v: %v", c, err)
				}
			}
		}
	}
}
