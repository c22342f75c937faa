package journal

import (
	"slices"
	"testing"

	"github.com/sledge-io/sledge/internal/fields"
	"github.com/sledge-io/sledge/manifest"
)

// TestReadMarks: field 6 of a frame comes back as it was written.
func TestReadMarks(t *testing.T) {
	key := Key{5, manifest.ID{1, 2, 3}}
	want := []Mark{{ShardsRead, key, Span{3, 9}}, {Kind: SampleRead, Key: key}, {Kind: WritesBegin}, {ShardBad, key, Span{4, 5}}, {ShardGone, key, Span{6, 7}}}
	m, err := Decode((&Message{Reads: want}).Encode())
	if err != nil || !slices.Equal(m.Reads, want) {
		t.Errorf("%v, %v", m.Reads, err)
	}
	for _, bad := range [][]byte{nil, append([]byte{ShardGone}, make([]byte, readMarkSize-2)...), append([]byte{ShardsRead}, make([]byte, readMarkSize-1)...), append([]byte{SampleRead, maxBays}, make([]byte, readMarkSize-2)...)} {
		if _, err := DecodeMark(bad); err == nil {
			t.Errorf("took %x", bad)
		}
	}
	other := EncodeMarks([]Mark{{Kind: ShardGone + 1, Key: Key{Bay: 200}}, want[0]}) // no packs, no bay of today
	m = &Message{}
	w := fields.NewWriter(nil)
	w.List(6, false, [][]byte{other[0], {0}, {99, 1, 2}, other[1]})
	if m, err = Decode(w.Bytes()); err != nil || !slices.Equal(m.Reads, want[:1]) {
		t.Errorf("with marks of other kinds: %v, %v", m, err)
	}
}
