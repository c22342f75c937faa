package ingest

import (
	mrand "math/rand"
	"reflect"
	"testing"

	"github.com/sledge-io/sledge/manifest"
)

// TestDigestZeros: zeros of holes have the digests that bytes have, however holes
// and data lie, and wherever the state was saved in between.
func TestDigestZeros(t *testing.T) {
	rng := mrand.New(mrand.NewSource(7))
	data := make([]byte, 1<<20)
	rng.Read(data)
	for range 12 {
		size := []int64{1 << 20, manifest.UnitSize, manifest.UnitSize*3 + 77, manifest.UnitSize * 4}[rng.Intn(4)]
		whole := rng.Intn(2) == 0
		want, got := NewDigest(size, whole), NewDigest(size, whole)
		for at := int64(0); at < size; {
			n := min(size-at, 1+rng.Int63n([]int64{1000, 1 << 20, manifest.UnitSize * 2}[rng.Intn(3)]))
			if rng.Intn(3) == 0 {
				n = min(n, int64(len(data)))
				want.Write(data[:n])
				got.Write(data[:n])
			} else {
				got.zeros(n)
				for left := n; left > 0; left -= 64 << 10 {
					want.Write(make([]byte, min(left, 64<<10)))
				}
			}
			if at += n; rng.Intn(4) == 0 {
				got = resumed(t, got, at, whole)
			}
		}
		var a, b manifest.Record
		want.Fill(&a)
		got.Fill(&b)
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("%d bytes, whole %v: the digests differ", size, whole)
		}
	}
}

// resumed is a digest after a crash.
func resumed(t *testing.T, d *Digest, at int64, whole bool) *Digest {
	t.Helper()
	state, err := d.state()
	if err != nil {
		t.Fatal(err)
	}
	out := NewDigest(d.size, whole)
	if err := out.restore(&Partial{To: at, parts: d.parts, units: d.units, digest: state}); err != nil {
		t.Fatal(err)
	}
	return out
}
