package appliance

import (
	"slices"
	"testing"

	"github.com/sledge-io/sledge/internal/fields"
	"github.com/sledge-io/sledge/manifest"
)

// TestReadMarks: field 6 of a frame comes back as it was written.
func TestReadMarks(t *testing.T) {
	key := readKey{5, manifest.ID{1, 2, 3}}
	want := []readMark{{shardsRead, key, span{3, 9}}, {kind: sampleRead, key: key}, {kind: writesBegin}, {shardBad, key, span{4, 5}}, {shardGone, key, span{6, 7}}}
	m, err := decodeFrameMessage((&frameMessage{reads: want}).encode())
	if err != nil || !slices.Equal(m.reads, want) {
		t.Errorf("%v, %v", m.reads, err)
	}
	for _, bad := range [][]byte{nil, append([]byte{shardGone}, make([]byte, readMarkSize-2)...), append([]byte{shardsRead}, make([]byte, readMarkSize-1)...), append([]byte{sampleRead, maxBays}, make([]byte, readMarkSize-2)...)} {
		if _, err := decodeReadMark(bad); err == nil {
			t.Errorf("took %x", bad)
		}
	}
	other := encodeReadMarks([]readMark{{kind: shardGone + 1, key: readKey{bay: 200}}, want[0]}) // no packs, no bay of today
	m = &frameMessage{}
	w := fields.NewWriter(nil)
	w.List(6, false, [][]byte{other[0], {0}, {99, 1, 2}, other[1]})
	if m, err = decodeFrameMessage(w.Bytes()); err != nil || !slices.Equal(m.reads, want[:1]) {
		t.Errorf("with marks of other kinds: %v, %v", m, err)
	}
}
