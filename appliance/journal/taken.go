package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/sledge-io/sledge/internal/fields"
	"github.com/sledge-io/sledge/manifest"
)

// Doors stands in a message in the place of a scan list: its records came through a door.
// The doors of a device are one source.
var Doors = manifest.ID([]byte("doors of device "))

// Taken is an item of field 9: an entry that a door took and that has no place in a pack
// yet, or a path that it withdrew.
type Taken struct {
	Withdrawn string   // the path; "" of an entry
	Record    [][]byte // the entry's record and its continuations, by EncodeTaken
	Body      []byte   // its content
	Parts     []Part   // the client's own, if it had some
}

// Part is one of the parts that a client cut its content into.
type Part struct {
	Size   int64
	SHA256 [32]byte
}

// PartList is an item of field 10: the client's parts of one of the message's records.
type PartList struct {
	Record int // place in field 1
	Parts  []Part
}

// Cursor is an item of field 8: how far a source has got. What it means is the source's.
type Cursor struct {
	Source manifest.ID
	At     []byte
}

var takenSchema = fields.Schema{1: true, 2: true, 3: false, 4: true}

func (t *Taken) encode() []byte {
	w := fields.NewWriter(nil)
	w.List(1, true, t.Record)
	w.Blob(2, true, t.Body)
	w.Blob(3, false, encodeParts(nil, t.Parts))
	w.Text(4, true, t.Withdrawn)
	return w.Bytes()
}

func decodeTaken(b []byte) (t Taken, err error) {
	err = fields.Decode(b, takenSchema, func(f fields.Field) (err error) {
		switch f.Number {
		case 1:
			return f.Items(func(it []byte) error { t.Record = append(t.Record, bytes.Clone(it)); return nil })
		case 2:
			t.Body = bytes.Clone(f.Value)
		case 3:
			t.Parts, err = decodeParts(f.Value)
		case 4:
			t.Withdrawn = string(f.Value)
			err = manifest.CheckPath(t.Withdrawn)
		}
		return err
	})
	if err == nil && (t.Withdrawn == "") == (len(t.Record) == 0) {
		err = fmt.Errorf("%w: neither an entry nor a withdrawal", manifest.ErrCorrupt)
	}
	return t, err
}

// EncodeTaken encodes a record whose content is in no pack: in the place of its extents
// stands a hole of its size.
func EncodeTaken(r manifest.Record) ([][]byte, error) {
	r.Extents = nil
	if r.Kind == manifest.KindFile && r.Size > 0 {
		r.Extents = []manifest.Extent{{Length: r.Size, Hole: true}}
	}
	return r.Encode()
}

// Of joins an entry's record, without extents.
func (t *Taken) Of() (*manifest.Record, error) {
	var j manifest.Joiner
	var out *manifest.Record
	for _, b := range t.Record {
		r, err := j.Add(b)
		if err != nil {
			return nil, err
		}
		if r != nil {
			out = r
		}
	}
	switch {
	case out == nil:
	case out.Kind == manifest.KindFile && out.Size == int64(len(t.Body)) && (out.Size == 0 || len(out.Extents) == 1 && out.Extents[0].Hole):
		out.Extents = nil
		return out, nil
	case (out.Kind == manifest.KindDir || out.Kind == manifest.KindSymlink) && len(t.Body) == 0:
		return out, nil
	}
	return nil, fmt.Errorf("%w: a door's entry", manifest.ErrCorrupt)
}

const partSize = 8 + 32

func encodeParts(b []byte, parts []Part) []byte {
	for _, p := range parts {
		b = append(binary.BigEndian.AppendUint64(b, uint64(p.Size)), p.SHA256[:]...)
	}
	return b
}

func decodeParts(b []byte) (parts []Part, err error) {
	if len(b)%partSize != 0 || len(b) > manifest.MaxParts*partSize {
		return nil, manifest.ErrCorrupt
	}
	for ; len(b) > 0; b = b[partSize:] {
		p := Part{Size: int64(binary.BigEndian.Uint64(b))}
		copy(p.SHA256[:], b[8:])
		if p.Size < 0 {
			return nil, manifest.ErrCorrupt
		}
		parts = append(parts, p)
	}
	return parts, nil
}

func (l *PartList) encode() []byte {
	return encodeParts(binary.BigEndian.AppendUint64(nil, uint64(l.Record)), l.Parts)
}

// decodePartList reads a list of one of so many records.
func decodePartList(b []byte, records int) (l PartList, err error) {
	if len(b) < 8 || binary.BigEndian.Uint64(b) >= uint64(records) {
		return l, manifest.ErrCorrupt
	}
	l.Record = int(binary.BigEndian.Uint64(b))
	l.Parts, err = decodeParts(b[8:])
	return l, err
}

func (c *Cursor) encode() []byte { return append(bytes.Clone(c.Source[:]), c.At...) }

func decodeCursor(b []byte) (c Cursor, err error) {
	if len(b) < len(c.Source) {
		return c, manifest.ErrCorrupt
	}
	copy(c.Source[:], b)
	c.At = bytes.Clone(b[len(c.Source):])
	return c, nil
}
