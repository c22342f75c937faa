package appliance

import (
	"bytes"
	"testing"

	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/internal/testlimit"
	"github.com/sledge-io/sledge/manifest"
)

func FuzzPartial(f *testing.F) {
	d := newDigest(40<<20, true)
	d.Write(make([]byte, 20<<20))
	state, err := d.state()
	if err != nil {
		f.Fatal(err)
	}
	p := partialFile{ordinal: 1, to: 20 << 20, identity: scan.FileID{Size: 40 << 20}, extents: []pendingExtent{{length: 20 << 20, number: 3}}, parts: d.parts, units: d.units, digest: state}
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

func FuzzFrameMessage(f *testing.F) {
	rec := manifest.Record{Kind: manifest.KindDir, Path: "a"}
	raw, _ := rec.Encode()
	f.Add((&journal.Message{Records: raw, List: manifest.ID{1}, Ranges: []journal.Span{{From: 0, To: 3}, {From: 5, To: 6}}, Partial: []byte("x"), Events: [][]byte{{1}}}).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		m, err := journal.Decode(b)
		if err != nil {
			return
		}
		again, err := journal.Decode(m.Encode())
		if err != nil || !bytes.Equal(again.Encode(), m.Encode()) {
			t.Errorf("does not come back: %v", err)
		}
		s := newLoadState()
		s.add(m)
	})
}
