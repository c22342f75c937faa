package pack

import (
	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/internal/vfs"
)

const (
	// maxSlab bounds the columns of a stripe that are decoded together: whole
	// stripes up to this size, so that each is read once.
	maxSlab = 16 << 20

	// decodeStep is the columns that are read and decoded at a time, so that the
	// rows of it are still in the core's cache: k of them are 1 MiB or so.
	decodeStep = 64 << 10
)

// slab returns the columns of a stripe that are decoded with column in: from
// where, and how many.
func (r *Reader) slab(stripe, in int64) (column, width int64) {
	step := max(vfs.Alignment, maxSlab/int64(r.layout.K)/vfs.Alignment*vfs.Alignment)
	column = in / step * step
	return column, min(step, r.layout.BlockLen(stripe)-column)
}

// fromCache fills dst from what was decoded before; false if that is not there.
func (r *Reader) fromCache(dst []byte, stripe, in int64, shard int) bool {
	column, width := r.slab(stripe, in)
	if in+int64(len(dst)) > column+width {
		return false
	}
	s := r.cache.Peek(r.key(stripe, column, false))
	if s == nil {
		return false
	}
	defer r.cache.Put(s)
	r.fillSlab(s, stripe, column, width)
	if s.err != nil {
		return false
	}
	copy(dst, s.data[int64(shard)*width+in-column:])
	return true
}

// view gives a run of the body from a stripe that was decoded whole, or has to be,
// without a copy; nil if that is not so. The caller puts it back into the cache.
func (r *Reader) view(off, n int64) (s *Cached, run []byte) {
	stripe, in := r.layout.StripeOf(off)
	size := r.layout.BlockLen(stripe)
	column, width := r.slab(stripe, 0)
	if width < size || in+n > int64(r.layout.K)*size {
		return nil, nil
	}
	switch {
	case r.shard(int(in/size)) == nil:
		r.decoded.Store(true)
		s = r.cache.Get(r.key(stripe, column, false), r.layout.K*int(width))
	case r.decoded.Load():
		s = r.cache.Peek(r.key(stripe, column, false))
	}
	if s == nil {
		return nil, nil
	}
	r.fillSlab(s, stripe, column, width)
	if s.err != nil {
		r.cache.Put(s)
		return nil, nil
	}
	return s, s.data[in : in+n]
}

// decode fills dst from a block that cannot be read, by way of k others.
func (r *Reader) decode(dst []byte, stripe, in int64, shard int) error {
	r.decoded.Store(true)
	for len(dst) > 0 {
		column, width := r.slab(stripe, in)
		s := r.cache.Get(r.key(stripe, column, false), r.layout.K*int(width))
		r.fillSlab(s, stripe, column, width)
		if s.err != nil {
			err := s.err
			r.cache.Put(s)
			return err
		}
		n := copy(dst, s.data[int64(shard)*width+in-column:int64(shard+1)*width])
		r.cache.Put(s)
		dst, in = dst[n:], in+int64(n)
	}
	return nil
}

func (r *Reader) fillSlab(s *Cached, stripe, column, width int64) {
	s.once.Do(func() { s.data, s.err = s.buf, r.decodeSlab(s.buf, stripe, column, width) })
}

// decodeSlab reads and decodes columns of a stripe's k data blocks, one after
// another in data.
func (r *Reader) decodeSlab(data []byte, stripe, column, width int64) error {
	r.prefetch(stripe, column, width)
	unread := make([]bool, r.layout.K+r.layout.M)
	parity := make([]byte, r.layout.M*decodeStep)
	for at := int64(0); at < width; {
		n := min(decodeStep, width-at)
		rows := make([][]byte, r.layout.K, len(unread))
		for i := range rows {
			from := int64(i)*width + at
			rows[i] = data[from : from+n : from+n]
		}
		for j := range r.layout.M {
			rows = append(rows, parity[int64(j)*n:int64(j+1)*n:int64(j+1)*n])
		}
		ok, err := r.decodeRows(rows, stripe, column+at, unread)
		if err != nil {
			return err
		}
		if ok {
			at += n
		}
	}
	for i, missing := range unread[:r.layout.K] {
		if missing {
			r.count.add(r.place(i))
		}
	}
	if stripe+1 < r.layout.Stripes() {
		r.prefetch(stripe+1, column, width)
	}
	return nil
}

// prefetch has the disks of the first k shards that are there begin to read.
func (r *Reader) prefetch(stripe, column, width int64) {
	left := r.layout.K
	for i := 0; i < len(r.shards) && left > 0; i++ {
		if f := r.shard(i); f != nil {
			vfs.Prefetch(f, stripe*r.layout.Block+column, width)
			left--
		}
	}
}

// decodeRows reads k of the rows and decodes the missing data rows. It returns
// false if a shard that it counted on could not be read: that is unread from
// then on, and the rows are to be decoded again.
func (r *Reader) decodeRows(rows [][]byte, stripe, in int64, unread []bool) (bool, error) {
	have, missing := 0, 0
	for i, row := range rows {
		f := r.shard(i)
		unread[i] = unread[i] || f == nil
		if i < r.layout.K && unread[i] {
			missing++
		}
		if unread[i] || have == r.layout.K {
			rows[i] = row[:0]
			continue
		}
		if err := r.readShard(row, stripe*r.layout.Block+in, i); err != nil {
			if disk.OwnFault(err) {
				return false, err
			}
			unread[i] = true
			return false, nil
		}
		have++
	}
	switch {
	case have < r.layout.K:
		return false, r.lost(stripe, missing)
	case missing == 0:
		return true, nil
	}
	return true, r.code.DecodeData(rows)
}
