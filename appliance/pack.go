package appliance

import (
	"github.com/sledge-io/sledge/appliance/pack"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/manifest"
)

// packWriter is an open pack: the plaintext of entries goes into a segment
// buffer, whole segments are encrypted straight into the stripe buffer.
//
//	source → plain segment (1,048,544 bytes) → FLOE segment in the stripe buffer
//
// Which segment is the last is known only when the pack closes, so a full
// segment waits until the next byte or close.
type packWriter struct {
	*pack.Writer
	enc     *crypto.FloeEncryptor
	header  []byte
	plain   []byte
	pool    *bytePool
	fill    int
	pending *digest // of the file whose content is in plain[from:fill], not digested yet
	from    int
	segment uint64
	scratch []byte // for segments that straddle two stripe buffers

	number   uint64 // in the log; set at commit
	reserved int64  // room that is kept for it
}

// room returns where the next plaintext may be put, never empty.
func (p *packWriter) room() ([]byte, error) {
	if p.fill == len(p.plain) {
		if err := p.encrypt(false); err != nil {
			return nil, err
		}
	}
	return p.plain[p.fill:], nil
}

// took says that n bytes of a file's content were put into room. They reach the
// digest when the segment is full, beside its ciphertext, or by settle.
func (p *packWriter) took(n int, d *digest) {
	if p.pending != d {
		p.settle()
		p.pending, p.from = d, p.fill
	}
	p.fill += n
}

// settle brings the digest up to what was put into room.
func (p *packWriter) settle() {
	p.digest()
	p.pending = nil
}

// minBeside is from where on a file's content is worth a second stream.
const minBeside = 4 << 10

// digest hashes what pends of a file's content, and beside it the ciphertext that
// the stripe has: two streams at once take little longer than one.
func (p *packWriter) digest() {
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
func (p *packWriter) offset() int64 { return int64(p.segment)*crypto.PlainSegmentSize + int64(p.fill) }

func (p *packWriter) encrypt(final bool) error {
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

// drain encrypts the last segment and hands what is left to the disks. The
// pack's buffers come free as the disks take them; finish makes it durable.
func (p *packWriter) drain() error {
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
func (p *packWriter) drop() {
	p.Abort()
}

// giveUp gives up a pack that was not drained.
func (p *packWriter) giveUp() {
	p.drop()
	p.pool.put(p.plain)
}

// commitEntry makes a drained pack durable. The entry lacks only its number.
func (p *packWriter) commitEntry() (*manifest.Pack, error) {
	entry, err := p.Finish()
	if err != nil {
		return nil, err
	}
	entry.Header, entry.Segments = p.header, p.segment
	return entry, nil
}

// newPackWriter begins a pack whose plaintext is encrypted by enc into w.
func newPackWriter(w *pack.Writer, enc *crypto.FloeEncryptor, header []byte, pool *bytePool) *packWriter {
	return &packWriter{Writer: w, enc: enc, header: header, plain: pool.get(), pool: pool}
}

// zeros puts n zeros into an empty pack.
func (p *packWriter) zeros(n int) {
	clear(p.plain[:n])
	p.fill += n
}

// bytePool hands out buffers of one size.
type bytePool struct{ free chan []byte }

func newBytePool(size, count int) *bytePool {
	p := &bytePool{free: make(chan []byte, count)}
	for range count {
		p.free <- make([]byte, size)
	}
	return p
}

func (p *bytePool) get() []byte  { return <-p.free }
func (p *bytePool) put(b []byte) { p.free <- b }
