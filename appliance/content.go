package appliance

import (
	"context"
	"fmt"
	"io"
	"sort"
	"sync"

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
	return &Content{r: r, extents: rec.Extents, size: rec.Size}, nil
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

// run reads from one extent.
func (c *Content) run(p []byte, off int64) (int, error) {
	i := sort.Search(len(c.extents), func(i int) bool { return c.extents[i].Offset+c.extents[i].Length > off })
	if i == len(c.extents) {
		return 0, fmt.Errorf("%w: no extent at offset %d", manifest.ErrCorrupt, off)
	}
	e := c.extents[i]
	in := off - e.Offset
	p = p[:min(int64(len(p)), e.Length-in)]
	if e.Hole {
		clear(p)
		return len(p), nil
	}
	at := e.PackOffset + in
	n := uint64(at / crypto.PlainSegmentSize)
	seg, release, err := c.r.segment(e.Pack, n)
	if err != nil {
		return 0, err
	}
	defer release()
	from := at - int64(n)*crypto.PlainSegmentSize
	if from >= int64(len(seg)) {
		return 0, fmt.Errorf("%w: extent beyond pack %d", manifest.ErrCorrupt, e.Pack)
	}
	return copy(p, seg[from:]), nil
}

// segmentCache keeps decrypted segments: small files share them, and readers ask
// for less than a segment at a time.
type segmentCache struct {
	mu    sync.Mutex
	list  []*segment // least recently used first
	free  [][]byte
	enc   sync.Pool
	limit int
}

type segmentKey struct{ pack, n uint64 }

type segment struct {
	key  segmentKey
	once sync.Once
	buf  []byte
	data []byte
	err  error
	refs int
}

const cachedSegments = 24

func (c *segmentCache) init() {
	c.limit = cachedSegments
	c.enc.New = func() any { b := make([]byte, crypto.SegmentSize); return &b }
}

// get finds or makes the slot of a segment and holds it.
func (c *segmentCache) get(key segmentKey) *segment {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, s := range c.list {
		if s.key == key {
			c.list = append(append(c.list[:i], c.list[i+1:]...), s)
			s.refs++
			return s
		}
	}
	for i := 0; len(c.list) >= c.limit && i < len(c.list); {
		if s := c.list[i]; s.refs == 0 {
			c.list = append(c.list[:i], c.list[i+1:]...)
			c.free = append(c.free, s.buf)
			continue
		}
		i++
	}
	s := &segment{key: key, refs: 1}
	if n := len(c.free); n > 0 && c.free[n-1] != nil {
		s.buf, c.free = c.free[n-1], c.free[:n-1]
	} else {
		s.buf = make([]byte, crypto.PlainSegmentSize)
	}
	c.list = append(c.list, s)
	return s
}

// put lets go of a slot; one that failed is not kept.
func (c *segmentCache) put(s *segment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.refs--
	if s.err == nil {
		return
	}
	for i := range c.list {
		if c.list[i] == s {
			c.list = append(c.list[:i], c.list[i+1:]...)
			return
		}
	}
}

// segment returns a decrypted segment; release must be called when done with it.
func (r *Reader) segment(pack, n uint64) ([]byte, func(), error) {
	s := r.cache.get(segmentKey{pack, n})
	s.once.Do(func() {
		p, done, err := r.pack(pack)
		if err != nil {
			s.err = err
			return
		}
		defer done()
		enc := r.cache.enc.Get().(*[]byte)
		defer r.cache.enc.Put(enc)
		s.data, s.err = p.segment(s.buf, *enc, n)
	})
	if s.err != nil {
		err := s.err
		r.cache.put(s)
		return nil, nil, err
	}
	return s.data, func() { r.cache.put(s) }, nil
}
