package read

import (
	"context"
	"io"

	"github.com/sledge-io/sledge/appliance/pack"
	"github.com/sledge-io/sledge/manifest"
)

// Cat writes an entry's content, or a symbolic link's target, to w.
func (r *Reader) Cat(ctx context.Context, w io.Writer, path string) error {
	e, err := r.Lookup(ctx, path)
	if err != nil {
		return err
	}
	rec := e.Record
	if rec.Kind == manifest.KindSymlink {
		_, err := io.WriteString(w, rec.Target)
		return err
	}
	c, err := r.Open(ctx, rec)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = io.CopyBuffer(w, &contentReader{ctx: ctx, c: c}, make([]byte, catChunk))
	return err
}

// catChunk is how much is read and written at once.
const catChunk = 256 << 10

type contentReader struct {
	ctx context.Context
	c   *Content
	off int64
}

func (c *contentReader) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	n, err := c.c.ReadAt(p, c.off)
	c.off += int64(n)
	if n > 0 {
		return n, nil
	}
	return 0, err
}

// ExportPack writes a pack as one FLOE ciphertext, header first, for other
// implementations to decrypt; it needs no key.
func (s *Set) ExportPack(ctx context.Context, n uint64, w io.Writer) error {
	p, err := s.Pack(n)
	if err != nil {
		return err
	}
	pr, err := pack.NewReader(s.set, p, &pack.Repairs{})
	if err != nil {
		return err
	}
	defer pr.Close()
	if _, err := w.Write(p.Header); err != nil {
		return err
	}
	buf := make([]byte, 1<<20)
	for off := int64(0); off < p.BodySize; {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		part := buf[:min(int64(len(buf)), p.BodySize-off)]
		if err := pr.ReadProven(part, off); err != nil {
			return err
		}
		if _, err := w.Write(part); err != nil {
			return err
		}
		off += int64(len(part))
	}
	return nil
}

// PackKey is the FLOE key of a pack, for exporting it to another implementation.
func (r *Reader) PackKey(n uint64) (key, ad []byte, err error) {
	p, err := r.Pack(n)
	if err != nil {
		return nil, nil, err
	}
	return r.keys.PackKey(p.ID), r.Scope.PackAD(p.ID), nil
}
