package appliance

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/sledge-io/sledge/manifest"
)

// readKey is a disk in its bay: one that replaces it has another id.
type readKey struct {
	bay  int
	disk manifest.ID
}

// Marks are items of field 6 of a journal frame's message (docs/format.md section 9).
type readMark struct {
	kind  byte
	key   readKey
	packs span // none of sampleRead and writesBegin
}

const (
	shardsRead  byte = 1
	sampleRead  byte = 2
	writesBegin byte = 3
	shardBad    byte = 4
	shardGone   byte = 5
)

const readMarkSize = 2 + 16 + 8 + 8

func encodeReadMarks(marks []readMark) (out [][]byte) {
	for _, m := range marks {
		b := append([]byte{m.kind, byte(m.key.bay)}, m.key.disk[:]...)
		b = binary.BigEndian.AppendUint64(b, m.packs.from)
		out = append(out, binary.BigEndian.AppendUint64(b, m.packs.to))
	}
	return out
}

// known tells whether this program knows a kind of marks: the format lets others be
// skipped, whatever stands in them.
func (m readMark) known() bool { return m.kind >= shardsRead && m.kind <= shardGone }

func decodeReadMark(b []byte) (m readMark, err error) {
	if len(b) > 0 {
		m.kind = b[0]
	}
	if len(b) > 0 && !m.known() {
		return m, nil
	}
	if len(b) != readMarkSize {
		return m, manifest.ErrCorrupt
	}
	m.key.bay = int(b[1])
	copy(m.key.disk[:], b[2:18])
	m.packs = span{binary.BigEndian.Uint64(b[18:]), binary.BigEndian.Uint64(b[26:])}
	if m.kind != sampleRead && m.kind != writesBegin && m.packs.from >= m.packs.to || m.key.bay >= maxBays {
		return m, manifest.ErrCorrupt
	}
	return m, nil
}

// maxBays is the format's limit on a set of disks.
const maxBays = 64

// readMarks are marks that wait for a frame.
type readMarks struct {
	read map[readKey]*rangeSet
	rest []readMark // in order, after the others
}

func (u *readMarks) add(m readMark) {
	if u.read == nil {
		u.read = map[readKey]*rangeSet{}
	}
	if u.read[m.key] == nil {
		u.read[m.key] = &rangeSet{}
	}
	u.read[m.key].add(m.packs)
}

// later keeps marks that follow the others, in order.
func (u *readMarks) later(marks ...readMark) { u.rest = append(u.rest, marks...) }

func (u *readMarks) drop(key readKey) { delete(u.read, key) }

// take gives the marks to a frame and forgets them.
func (u *readMarks) take() (marks []readMark) {
	for key, set := range u.read {
		for _, s := range set.spans {
			marks = append(marks, readMark{kind: shardsRead, key: key, packs: s})
		}
	}
	slices.SortFunc(marks, func(a, b readMark) int {
		return cmp.Or(cmp.Compare(a.key.bay, b.key.bay), cmp.Compare(a.packs.from, b.packs.from))
	})
	marks = append(marks, u.rest...)
	*u = readMarks{}
	return marks
}
