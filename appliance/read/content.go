package read

import (
	"context"
	"fmt"
	"io"
	"sort"

	"github.com/sledge-io/sledge/appliance/pack"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/manifest"
)

// Content reads the bytes of one entry at any offset. Every byte comes from a
// segment whose tag has been checked. It is safe for concurrent use.
type Content struct {
	r       *Reader
	extents []manifest.Extent
	size    int64
}

// Open gives the content of a file or hard link.
func (r *Reader) Open(_ context.Context, rec *manifest.Record) (*Content, error) {
	if rec.Kind != manifest.KindFile && rec.Kind != manifest.KindHardlink {
		return nil, fmt.Errorf("%q is a %s and has no content", rec.Path, rec.Kind)
	}
	c := r.ContentOf(rec)
	return &c, nil
}

// ContentOf is Open of a record that is known to have content.
func (r *Reader) ContentOf(rec *manifest.Record) Content {
	return Content{r: r, extents: rec.Extents, size: rec.Size}
}

// Size is the number of bytes.
func (c *Content) Size() int64 { return c.size }

// Close gives back what the content holds: nothing.
func (c *Content) Close() error { return nil }

// ReadAt follows io.ReaderAt.
func (c *Content) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("negative offset %d", off)
	}
	done := 0
	for done < len(p) && off < c.size {
		n, err := c.run(p[done:], off)
		if err != nil {
			return done, err
		}
		done += n
		off += int64(n)
	}
	if done < len(p) {
		return done, io.EOF
	}
	return done, nil
}

// run reads from one piece. A segment that is wanted whole is decrypted straight
// into p.
func (c *Content) run(p []byte, off int64) (int, error) {
	q, err := c.Piece(off)
	if err != nil {
		return 0, err
	}
	p = p[:min(int64(len(p)), q.Length)]
	switch {
	case q.Hole:
		clear(p)
		return len(p), nil
	case q.whole && int64(len(p)) == q.Length:
		return len(p), c.r.decryptTo(p, q)
	}
	data, release, err := c.r.Shared(q)
	if err != nil {
		return 0, err
	}
	defer release()
	return copy(p, data), nil
}

// Piece is a run of an entry's bytes inside one segment, or in a hole.
type Piece struct {
	Off, Length   int64 // in the content
	Hole          bool
	pack, segment uint64
	in            int64 // offset in the segment's plaintext
	whole         bool  // all of a full segment
}

// UpTo is what is left of a piece that has to end after n bytes.
func (q Piece) UpTo(n int64) Piece {
	if q.Length > n {
		q.Length, q.whole = n, false
	}
	return q
}

// maxHole bounds a piece that no segment bounds.
const maxHole = 1 << 20

// Piece finds what begins at off and ends with its segment or extent.
func (c *Content) Piece(off int64) (Piece, error) {
	i := sort.Search(len(c.extents), func(i int) bool { return c.extents[i].Offset+c.extents[i].Length > off })
	if i == len(c.extents) || c.extents[i].Offset > off {
		return Piece{}, fmt.Errorf("%w: no extent at offset %d", manifest.ErrCorrupt, off)
	}
	e := c.extents[i]
	left := e.Length - (off - e.Offset)
	if e.Hole {
		return Piece{Off: off, Length: min(left, maxHole), Hole: true}, nil
	}
	at := e.PackOffset + off - e.Offset
	if at < 0 || at > manifest.MaxBody {
		return Piece{}, fmt.Errorf("%w: extent at %d of pack %d", manifest.ErrCorrupt, e.PackOffset, e.Pack)
	}
	in := at % crypto.PlainSegmentSize
	n := min(left, crypto.PlainSegmentSize-in)
	return Piece{Off: off, Length: n, pack: e.Pack, segment: uint64(at / crypto.PlainSegmentSize), in: in, whole: n == crypto.PlainSegmentSize}, nil
}

// IsHole reports whether a range, which is not empty, is nothing but holes.
func (c *Content) IsHole(off, to int64) bool {
	i := sort.Search(len(c.extents), func(i int) bool { return c.extents[i].Offset+c.extents[i].Length > off })
	for ; off < to; i++ {
		if i == len(c.extents) || !c.extents[i].Hole || c.extents[i].Offset > off {
			return false
		}
		off = c.extents[i].Offset + c.extents[i].Length
	}
	return true
}

// Begin has the disks begin to read what is read first of a range; what follows
// is hinted at as the reading goes on.
func (c *Content) Begin(off, to int64) {
	if off == to {
		return
	}
	q, err := c.Piece(off)
	if err != nil || q.Hole {
		return
	}
	p, done, err := c.r.pack(packKey{n: q.pack})
	if err != nil {
		return
	}
	defer done()
	if q.segment >= p.Entry().Segments {
		return
	}
	p.Hint(int64(q.segment)*crypto.SegmentSize, min(p.StripeLen(), to-off))
}

// Shared gives a piece's bytes from a segment that is kept for its other readers;
// release must be called when done with them.
func (r *Reader) Shared(q Piece) (data []byte, release func(), err error) {
	s := r.segments.Get(pack.SegmentKey(r.set, q.pack, q.segment), crypto.SegmentSize)
	data, err = s.Make(func(buf []byte) ([]byte, error) { return r.decrypt(nil, buf, q) })
	if err == nil {
		data, err = q.cut(data)
	}
	if err != nil {
		r.segments.Put(s)
		return nil, nil, err
	}
	return data, func() { r.segments.Put(s) }, nil
}

func (q Piece) cut(segment []byte) ([]byte, error) {
	if q.in+q.Length > int64(len(segment)) {
		return nil, fmt.Errorf("%w: extent beyond pack %d", manifest.ErrCorrupt, q.pack)
	}
	return segment[q.in : q.in+q.Length], nil
}

// decryptTo decrypts a whole segment into p, or copies it if it is there already.
func (r *Reader) decryptTo(p []byte, q Piece) error {
	if s := r.segments.Peek(pack.SegmentKey(r.set, q.pack, q.segment)); s != nil {
		r.segments.Put(s)
		data, release, err := r.Shared(q)
		if err != nil {
			return err
		}
		defer release()
		copy(p, data)
		return nil
	}
	enc := r.Buffer()
	defer r.GiveBack(enc)
	data, err := r.decrypt(p, *enc, q)
	if err == nil {
		_, err = q.cut(data)
	}
	return err
}

// ReadPiece gives a piece's bytes; buf has a segment's size. It decrypts a whole segment in
// place; what neighbours need, too, is shared. release must be called when done with them.
func (r *Reader) ReadPiece(q Piece, buf []byte) (data []byte, release func(), err error) {
	switch {
	case q.Hole:
		clear(buf[:q.Length])
		return buf[:q.Length], func() {}, nil
	case !q.whole:
		return r.Shared(q)
	}
	if data, err = r.decrypt(nil, buf, q); err == nil {
		data, err = q.cut(data)
	}
	return data, func() {}, err
}

// Buffer lends a buffer of a segment's size until it is given back.
func (r *Reader) Buffer() *[]byte { return r.scratch.Get().(*[]byte) }

func (r *Reader) GiveBack(buf *[]byte) { r.scratch.Put(buf) }

// decrypt is pack.Plain.Segment of the piece's segment.
func (r *Reader) decrypt(dst, enc []byte, q Piece) ([]byte, error) {
	p, done, err := r.pack(packKey{n: q.pack})
	if err != nil {
		return nil, err
	}
	defer done()
	return p.Segment(dst, enc, q.segment)
}
