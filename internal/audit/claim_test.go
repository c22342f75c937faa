package audit

import (
	"testing"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/importer/content"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/manifest"
)

// TestClaimedSum: a line's SHA-256 is the record's of the whole, or the composite of its
// parts. The importer's own parts are those of files and hard links alone.
func TestClaimedSum(t *testing.T) {
	sum := func(text string) string { s := crypto.SumSHA256([]byte(text)); return target.Encode64(s[:]) }
	one := func(text string) string { return content.Composite([][32]byte{crypto.SumSHA256([]byte(text))}) }
	part := [][]byte{make([]byte, 32), make([]byte, 32)}
	whole := crypto.SumSHA256([]byte("whole"))
	big := &manifest.Record{Kind: manifest.KindFile, Path: "f", Size: 20 << 20, PartSize: 16 << 20, Parts: part, SHA256: whole[:]}
	parts := content.Composite(make([][32]byte, 2))
	for _, c := range []struct {
		r         *manifest.Record
		sum       string
		own, good bool // own: cut by the importer
	}{
		{&manifest.Record{Kind: manifest.KindDir, Path: "d"}, sum(""), false, true},
		{&manifest.Record{Kind: manifest.KindDir, Path: "d"}, one(""), false, true},
		{&manifest.Record{Kind: manifest.KindDir, Path: "d"}, one("x"), true, false},
		{&manifest.Record{Kind: manifest.KindSymlink, Path: "l", Target: "t", Size: 1}, sum("t"), true, true},
		{&manifest.Record{Kind: manifest.KindSymlink, Path: "l", Target: "t", Size: 1}, sum("x"), true, false},
		{&manifest.Record{Kind: manifest.KindSymlink, Path: "l", Target: "t", Size: 1}, one("x"), true, false},
		{big, parts, false, true},
		{big, sum("whole"), false, true},
		{big, sum("x"), false, false},
		{big, content.Composite(make([][32]byte, 3)), false, false},
		{big, content.Composite(make([][32]byte, 3)), true, true},
		{big, sum("x"), true, false},
	} {
		line := receipt.Line{Key: "k", Outcome: entry.OutcomeStored, Size: &c.r.Size, SHA256: c.sum}
		if c.own {
			line.PartsBy = entry.ByImporter
		}
		if _, err := newClaim(line, c.r); (err == nil) != c.good {
			t.Errorf("%v %q, cut by the importer %v: %v", c.r.Kind, c.sum, c.own, err)
		}
	}
}
