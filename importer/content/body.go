package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/importer/target"
)

// Body is a part's payload: a seekable reader over the content that holds at most
// one buffer, however large the part is. Each attempt has a body of its own,
// because the transport may go on reading after its answer; detach ends that.
type Body struct {
	content  io.ReaderAt
	from     int64 // in the content
	size     int64
	mu       sync.Mutex
	at       int64  // next byte to hand out
	buf      []byte // of bodyBuffers
	bufAt    int64  // part offset of buf[0]
	err      error
	detached bool
	pace     func(most int) (n int, err error) // waits until up to most bytes may go; nil is at once
	watch    Watch                             // of the call that sends it
}

// Watch is told how a payload goes out.
type Watch interface {
	Moved() // a byte moved, and nothing is waited for
	Await() // a byte of the payload is to move now
	Sent()  // the payload is sent, and its answer is to come
}

type unwatched struct{}

func (unwatched) Moved() {}
func (unwatched) Await() {}
func (unwatched) Sent()  {}

// NewBody is the payload of size bytes of the content, from the offset on.
func NewBody(content io.ReaderAt, from, size int64) *Body {
	return &Body{content: content, from: from, size: size, watch: unwatched{}}
}

// Size is how many bytes the whole payload has.
func (b *Body) Size() int64 { return b.size }

// Paced lets the body go out no faster than pace allows, which waits until up to most
// bytes may go; nil is at once.
func (b *Body) Paced(pace func(most int) (n int, err error)) *Body {
	b.pace = pace
	return b
}

// Watched has w told how the body goes out.
func (b *Body) Watched(w Watch) *Body {
	b.watch = w
	return b
}

var errDetached = errors.New("the call is over")

// bodyBuffers are shared by all bodies; a call with a large payload takes one.
var bodyBuffers = sync.Pool{New: func() any { return new([BufferSize]byte) }}

// Read gives the transport its next bytes, for which the target waits meanwhile. Until the
// transport comes for more of them, the target is waited for; after the last one, its answer.
func (b *Body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watch.Moved()
	n, err := b.next(p)
	switch {
	case err != nil && err != io.EOF: // it is not sent
	case b.at < b.size:
		b.watch.Await()
	default:
		b.watch.Sent()
	}
	return n, err
}

// next is Read for who has the lock.
func (b *Body) next(p []byte) (int, error) {
	switch {
	case b.detached:
		return 0, errDetached
	case b.err != nil:
		return 0, b.err
	case b.at >= b.size:
		return 0, io.EOF
	}
	if b.pace != nil {
		n, err := b.pace(int(min(int64(len(p)), b.size-b.at)))
		if err != nil {
			return 0, err
		}
		p = p[:n]
	}
	buffered := b.at >= b.bufAt && b.at < b.bufAt+int64(len(b.buf))
	if want := min(b.size-b.at, BufferSize); !buffered && int64(len(p)) >= want {
		// The caller's buffer is as good as ours.
		return b.readAt(p[:min(int64(len(p)), b.size-b.at)])
	} else if !buffered {
		if err := b.fill(want); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.buf[b.at-b.bufAt:])
	b.at += int64(n)
	return n, nil
}

func (b *Body) fill(want int64) error {
	if b.buf == nil {
		b.buf = bodyBuffers.Get().(*[BufferSize]byte)[:]
	}
	at := b.at
	b.buf, b.bufAt = b.buf[:want], at
	if _, err := b.readAt(b.buf); err != nil {
		b.buf = b.buf[:0]
		return err
	}
	b.at = at
	return nil
}

// readAt fills p from where the body stands. The first error is the last word.
func (b *Body) readAt(p []byte) (int, error) {
	n, err := b.content.ReadAt(p, b.from+b.at)
	if n < len(p) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		b.err = err
		return 0, err
	}
	b.at += int64(n)
	return n, nil
}

// Seek moves within the part; it reads nothing.
func (b *Body) Seek(offset int64, whence int) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch whence {
	case io.SeekCurrent:
		offset += b.at
	case io.SeekEnd:
		offset += b.size
	}
	if offset < 0 {
		return 0, fmt.Errorf("seek to %d", offset)
	}
	b.at = offset
	return offset, nil
}

// Detach waits for a read that is under way, lets no other begin and returns the
// first error of the content.
func (b *Body) Detach() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.buf != nil {
		bodyBuffers.Put((*[BufferSize]byte)(b.buf[:BufferSize]))
	}
	b.detached, b.buf = true, nil
	return b.err
}

// Inline is content that the record holds.
type Inline []byte

func (c Inline) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off > int64(len(c)) {
		return 0, io.EOF
	}
	n := copy(p, c[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (c Inline) Close() error { return nil }

// HashSpan reads a span of the content anew and compares it with its digest.
// Other hashes of it may be asked for.
func HashSpan(ctx context.Context, content io.ReaderAt, path string, from, size int64, want [32]byte, also ...io.Writer) error {
	h := crypto.NewSHA256()
	all := io.MultiWriter(append(also, h)...)
	r := NewBody(content, from, size)
	defer r.Detach() // gives its buffer back
	buf := make([]byte, min(max(size, 1), 256<<10))
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := r.Read(buf)
		all.Write(buf[:n]) // hashes cannot fail
		if err == io.EOF {
			break
		}
		if err != nil {
			return SourceError(path, err)
		}
	}
	if [32]byte(h.Sum(nil)) != want {
		return target.NewError(target.CodeSourceCorrupt, path, fmt.Sprintf("bytes %d to %d do not have the manifest's SHA-256", from, from+size), nil)
	}
	return nil
}

const BufferSize = 1 << 20
