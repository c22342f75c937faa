package ingest

import (
	"testing"

	"github.com/sledge-io/sledge/internal/testlimit"
)

func FuzzPartial(f *testing.F) {
	d := NewDigest(40<<20, true)
	d.Write(make([]byte, 20<<20))
	state, err := d.state()
	if err != nil {
		f.Fatal(err)
	}
	p := Partial{Ordinal: 1, To: 20 << 20, Identity: [40]byte{5: 2, 6: 128}, extents: []Extent{{length: 20 << 20, number: 3}}, parts: d.parts, units: d.units, digest: state}
	b, err := p.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		p, err := DecodePartial(b)
		if err != nil {
			return
		}
		for _, whole := range []bool{true, false} {
			if d := NewDigest(40<<20, whole); d.restore(p) == nil {
				d.Write(make([]byte, 100))
			}
		}
	})
}
