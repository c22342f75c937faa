package appliance

import (
	"testing"

	"github.com/sledge-io/sledge/internal/testlimit"
)

func FuzzPartial(f *testing.F) {
	d := newDigest(40<<20, true)
	d.Write(make([]byte, 20<<20))
	state, err := d.state()
	if err != nil {
		f.Fatal(err)
	}
	p := partialFile{ordinal: 1, to: 20 << 20, identity: [40]byte{5: 2, 6: 128}, extents: []pendingExtent{{length: 20 << 20, number: 3}}, parts: d.parts, units: d.units, digest: state}
	b, err := p.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		p, err := decodePartial(b)
		if err != nil {
			return
		}
		for _, whole := range []bool{true, false} {
			if d := newDigest(40<<20, whole); d.restore(p) == nil {
				d.Write(make([]byte, 100))
			}
		}
	})
}
