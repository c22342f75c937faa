package appliance

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/sledge-io/sledge/internal/vfs"
)

// TestHoleCutTwice: a load is cut off twice in one hole, once right in front of data
// that does not begin on a block's bound, and goes on each time. The file has all its
// bytes: no hole is added to an extent that is committed, and none covers data.
func TestHoleCutTwice(t *testing.T) {
	const blocks, odd = 40, 777
	content := make([]byte, blocks*holeBlock+odd)
	copy(content[3*holeBlock:], "data before")
	copy(content[blocks*holeBlock-1:], "data at the end")
	tree := newOddTree(zfsVolume)
	tree.WriteFile("f", content)
	tree.info = func(_ string, i *vfs.Info) { i.Allocated = 0 }
	l := newLoads(t)
	cut := func(at int64) {
		t.Helper()
		ctx, cancel := context.WithCancel(context.Background())
		tree.OnCall(func(c vfs.TreeCall) error {
			if c.Op == vfs.OpRead && c.Path == "f" && c.Offset == at*holeBlock {
				cancel()
			}
			return nil
		})
		if _, err := l.d.Load(ctx, "/site", LoadOptions{Tree: tree}); !errors.Is(err, context.Canceled) {
			t.Fatalf("cut off at block %d: %v", at, err)
		}
		l.d.Close()
		l.d = l.mustDevice()
	}
	cut(10)
	cut(20)
	cut(blocks - 1)
	tree.OnCall(nil)
	rep := l.must(LoadOptions{Tree: tree})
	if rep.SkippedCount != 0 {
		t.Errorf("skipped %+v", rep.Skipped)
	}
	records := l.sealed(wantTree{"f": "file " + string(content)})
	var holes []int64
	at := int64(0)
	for _, e := range records["f"].Extents {
		if e.Offset != at {
			t.Errorf("an extent begins at %d, the one before it ends at %d", e.Offset, at)
		}
		if at = e.Offset + e.Length; e.Hole {
			holes = append(holes, e.Length/holeBlock)
		}
	}
	sum := int64(0)
	for _, n := range holes {
		sum += n
	}
	if at != int64(len(content)) || sum != blocks-2 || slices.Contains(holes, 0) {
		t.Errorf("extents end at %d of %d; holes of %v blocks", at, len(content), holes)
	}
}
