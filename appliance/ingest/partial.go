package ingest

import (
	"encoding/binary"
	"fmt"

	"github.com/sledge-io/sledge/internal/fields"
	"github.com/sledge-io/sledge/manifest"
)

// Partial is what a journal frame keeps of a long file at a pack's close:
// what is new since the frame before, and the digests' states. So a resumed
// load goes on inside the file.
type Partial struct {
	Ordinal  uint64
	From, To int64    // content covered by this frame
	Identity [40]byte // what the source knows the content by
	extents  []Extent
	parts    [][]byte
	units    []uint64
	digest   []byte // state
}

// DataBytes is the content that is in packs.
func (p *Partial) DataBytes() (n int64) {
	for _, e := range p.extents {
		if !e.hole {
			n += e.length
		}
	}
	return n
}

// Prepend puts what earlier frames hold before.
func (p *Partial) Prepend(old *Partial) {
	p.From = old.From
	p.extents = append(append([]Extent(nil), old.extents...), p.extents...)
	p.parts = append(append([][]byte(nil), old.parts...), p.parts...)
	p.units = append(append([]uint64(nil), old.units...), p.units...)
}

// encode is called at commit, when the packs have their numbers.
func (p *Partial) encode() ([]byte, error) {
	u := func(vs ...uint64) []byte {
		var b []byte
		for _, v := range vs {
			b = binary.BigEndian.AppendUint64(b, v)
		}
		return b
	}
	w := fields.NewWriter(nil)
	w.Blob(1, true, u(p.Ordinal, uint64(p.From), uint64(p.To)))
	w.Blob(2, true, p.Identity[:])
	var extents []byte
	for _, pe := range p.extents {
		e := pe.resolve()
		hole := uint64(0)
		if e.Hole {
			hole = 1
		}
		extents = append(extents, u(uint64(e.Offset), uint64(e.Length), e.Pack, uint64(e.PackOffset), hole)...)
	}
	w.Blob(3, true, extents)
	w.List(4, true, p.parts)
	w.Blob(5, true, u(p.units...))
	w.Blob(6, true, p.digest)
	return w.Bytes(), nil
}

func DecodePartial(b []byte) (*Partial, error) {
	p := &Partial{}
	words := func(f fields.Field, n int) ([]uint64, error) {
		if len(f.Value)%8 != 0 || n > 0 && len(f.Value) != 8*n {
			return nil, manifest.ErrCorrupt
		}
		out := make([]uint64, len(f.Value)/8)
		for i := range out {
			out[i] = binary.BigEndian.Uint64(f.Value[8*i:])
		}
		return out, nil
	}
	err := fields.Decode(b, fields.Schema{1: true, 2: true, 3: true, 4: true, 5: true, 6: true}, func(f fields.Field) error {
		switch f.Number {
		case 1:
			v, err := words(f, 3)
			if err == nil {
				p.Ordinal, p.From, p.To = v[0], int64(v[1]), int64(v[2])
			}
			return err
		case 2:
			return f.Copy(p.Identity[:])
		case 3:
			v, err := words(f, 0)
			if err != nil || len(v)%5 != 0 {
				return manifest.ErrCorrupt
			}
			for ; len(v) > 0; v = v[5:] {
				p.extents = append(p.extents, Extent{offset: int64(v[0]), length: int64(v[1]), number: v[2], packOffset: int64(v[3]), hole: v[4] == 1})
			}
		case 4:
			return f.Items(func(it []byte) error { p.parts = append(p.parts, append([]byte(nil), it...)); return nil })
		case 5:
			v, err := words(f, 0)
			p.units = v
			return err
		case 6:
			p.digest = append([]byte(nil), f.Value...)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%w: file in progress: %w", manifest.ErrCorrupt, err)
	}
	return p, nil
}
