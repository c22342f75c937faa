package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/sledge-io/sledge/internal/fields"
	"github.com/sledge-io/sledge/manifest"
)

var frameSchema = fields.Schema{1: true, 2: true, 3: true, 4: false, 5: false, 6: false, 7: false, 8: false, 9: true, 10: false}

// Message is the encrypted part of a journal frame.
type Message struct {
	Records [][]byte
	List    manifest.ID
	Ranges  []Span
	Partial []byte
	Events  [][]byte
	Reads   []Mark

	Abandoned []manifest.ID // scan lists whose rest is given up

	Cursors   []Cursor
	Taken     []Taken // after the records
	PartLists []PartList
}

func (m *Message) Encode() []byte {
	size := 256 + 20*len(m.Ranges) + len(m.Partial)
	for _, r := range m.Records {
		size += 3 + len(r)
	}
	for _, t := range m.Taken {
		size += 64 + len(t.Body)
	}
	w := fields.NewWriter(make([]byte, 0, size))
	w.List(1, true, m.Records)
	if !m.List.IsZero() {
		w.Blob(2, true, m.List[:])
	}
	var ranges [][]byte
	for _, r := range m.Ranges {
		ranges = append(ranges, binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, r.From), r.To))
	}
	w.List(3, true, ranges)
	w.Blob(4, false, m.Partial)
	w.List(5, false, m.Events)
	w.List(6, false, EncodeMarks(m.Reads))
	var abandoned [][]byte
	for _, id := range m.Abandoned {
		abandoned = append(abandoned, id[:])
	}
	w.List(7, false, abandoned)
	w.List(8, false, encodeAll(m.Cursors, (*Cursor).encode))
	w.List(9, true, encodeAll(m.Taken, (*Taken).encode))
	w.List(10, false, encodeAll(m.PartLists, (*PartList).encode))
	return w.Bytes()
}

func encodeAll[T any](of []T, encode func(*T) []byte) (out [][]byte) {
	for i := range of {
		out = append(out, encode(&of[i]))
	}
	return out
}

func Decode(b []byte) (*Message, error) {
	m := &Message{}
	err := fields.Decode(b, frameSchema, func(f fields.Field) error {
		switch f.Number {
		case 1:
			return f.Items(func(it []byte) error { m.Records = append(m.Records, it); return nil })
		case 2:
			return f.Copy(m.List[:])
		case 3:
			return f.Items(func(it []byte) error {
				if len(it) != 16 {
					return manifest.ErrCorrupt
				}
				r := Span{binary.BigEndian.Uint64(it), binary.BigEndian.Uint64(it[8:])}
				if r.From >= r.To {
					return manifest.ErrCorrupt
				}
				m.Ranges = append(m.Ranges, r)
				return nil
			})
		case 4:
			m.Partial = f.Value
		case 5:
			return f.Items(func(it []byte) error { m.Events = append(m.Events, bytes.Clone(it)); return nil })
		case 6:
			return f.Items(func(it []byte) error {
				r, err := DecodeMark(it)
				if r.known() {
					m.Reads = append(m.Reads, r)
				}
				return err
			})
		case 7:
			return f.Items(func(it []byte) error {
				if len(it) != len(manifest.ID{}) {
					return manifest.ErrCorrupt
				}
				m.Abandoned = append(m.Abandoned, manifest.ID(it))
				return nil
			})
		case 8:
			return decodeAll(f, &m.Cursors, decodeCursor)
		case 9:
			return decodeAll(f, &m.Taken, decodeTaken)
		case 10:
			return decodeAll(f, &m.PartLists, func(it []byte) (PartList, error) { return decodePartList(it, len(m.Records)) })
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%w: journal frame: %w", manifest.ErrCorrupt, err)
	}
	return m, nil
}

func decodeAll[T any](f fields.Field, to *[]T, decode func([]byte) (T, error)) error {
	return f.Items(func(it []byte) error {
		v, err := decode(it)
		*to = append(*to, v)
		return err
	})
}
