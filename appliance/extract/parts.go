package extract

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"github.com/sledge-io/sledge/appliance/zeros"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/erasure"
	"github.com/sledge-io/sledge/manifest"
)

// partsCopy writes a file that has digests of its parts alone, so that parts need
// not wait for each other. Whoever shares the work takes two at a time, for two hashes
// together take little longer than one.
type partsCopy struct {
	*fileCopy
	ctx context.Context

	mu   sync.Mutex
	next int // the first part that nobody has taken
	crcs []uint64
	err  error
}

func (c *partsCopy) run() error {
	c.crcs = make([]uint64, len(c.rec.Parts))
	c.share(c.pairs)
	if c.err != nil {
		return c.err
	}
	if c.rec.HasCRC && c.crc() != c.rec.CRC {
		return errDigest("CRC64NVME")
	}
	return c.close()
}

// pairs takes two parts after another until there are none, or an error.
func (c *partsCopy) pairs() {
	bufs := [2]*[]byte{c.r.Buffer(), c.r.Buffer()}
	defer c.r.GiveBack(bufs[0])
	defer c.r.GiveBack(bufs[1])
	hashes := [2]crypto.ResumableHash{crypto.NewResumableSHA256(), crypto.NewResumableSHA256()}
	for first := c.claim(); first < len(c.rec.Parts); first = c.claim() {
		var pair [2]partCopy
		for i := range pair {
			pair[i] = c.part(first+i, hashes[i], *bufs[i])
		}
		err := copyPair(&pair[0], &pair[1])
		for i := range pair {
			pair[i].release()
			if err == nil && first+i < len(c.rec.Parts) {
				err = pair[i].end()
			}
		}
		if err != nil {
			c.fail(err)
		}
	}
}

// claim returns the first of two parts that are the caller's, or one past the last.
func (c *partsCopy) claim() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil && c.ctx.Err() != nil {
		c.err = context.Cause(c.ctx)
	}
	if c.err != nil {
		return len(c.rec.Parts)
	}
	first := c.next
	c.next = min(first+2, len(c.rec.Parts))
	return first
}

func (c *partsCopy) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
}

// crc is the CRC of the whole by those of its parts.
func (c *partsCopy) crc() uint64 {
	last := len(c.crcs) - 1
	shift := erasure.ShiftCRC(c.rec.PartSize)
	crc := c.crcs[0]
	for _, part := range c.crcs[1:last] {
		crc = shift.Join(crc, part)
	}
	return erasure.ShiftCRC(c.rec.Size-int64(last)*c.rec.PartSize).Join(crc, c.crcs[last])
}

// partCopy writes one part.
type partCopy struct {
	c       *partsCopy
	index   int
	at, to  int64 // content that is to be read
	hash    crypto.ResumableHash
	crc     uint64
	zeros   int64 // nothing is read: the part is a hole of so many bytes
	buf     []byte
	data    []byte // read and written, not hashed yet
	release func()
}

// part begins part i; beyond the last one it is empty.
func (c *partsCopy) part(i int, hash crypto.ResumableHash, buf []byte) partCopy {
	hash.Reset()
	from := min(int64(i)*c.rec.PartSize, c.rec.Size)
	to := min(from+c.rec.PartSize, c.rec.Size)
	p := partCopy{c: c, index: i, at: from, to: to, hash: hash, buf: buf, release: func() {}}
	if to-from == c.rec.PartSize && c.content.IsHole(from, to) {
		p.zeros, p.at = to-from, to
		c.bytes.Add(p.zeros)
		c.progress()
		return p
	}
	c.content.Begin(from, to)
	return p
}

func copyPair(a, b *partCopy) error {
	for {
		if err := a.fill(); err != nil {
			return err
		}
		if err := b.fill(); err != nil {
			return err
		}
		n := min(len(a.data), len(b.data))
		switch {
		case n > 0:
			crypto.WriteSHA256Pair(a.hash, b.hash, a.data[:n], b.data[:n])
			a.data, b.data = a.data[n:], b.data[n:]
		case len(a.data) > 0:
			a.hash.Write(a.data)
			a.data = nil
		case len(b.data) > 0:
			b.hash.Write(b.data)
			b.data = nil
		default:
			return nil
		}
	}
}

// fill reads and writes the next piece if the one before was hashed.
func (p *partCopy) fill() error {
	if len(p.data) > 0 || p.at == p.to {
		return nil
	}
	p.release()
	p.release = func() {}
	if p.c.ctx.Err() != nil {
		return context.Cause(p.c.ctx)
	}
	q, err := p.c.content.Piece(p.at)
	if err != nil {
		return err
	}
	q = q.UpTo(p.to - p.at)
	data, release, err := p.c.r.ReadPiece(q, p.buf)
	if err != nil {
		return err
	}
	p.release = release
	if !q.Hole {
		if err := p.c.out.writeAt(data, q.Off); err != nil {
			return err
		}
	}
	p.crc = erasure.UpdateCRC(p.crc, data)
	p.data, p.at = data, p.at+q.Length
	p.c.bytes.Add(q.Length)
	p.c.progress()
	return nil
}

// end compares the part's digest, which of zeros is a constant.
func (p *partCopy) end() error {
	sum := p.hash.Sum(nil)
	if p.zeros > 0 {
		sum, p.crc = zeros.PartSum(p.zeros), zeros.CRC(p.zeros).Sum
	}
	if !bytes.Equal(sum, p.c.rec.Parts[p.index]) {
		return errDigest(fmt.Sprintf("part %d", p.index))
	}
	p.c.crcs[p.index] = p.crc // its place is nobody else's
	return nil
}

// separateParts tells whether a record's parts may be proven in any order.
func separateParts(rec *manifest.Record) bool { return rec.SHA256 == nil && len(rec.Parts) > 1 }
