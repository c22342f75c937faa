package appliance

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"slices"

	"github.com/sledge-io/sledge/manifest"
)

// known gives the record of a file whose content is on the device already: its size
// and its time of modification are those of the committed record, and its bytes have
// the same digests. Only the record is new then, with the extents of the old one. It
// gives nil for a file that has to be read into packs.
func (w *worker) known(ctx context.Context, n uint64, it *item) (*pendingRecord, error) {
	if it.prior == nil || it.prior.Size != it.size {
		return nil, nil
	}
	open, err := w.dir.open(ctx, it.path)
	if err != nil {
		return nil, err
	}
	defer open.Close()
	f, err := w.dir.begin(ctx, open, it, w.l.o.UnstableTimes)
	if err != nil {
		return nil, err
	}
	if f.info.Size != it.prior.Size {
		return nil, nil
	}
	unstable := false
	if it.flags&itemBelieve == 0 || !it.is(&f.info) {
		d, err := w.digestOf(ctx, f)
		switch same := f.unchanged(); {
		case err == nil && (!same || f.young) && w.l.o.UnstableTimes:
			unstable = true
		case (err == nil || sizeError(err)) && !same:
			err = errChanged
		}
		if gone := w.l.src.failed(err); gone != nil {
			return nil, deviceError{gone}
		}
		if err != nil {
			return nil, judged{err}
		}
		if !digestsAgree(d, it.prior) && it.flags&itemUnsure != 0 && !w.l.o.Replace {
			w.skip(n, it, "changed", "its size and times are those of the version on the device and its bytes are not; whether this is the same source cannot be told")
			return nil, errDone
		}
		if !digestsAgree(d, it.prior) {
			w.l.replaced(it.path)
			return nil, nil
		}
	}
	p := &pendingRecord{ordinal: n}
	p.record = manifest.Record{Kind: manifest.KindFile, Path: it.path, Size: it.size, LinkGroup: it.group, Allocated: it.prior.Allocated,
		SHA256: it.prior.SHA256, CRC: it.prior.CRC, HasCRC: it.prior.HasCRC, PartSize: it.prior.PartSize, Parts: it.prior.Parts, UnitCRCs: it.prior.UnitCRCs,
		Extents: it.prior.Extents}
	xattrs, lost := w.xattrs.read(f.Attributes())
	if lost > 0 && len(it.prior.Xattrs) > len(xattrs) {
		w.skip(n, it, "unreadable", lostXattrs(lost)) // the version on the device has them
		return nil, errDone
	}
	w.l.src.meta(&p.record, &f.info, xattrs)
	remarkXattrs(&p.record, lost)
	remarkOpen(&p.record, f)
	if unstable { // the reading on the device was the first
		remarkUnstable(&p.record)
	}
	w.l.bytes.Add(it.size)
	w.l.known.Add(1)
	return p, nil
}

// digestOf reads a file for its digests alone.
func (w *worker) digestOf(ctx context.Context, f *sourceFile) (*manifest.Record, error) {
	if w.buf == nil {
		w.buf = make([]byte, 1<<20)
	}
	d := newDigest(f.info.Size, w.l.whole)
	for off := int64(0); off < f.info.Size; {
		if ctx.Err() != nil {
			return nil, deviceError{context.Cause(ctx)}
		}
		if w.closerFailed() {
			return nil, deviceError{errCloser}
		}
		n, err := f.ReadAt(w.buf[:min(int64(len(w.buf)), f.info.Size-off)], off)
		if err != nil && err != io.EOF {
			return nil, err
		}
		if n == 0 {
			return nil, errShorter
		}
		d.Write(w.buf[:n])
		off += int64(n)
	}
	if n, err := f.ReadSome(w.one[:], f.info.Size); err != nil || n > 0 {
		return nil, cmp.Or(err, errLonger)
	}
	r := &manifest.Record{}
	d.fill(r)
	return r, nil
}

// digestsAgree compares two readings of content, or one with a committed record. The
// prior record may have more digests than this job would make, never fewer.
func digestsAgree(a, prior *manifest.Record) bool {
	whole := len(prior.SHA256) == 0 || len(a.SHA256) == 0 || bytes.Equal(a.SHA256, prior.SHA256)
	some := len(prior.SHA256) > 0 && len(a.SHA256) > 0 || len(a.Parts) > 0
	return some && whole && a.CRC == prior.CRC && a.PartSize == prior.PartSize && slices.EqualFunc(a.Parts, prior.Parts, bytes.Equal)
}
