package appliance

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/manifest"
)

// TestPlaceBeyondPack: a place that no pack has is an error of the manifest for whoever
// reads there, and no reason to fall over.
func TestPlaceBeyondPack(t *testing.T) {
	l := newLoadsOf(t, rigOptions{k: 3, m: 2, disks: 5, block: 4096, packSize: 4 << 20}) // no power of two divides a stripe
	l.write("f", "content")
	l.must(LoadOptions{})
	res, err := l.d.Seal(context.Background(), l.sealOptions())
	if err != nil {
		t.Fatal(err)
	}
	rd, err := l.openReader(l.cfg.Disks, res.Label)
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	for _, at := range []int64{1 << 30, manifest.MaxBody - crypto.PlainSegmentSize, manifest.MaxBody, math.MaxInt64 - 2*crypto.PlainSegmentSize, math.MaxInt64 - 10} {
		for _, pack := range []uint64{0, math.MaxInt64} {
			rec := &manifest.Record{Kind: manifest.KindFile, Path: "f", Size: crypto.PlainSegmentSize, Extents: []manifest.Extent{{Length: crypto.PlainSegmentSize, Pack: pack, PackOffset: at}}}
			c, err := rd.Open(context.Background(), rec)
			if err != nil {
				t.Fatal(err)
			}
			c.Begin(0, 10)
			for _, n := range []int{10, crypto.PlainSegmentSize} {
				if _, err := c.ReadAt(make([]byte, n), 0); !errors.Is(err, manifest.ErrCorrupt) {
					t.Errorf("pack %d at %d: %v", pack, at, err)
				}
			}
		}
	}
}
