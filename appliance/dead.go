package appliance

import (
	"encoding/binary"
	"errors"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/extsort"
	"github.com/sledge-io/sledge/manifest"
)

// Dead bytes lie in packs and are of no entry of the manifest to be: earlier versions,
// tries that were broken off, loads that were given up. They are content, before
// encryption and coding. What is in progress is not dead. Nothing removes them before
// the seal (docs/decisions.md).

// stored is where the content of a record begins and how much of it is in packs.
// Records of the same content, as further names have them, repeat the same extents.
func stored(b []byte, r *manifest.Record) []byte {
	var pack, offset uint64
	var length int64
	for _, e := range r.Extents {
		if e.Hole {
			continue
		}
		if length == 0 {
			pack, offset = e.Pack, uint64(e.PackOffset)
		}
		length += e.Length
	}
	for _, v := range []uint64{pack, offset, uint64(length)} {
		b = binary.AppendUvarint(b, v)
	}
	return b
}

// liveBytes sums what good entries need of the packs, each place once.
type liveBytes struct {
	places *extsort.Sorter
	err    error
}

func (l *liveBytes) add(v []byte) {
	var key [16]byte
	pack, n := binary.Uvarint(v)
	offset, m := binary.Uvarint(v[n:])
	if length, _ := binary.Uvarint(v[n+m:]); length > 0 && l.err == nil {
		binary.BigEndian.PutUint64(key[:], pack)
		binary.BigEndian.PutUint64(key[8:], offset)
		l.err = l.places.Add(key[:], v[n+m:])
	}
}

func (l *liveBytes) sum() (total int64, err error) {
	var last [16]byte
	begun := false
	err = l.places.Each(func(key, value []byte) error {
		if begun && [16]byte(key) == last {
			return nil
		}
		begun, last = true, [16]byte(key)
		length, _ := binary.Uvarint(value)
		total += int64(length)
		return nil
	})
	return total, errors.Join(l.err, err)
}

// plain is the content that all packs hold.
func (s *loadState) plain() int64 { return s.body - int64(s.segments)*crypto.SegmentOverhead }

// openBytes is the content of files that are not whole yet.
func (s *loadState) openBytes() (n int64) {
	for _, p := range s.partial {
		n += p.DataBytes()
	}
	return n
}

// dead is what no entry needs; -1 while a pack has not been read back, for until then
// an earlier version may be all that there is.
func (d *Device) dead(live int64) int64 {
	if d.packsRead() < d.state.packs {
		return -1
	}
	return max(0, d.state.plain()-live-d.state.openBytes())
}
