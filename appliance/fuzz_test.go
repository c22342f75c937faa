package appliance

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/sledge-io/sledge/appliance/frames"
	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/internal/testlimit"
	"github.com/sledge-io/sledge/manifest"
)

func FuzzItem(f *testing.F) {
	f.Add((&item{path: "a/b", kind: manifest.KindFile, size: 5, mtime: -1, ctime: 2, ino: 3, group: 4, linkTo: "c"}).encode())
	f.Add((&item{path: "a", kind: manifest.KindSkipped, reason: "vanished", detail: "x"}).encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		it, err := decodeItem(b)
		if err != nil {
			return
		}
		again, err := decodeItem(it.encode())
		if err != nil || *again != *it {
			t.Errorf("%+v comes back as %+v, %v", it, again, err)
		}
	})
}

func FuzzPartial(f *testing.F) {
	d := newDigest(40<<20, true)
	d.Write(make([]byte, 20<<20))
	state, err := d.state()
	if err != nil {
		f.Fatal(err)
	}
	p := partialFile{ordinal: 1, to: 20 << 20, identity: identity{size: 40 << 20}, extents: []pendingExtent{{length: 20 << 20, number: 3}}, parts: d.parts, units: d.units, digest: state}
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

func FuzzClearPack(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x01e\x00\x00\x00\x01s"))
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		raw := make([]byte, frames.FrameHead, frames.FrameHead+len(b))
		binary.BigEndian.PutUint32(raw[4:], uint32(len(b)))
		journal.Pack(append(raw, b...), manifest.Scope{}, make([]byte, 32))
	})
}
