package appliance

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/sledge-io/sledge/internal/fields"
	"github.com/sledge-io/sledge/manifest"
)

var frameSchema = fields.Schema{1: true, 2: true, 3: true, 4: false, 5: false, 6: false, 7: false}

// frameMessage is the encrypted part of a journal frame.
type frameMessage struct {
	records [][]byte
	list    manifest.ID
	ranges  []span
	partial []byte
	events  [][]byte
	reads   []readMark

	abandoned []manifest.ID // scan lists whose rest is given up
}

func (m *frameMessage) encode() []byte {
	size := 256 + 20*len(m.ranges) + len(m.partial)
	for _, r := range m.records {
		size += 3 + len(r)
	}
	w := fields.NewWriter(make([]byte, 0, size))
	w.List(1, true, m.records)
	if !m.list.IsZero() {
		w.Blob(2, true, m.list[:])
	}
	var ranges [][]byte
	for _, r := range m.ranges {
		ranges = append(ranges, binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, r.from), r.to))
	}
	w.List(3, true, ranges)
	w.Blob(4, false, m.partial)
	w.List(5, false, m.events)
	w.List(6, false, encodeReadMarks(m.reads))
	var abandoned [][]byte
	for _, id := range m.abandoned {
		abandoned = append(abandoned, id[:])
	}
	w.List(7, false, abandoned)
	return w.Bytes()
}

func decodeFrameMessage(b []byte) (*frameMessage, error) {
	m := &frameMessage{}
	err := fields.Decode(b, frameSchema, func(f fields.Field) error {
		switch f.Number {
		case 1:
			return f.Items(func(it []byte) error { m.records = append(m.records, it); return nil })
		case 2:
			return f.Copy(m.list[:])
		case 3:
			return f.Items(func(it []byte) error {
				if len(it) != 16 {
					return manifest.ErrCorrupt
				}
				r := span{binary.BigEndian.Uint64(it), binary.BigEndian.Uint64(it[8:])}
				if r.from >= r.to {
					return manifest.ErrCorrupt
				}
				m.ranges = append(m.ranges, r)
				return nil
			})
		case 4:
			m.partial = f.Value
		case 5:
			return f.Items(func(it []byte) error { m.events = append(m.events, bytes.Clone(it)); return nil })
		case 6:
			return f.Items(func(it []byte) error {
				r, err := decodeReadMark(it)
				if r.known() {
					m.reads = append(m.reads, r)
				}
				return err
			})
		case 7:
			return f.Items(func(it []byte) error {
				if len(it) != len(manifest.ID{}) {
					return manifest.ErrCorrupt
				}
				m.abandoned = append(m.abandoned, manifest.ID(it))
				return nil
			})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%w: journal frame: %w", manifest.ErrCorrupt, err)
	}
	return m, nil
}
