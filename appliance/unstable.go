package appliance

import (
	"bytes"
	"context"
	"io"

	"github.com/sledge-io/sledge/manifest"
)

// again reads a file a second time, whose stat differs at every look, and compares:
// size and digests are all that can tell whether it stood still. The record says
// how it was taken.
func (r *reading) again(ctx context.Context, p *pendingRecord) error {
	size := r.file.info.Size
	if info, err := r.file.Stat(); err != nil {
		return err
	} else if info.Size != size {
		return errChanged
	}
	d := newDigest(size, r.w.l.whole)
	buf := make([]byte, 1<<20)
	for off := int64(0); off < size; {
		if ctx.Err() != nil {
			return deviceError{context.Cause(ctx)}
		}
		n, err := r.file.ReadAt(buf[:min(int64(len(buf)), size-off)], off)
		if err != nil && err != io.EOF {
			return err
		}
		if n == 0 {
			return errChanged
		}
		d.Write(buf[:n])
		off += int64(n)
	}
	if err := r.ended(); sizeError(err) {
		return errChanged
	} else if err != nil {
		return err
	}
	var second manifest.Record
	if d.fill(&second); !sameContent(&p.record, &second) {
		return errChanged
	}
	p.record.Remark, p.record.RemarkDetail = "unstable-times", "its times changed while it was read; two readings gave the same content"
	return nil
}

func sameContent(a, b *manifest.Record) bool {
	if a.CRC != b.CRC || !bytes.Equal(a.SHA256, b.SHA256) || len(a.Parts) != len(b.Parts) {
		return false
	}
	for i := range a.Parts {
		if !bytes.Equal(a.Parts[i], b.Parts[i]) {
			return false
		}
	}
	return true
}
