package journal

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/sledge-io/sledge/manifest"
)

// Key is a disk in its bay: one that replaces it has another id.
type Key struct {
	Bay  int
	Disk manifest.ID
}

// Marks are items of field 6 of a journal frame's message (docs/format.md section 9).
type Mark struct {
	Kind  byte
	Key   Key
	Packs Span // none of SampleRead and WritesBegin
}

const (
	ShardsRead  byte = 1
	SampleRead  byte = 2
	WritesBegin byte = 3
	ShardBad    byte = 4
	ShardGone   byte = 5
)

const readMarkSize = 2 + 16 + 8 + 8

func EncodeMarks(marks []Mark) (out [][]byte) {
	for _, m := range marks {
		b := append([]byte{m.Kind, byte(m.Key.Bay)}, m.Key.Disk[:]...)
		b = binary.BigEndian.AppendUint64(b, m.Packs.From)
		out = append(out, binary.BigEndian.AppendUint64(b, m.Packs.To))
	}
	return out
}

// known tells whether this program knows a kind of marks: the format lets others be
// skipped, whatever stands in them.
func (m Mark) known() bool { return m.Kind >= ShardsRead && m.Kind <= ShardGone }

func DecodeMark(b []byte) (m Mark, err error) {
	if len(b) > 0 {
		m.Kind = b[0]
	}
	if len(b) > 0 && !m.known() {
		return m, nil
	}
	if len(b) != readMarkSize {
		return m, manifest.ErrCorrupt
	}
	m.Key.Bay = int(b[1])
	copy(m.Key.Disk[:], b[2:18])
	m.Packs = Span{binary.BigEndian.Uint64(b[18:]), binary.BigEndian.Uint64(b[26:])}
	if m.Kind != SampleRead && m.Kind != WritesBegin && m.Packs.From >= m.Packs.To || m.Key.Bay >= maxBays {
		return m, manifest.ErrCorrupt
	}
	return m, nil
}

// maxBays is the format's limit on a set of disks.
const maxBays = 64

// Marks are marks that wait for a frame.
type Marks struct {
	read map[Key]*Ranges
	rest []Mark // in order, after the others
}

func (u *Marks) Add(m Mark) {
	if u.read == nil {
		u.read = map[Key]*Ranges{}
	}
	if u.read[m.Key] == nil {
		u.read[m.Key] = &Ranges{}
	}
	u.read[m.Key].Add(m.Packs)
}

// Later keeps marks that follow the others, in order.
func (u *Marks) Later(marks ...Mark) { u.rest = append(u.rest, marks...) }

func (u *Marks) Drop(key Key) { delete(u.read, key) }

// Take gives the marks to a frame and forgets them.
func (u *Marks) Take() (marks []Mark) {
	for key, set := range u.read {
		for _, s := range set.Spans {
			marks = append(marks, Mark{Kind: ShardsRead, Key: key, Packs: s})
		}
	}
	slices.SortFunc(marks, func(a, b Mark) int {
		return cmp.Or(cmp.Compare(a.Key.Bay, b.Key.Bay), cmp.Compare(a.Packs.From, b.Packs.From))
	})
	marks = append(marks, u.rest...)
	*u = Marks{}
	return marks
}
