package ingest

import (
	"github.com/sledge-io/sledge/appliance/pack"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/manifest"
)

// Pack is an open pack: the plaintext of entries goes into a segment
// buffer, whole segments are encrypted straight into the stripe buffer.
//
//	source → plain segment (1,048,544 bytes) → FLOE segment in the stripe buffer
//
// Which segment is the last is known only when the pack closes, so a full
// segment waits until the next byte or close.
type Pack struct {
	*pack.Writer
	enc     *crypto.FloeEncryptor
	header  []byte
	plain   []byte
	pool    *Pool
	fill    int
	pending *Digest // of the file whose content is in plain[from:fill], not digested yet
	from    int
	segment uint64
	scratch []byte // for segments that straddle two stripe buffers

	Number   uint64 // in the log; set at commit
	reserved int64  // room that is kept for it
}

// room returns where the next plaintext may be put, never empty.
func (p *Pack) room() ([]byte, error) {
	if p.fill == len(p.plain) {
		if err := p.encrypt(false); err != nil {
			return nil, err
		}
	}
	return p.plain[p.fill:], nil
}

// took says that n bytes of a file's content were put into room. They reach the
// digest when the segment is full, beside its ciphertext, or by settle.
func (p *Pack) took(n int, d *Digest) {
	if p.pending != d {
		p.settle()
		p.pending, p.from = d, p.fill
	}
	p.fill += n
}

// settle brings the digest up to what was put into room.
func (p *Pack) settle() {
	p.digest()
	p.pending = nil
}

// minBeside is from where on a file's content is worth a second stream.
const minBeside = 4 << 10

// digest hashes what pends of a file's content, and beside it the ciphertext that
// the stripe has: two streams at once take little longer than one.
func (p *Pack) digest() {
	if p.pending == nil {
		return
	}
	text := p.plain[p.from:p.fill]
	for p.pending.one() != nil && len(text) >= minBeside {
		h, block := p.Unhashed()
		n := min(len(text), len(block))
		if n == 0 {
			break
		}
		p.pending.writeBeside(text[:n], h, block[:n])
		p.Writer.Took(n)
		text = text[n:]
	}
	p.pending.Write(text)
	p.from = p.fill
}

// offset is the position in the pack's plaintext.
func (p *Pack) offset() int64 { return int64(p.segment)*crypto.PlainSegmentSize + int64(p.fill) }

func (p *Pack) encrypt(final bool) error {
	n := p.fill + crypto.SegmentOverhead
	dst := p.Space(n)
	straddles := dst == nil
	if straddles {
		if p.scratch == nil {
			p.scratch = make([]byte, crypto.SegmentSize)
		}
		dst = p.scratch[:n]
	}
	if _, err := p.enc.EncryptSegment(dst, p.plain[:p.fill], p.segment, final); err != nil {
		return err
	}
	p.segment++
	var err error
	if straddles {
		err = p.Write(dst)
	} else {
		p.Filled(n)
	}
	p.digest()
	p.fill, p.from = 0, 0
	if err == nil && !straddles {
		err = p.Full()
	}
	return err
}

// Drain encrypts the last segment and hands what is left to the disks. The
// pack's buffers come free as the disks take them; finish makes it durable.
func (p *Pack) Drain() error {
	err := p.encrypt(true)
	if err == nil {
		err = p.Last()
	}
	if err != nil {
		p.drop()
	}
	p.pool.put(p.plain)
	p.plain = nil
	return err
}

// drop gives up a pack; what was written is swept at the next open.
func (p *Pack) drop() {
	p.Abort()
}

// GiveUp gives up a pack that was not drained.
func (p *Pack) GiveUp() {
	p.drop()
	p.pool.put(p.plain)
}

// CommitEntry makes a drained pack durable. The entry lacks only its number.
func (p *Pack) CommitEntry() (*manifest.Pack, error) {
	entry, err := p.Finish()
	if err != nil {
		return nil, err
	}
	entry.Header, entry.Segments = p.header, p.segment
	return entry, nil
}

// NewPack begins a pack whose plaintext is encrypted by enc into w.
func NewPack(w *pack.Writer, enc *crypto.FloeEncryptor, header []byte, pool *Pool) *Pack {
	return &Pack{Writer: w, enc: enc, header: header, plain: pool.get(), pool: pool}
}

// Zeros puts n zeros into an empty pack.
func (p *Pack) Zeros(n int) {
	clear(p.plain[:n])
	p.fill += n
}

// Pool hands out buffers of one size.
type Pool struct{ free chan []byte }

func NewPool(size, count int) *Pool {
	p := &Pool{free: make(chan []byte, count)}
	for range count {
		p.free <- make([]byte, size)
	}
	return p
}

func (p *Pool) get() []byte  { return <-p.free }
func (p *Pool) put(b []byte) { p.free <- b }
