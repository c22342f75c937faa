package appliance

import (
	"bytes"
	"testing"

	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/internal/testlimit"
	"github.com/sledge-io/sledge/manifest"
)

func FuzzFrameMessage(f *testing.F) {
	rec := manifest.Record{Kind: manifest.KindDir, Path: "a"}
	raw, _ := rec.Encode()
	f.Add((&journal.Message{Records: raw, List: manifest.ID{1}, Ranges: []journal.Span{{From: 0, To: 3}, {From: 5, To: 6}}, Partial: []byte("x"), Events: [][]byte{{1}}}).Encode())
	f.Add((&journal.Message{List: journal.Doors, Taken: []journal.Taken{{Record: raw, Parts: []journal.Part{{Size: 1}}}, {Withdrawn: "b"}},
		Cursors: []journal.Cursor{{Source: manifest.ID{1}, At: []byte("x")}}}).Encode())
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
