package extract

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/appliance/read"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/manifest"
)

// file writes to a temporary name, which becomes the right one when every byte is
// there and the digests fit.
func (w *extractWorker) file(ctx context.Context, rec *manifest.Record) error {
	dirPath, base := splitPath(rec.Path)
	dir, err := w.dir.make(dirPath)
	if err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstatat(dir, base, &st, unix.AT_SYMLINK_NOFOLLOW); err == nil {
		return w.compare(ctx, rec, dir, base, &st)
	}
	f, temp, err := w.createTemp(dir, dirPath)
	if err != nil {
		return err
	}
	if err = w.write(ctx, rec, f); err == nil {
		w.fileMeta(f.fd, rec)
		err = w.tree.synced.one(f.fd, rec.Path)
	}
	if unix.Fstat(f.fd, &st) != nil {
		st = unix.Stat_t{} // then whoever links to it compares
	}
	if cerr := unix.Close(f.fd); err == nil && cerr != nil {
		err = fmt.Errorf("close: %w", cerr)
	}
	if err != nil {
		unix.Unlinkat(dir, temp, 0)
		return err
	}
	w.publish(written{rec, temp, idOf(&st)})
	return nil
}

// write fills f with the content and proves it on the way.
func (w *extractWorker) write(ctx context.Context, rec *manifest.Record, f outFile) error {
	content := w.r.ContentOf(rec)
	if rec.Size <= crypto.PlainSegmentSize && len(rec.Extents) == 1 && !rec.Extents[0].Hole {
		q, err := content.Piece(0)
		if err == nil && q.Length == rec.Size {
			return w.writeSmall(q, rec, f)
		}
	}
	c := &fileCopy{extractor: w.extractor, content: content, rec: rec, out: f}
	if separateParts(rec) {
		return (&partsCopy{fileCopy: c, ctx: ctx}).run()
	}
	c.check = newContentCheck(rec)
	return c.run(ctx)
}

// writeSmall is write for what lies in one segment.
func (w *extractWorker) writeSmall(q read.Piece, rec *manifest.Record, f outFile) error {
	data, release, err := w.r.Shared(q)
	if err != nil {
		return err
	}
	defer release()
	if err := checkSmall(data, rec); err != nil {
		return err
	}
	w.bytes.Add(rec.Size)
	return f.writeAt(data, 0)
}

// fileCopy writes one file. Whoever shares the work takes piece after piece, so
// that some are read, decrypted and written while one is hashed.
type fileCopy struct {
	*extractor
	content read.Content
	rec     *manifest.Record
	out     outFile
	check   *contentCheck

	mu   sync.Mutex
	next int64 // content before it was given to somebody
}

func (c *fileCopy) run(ctx context.Context) error {
	c.content.Begin(0, c.rec.Size)
	c.share(func() { c.pieces(ctx) })
	if err := c.check.end(); err != nil {
		return err
	}
	return c.close()
}

// pieces takes pieces until there are none. An error ends all of them.
func (c *fileCopy) pieces(ctx context.Context) {
	buf := c.r.Buffer()
	defer c.r.GiveBack(buf)
	for {
		q, ok, err := c.claim(ctx)
		if err == nil && ok {
			err = c.piece(q, *buf)
		}
		if err != nil {
			c.check.stop(err)
			return
		}
		if !ok {
			return
		}
	}
}

func (c *fileCopy) claim(ctx context.Context) (q read.Piece, ok bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next == c.rec.Size {
		return q, false, nil
	}
	if ctx.Err() != nil {
		return q, false, context.Cause(ctx)
	}
	q, err = c.content.Piece(c.next)
	c.next += q.Length
	return q, err == nil, err
}

// piece reads, writes and checks one piece; buf has a segment's size.
func (c *fileCopy) piece(q read.Piece, buf []byte) error {
	data, release, err := c.r.ReadPiece(q, buf)
	if err != nil {
		return err
	}
	defer release()
	if !q.Hole {
		if err := c.out.writeAt(data, q.Off); err != nil {
			return err
		}
	}
	if err := c.check.take(data, q.Off); err != nil {
		return err
	}
	c.bytes.Add(q.Length)
	c.progress()
	return nil
}

// close gives a file that ends with a hole its length.
func (c *fileCopy) close() error {
	if n := len(c.rec.Extents); n == 0 || !c.rec.Extents[n-1].Hole {
		return nil
	}
	if err := unix.Ftruncate(c.out.fd, c.rec.Size); err != nil {
		return fmt.Errorf("truncate: %w", err)
	}
	return nil
}

// compare settles a name that is there: same content is success.
func (w *extractWorker) compare(ctx context.Context, rec *manifest.Record, dir int, base string, st *unix.Stat_t) error {
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size != rec.Size {
		return fmt.Errorf("something else is there already: %w", fs.ErrExist)
	}
	fd, err := unix.Openat(dir, base, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return &fs.PathError{Op: "open", Path: base, Err: err}
	}
	defer unix.Close(fd) // only read
	var before unix.Stat_t
	if err := fstat(fd, &before); err != nil {
		return err
	}
	if err := w.tree.cold(fd); err != nil {
		return err
	}
	same, err := w.holds(ctx, fd, rec)
	if err != nil {
		return fmt.Errorf("%s: %w", base, err)
	}
	if !same {
		return fmt.Errorf("a file with other content is there already: %w", fs.ErrExist)
	}
	w.existing()
	w.dir.named = true // by a run that may have been cut off before it said so to the disk
	w.size.Add(rec.Size)
	w.links.settle(rec, idOf(&before), nil)
	return nil
}

// holds reports whether an open file has the recorded content.
func (w *extractWorker) holds(ctx context.Context, fd int, rec *manifest.Record) (bool, error) {
	buf := w.r.Buffer()
	defer w.r.GiveBack(buf)
	check := newContentCheck(rec)
	for off := int64(0); off < rec.Size; {
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		n, err := unix.Pread(fd, (*buf)[:min(int64(len(*buf)), rec.Size-off)], off)
		if err == unix.EINTR {
			continue
		}
		if err == nil && n == 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return false, fmt.Errorf("read: %w", err)
		}
		if err := check.take((*buf)[:n], off); err != nil {
			break
		}
		off += int64(n)
	}
	err := check.end()
	if errors.Is(err, manifest.ErrCorrupt) {
		return false, nil
	}
	return err == nil, err
}

func fstat(fd int, st *unix.Stat_t) error {
	if err := unix.Fstat(fd, st); err != nil {
		return fmt.Errorf("stat: %w", err)
	}
	return nil
}
