package pack

import (
	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/erasure"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// listMend puts a hash list together of which no copy is whole (docs/format.md section
// 6.4): of every field the value that a stored block confirms. A field that no block
// confirms has two opinions, that of the copies and that of the block, so there are two
// lists; the signed root decides.
type listMend struct {
	set    *disk.Set
	p      *manifest.Pack
	layout erasure.Layout
	size   int64

	views  []view // what is there of any copy
	signed []view // of these, what fits the signed hashes of pieces

	byCopies, byBlocks []byte
}

// view is a run of a hash list's bytes from some place on.
type view struct {
	at   int64
	data []byte
}

func (v view) field(from, n int64) []byte {
	if from < v.at || from+n > v.at+int64(len(v.data)) {
		return nil
	}
	return v.data[from-v.at : from-v.at+n]
}

// mendList returns nil if no list comes to the root. pieces are the good ones.
func mendList(s *disk.Set, p *manifest.Pack, code *erasure.Code, pieces [][]byte) []byte {
	layout := LayoutOf(p)
	m := &listMend{set: s, p: p, layout: layout, size: layout.Stripes() * int64(layout.LineLen())}
	m.collect(code, pieces)
	m.byCopies, m.byBlocks = make([]byte, m.size), make([]byte, m.size)
	m.eachField(func(from, n int64) {
		copy(m.byCopies[from:], m.opinion(from, n))
		copy(m.byBlocks[from:], m.byCopies[from:from+n])
	})
	for shard := range layout.K + layout.M {
		m.ask(shard)
	}
	for _, list := range [][]byte{m.byCopies, m.byBlocks} {
		if linesRoot(list, layout.LineLen()) == p.Root {
			return list
		}
	}
	return nil
}

func (m *listMend) eachField(f func(from, n int64)) {
	for stripe := range m.layout.Stripes() {
		for shard := range m.layout.K + m.layout.M {
			f(m.place(stripe, shard))
		}
	}
}

// place is where a block's field stands in the list, and its length.
func (m *listMend) place(stripe int64, shard int) (from, n int64) {
	n = 8
	if shard < m.layout.K {
		n = 32
	}
	return stripe*int64(m.layout.LineLen()) + int64(fieldOffset(m.layout, shard)), n
}

// collect reads what the disks have of any copy. Memory bounds how many are held.
func (m *listMend) collect(code *erasure.Code, pieces [][]byte) {
	held := int64(0)
	add := func(v view) {
		if held+int64(len(v.data)) <= max(2*m.size, disk.MaxCopiesSize) {
			held += int64(len(v.data))
			m.views = append(m.views, v)
		}
	}
	if list, err := code.JoinPieces(append([][]byte(nil), pieces...), int(m.size)); err == nil {
		m.signed = append(m.signed, view{0, list})
	} else {
		m.signed = runs(pieces[:m.layout.K], m.size)
	}
	for _, v := range m.signed {
		add(v)
	}
	for _, d := range m.set.Disks {
		for _, v := range readViews(m.set, d, disk.HashesName(m.p.ID), m.size) {
			add(v)
		}
	}
	for _, v := range runs(m.anyPieces(pieces), m.size) {
		add(v)
	}
}

// anyPieces are the data pieces, good or not.
func (m *listMend) anyPieces(good [][]byte) [][]byte {
	out := append([][]byte(nil), good[:m.layout.K]...)
	length := (m.size + int64(m.layout.K) - 1) / int64(m.layout.K)
	for j := range out {
		for _, i := range m.set.Order(int(m.p.Bays[j])) {
			if out[j] != nil {
				break
			}
			if b, err := m.set.ReadFile(m.set.Disks[i], disk.PieceName(m.p.ID, j), length); err == nil && int64(len(b)) == length {
				out[j] = b
			}
		}
	}
	return out
}

// runs joins pieces that stand side by side, without what stands behind the list's end.
func runs(pieces [][]byte, size int64) (out []view) {
	at := int64(0)
	length := (size + int64(len(pieces)) - 1) / int64(len(pieces))
	for _, b := range pieces {
		switch {
		case b == nil:
		case len(out) > 0 && out[len(out)-1].at+int64(len(out[len(out)-1].data)) == at:
			out[len(out)-1].data = append(out[len(out)-1].data, b...)
		default:
			out = append(out, view{at, append([]byte(nil), b...)})
		}
		at += length
	}
	return out
}

// readViews reads what can be read of a file's first bytes.
func readViews(s *disk.Set, d disk.Disk, name string, size int64) (out []view) {
	f, err := d.FS.Open(name, vfs.OpenOptions{})
	if err != nil {
		s.Fault.Met("disk "+d.Name, err)
		return nil
	}
	defer f.Close()
	have, err := f.Size()
	if err != nil {
		return nil
	}
	data := make([]byte, min(have, size))
	if _, err := f.ReadAt(data, 0); err == nil {
		return []view{{0, data}}
	}
	const step = 4096
	for at := int64(0); at < int64(len(data)); at += step {
		b := data[at:min(at+step, int64(len(data)))]
		if _, err := f.ReadAt(b, at); err != nil {
			continue
		}
		if n := len(out); n > 0 && out[n-1].at+int64(len(out[n-1].data)) == at {
			out[n-1].data = append(out[n-1].data, b...)
		} else {
			out = append(out, view{at, append([]byte(nil), b...)})
		}
	}
	return out
}

// opinion is what signed pieces say of a field, else what most copies say; nil: nothing.
func (m *listMend) opinion(from, n int64) []byte {
	for _, v := range m.signed {
		if b := v.field(from, n); b != nil {
			return b
		}
	}
	var best []byte
	most := 0
	for _, v := range m.views {
		b := v.field(from, n)
		if b == nil {
			continue
		}
		votes := 0
		for _, o := range m.views {
			if string(o.field(from, n)) == string(b) {
				votes++
			}
		}
		if votes > most {
			best, most = b, votes
		}
	}
	return best
}

// ask lets every copy of a shard's blocks speak of their fields.
func (m *listMend) ask(shard int) {
	files := m.set.OpenAllShards(m.p, shard)
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	buf := make([]byte, m.layout.Block)
	for stripe := range m.layout.Stripes() {
		block := buf[:m.layout.BlockLen(stripe)]
		from, n := m.place(stripe, shard)
		first := true
		for _, f := range files {
			if _, err := f.ReadAt(block, stripe*m.layout.Block); err != nil {
				continue
			}
			value := fieldOf(m.layout, shard, block)
			if m.confirms(from, value) {
				copy(m.byCopies[from:], value)
				copy(m.byBlocks[from:], value)
				break
			}
			if first {
				copy(m.byBlocks[from:], value)
				if m.opinion(from, n) == nil {
					copy(m.byCopies[from:], value)
				}
				first = false
			}
		}
	}
}

// confirms tells whether some copy has the value that a block gives.
func (m *listMend) confirms(from int64, value []byte) bool {
	for _, v := range m.views {
		if string(v.field(from, int64(len(value)))) == string(value) {
			return true
		}
	}
	return false
}

// goodPieces reads the pieces that have their signed hash; the others are nil.
func goodPieces(s *disk.Set, p *manifest.Pack, code *erasure.Code, size int) [][]byte {
	pieces := make([][]byte, code.K+code.M)
	length := int64((size + code.K - 1) / code.K)
	for j := range pieces {
		for _, i := range s.Order(int(p.Bays[j])) {
			b, err := s.ReadFile(s.Disks[i], disk.PieceName(p.ID, j), length)
			if err == nil && int64(len(b)) == length && crypto.SumSHA256(b) == p.Pieces[j] {
				pieces[j] = b
				break
			}
		}
	}
	return pieces
}
