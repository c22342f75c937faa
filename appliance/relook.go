package appliance

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"slices"

	"github.com/sledge-io/sledge/appliance/ingest"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/manifest"
)

// known gives the record of a file whose content is on the device already: its size
// and its time of modification are those of the committed record, and its bytes have
// the same digests. Only the record is new then, with the extents of the old one. It
// gives nil for a file that has to be read into packs.
func (w *worker) known(ctx context.Context, n uint64, it *scan.Item) (*ingest.Pending, error) {
	if it.Prior == nil || it.Prior.Size != it.Size {
		return nil, nil
	}
	open, err := w.dir.Open(ctx, it.Path)
	if err != nil {
		return nil, err
	}
	defer open.Close()
	f, err := w.dir.Begin(ctx, open, it, w.l.o.UnstableTimes)
	if err != nil {
		return nil, err
	}
	if f.Info.Size != it.Prior.Size {
		return nil, nil
	}
	unstable := false
	if it.Flags&scan.ItemBelieve == 0 || !it.Is(&f.Info) {
		d, err := w.digestOf(ctx, f)
		switch same := f.Unchanged(); {
		case err == nil && (!same || f.Young) && w.l.o.UnstableTimes:
			unstable = true
		case (err == nil || sizeError(err)) && !same:
			err = scan.ErrChanged
		}
		if gone := w.l.src.Failed(err); gone != nil {
			return nil, scan.DeviceError{Err: gone}
		}
		if err != nil {
			return nil, scan.Judged{Err: err}
		}
		if !digestsAgree(d, it.Prior) && it.Flags&scan.ItemUnsure != 0 && !w.l.o.Replace {
			w.skip(n, it, "changed", "its size and times are those of the version on the device and its bytes are not; whether this is the same source cannot be told")
			return nil, errDone
		}
		if !digestsAgree(d, it.Prior) {
			w.l.replaced(it.Path)
			return nil, nil
		}
	}
	p := &ingest.Pending{Ordinal: n}
	p.Record = manifest.Record{Kind: manifest.KindFile, Path: it.Path, Size: it.Size, LinkGroup: it.Group, Allocated: it.Prior.Allocated,
		SHA256: it.Prior.SHA256, CRC: it.Prior.CRC, HasCRC: it.Prior.HasCRC, PartSize: it.Prior.PartSize, Parts: it.Prior.Parts, UnitCRCs: it.Prior.UnitCRCs,
		Extents: it.Prior.Extents}
	xattrs, lost := f.Xattrs(w.xattrs)
	if lost > 0 && len(it.Prior.Xattrs) > len(xattrs) {
		w.skip(n, it, "unreadable", lostXattrs(lost)) // the version on the device has them
		return nil, errDone
	}
	w.l.src.Meta(&p.Record, &f.Info, xattrs)
	remarkXattrs(&p.Record, lost)
	remarkOpen(&p.Record, f)
	if unstable { // the reading on the device was the first
		remarkUnstable(&p.Record)
	}
	w.l.bytes.Add(it.Size)
	w.l.known.Add(1)
	return p, nil
}

// digestOf reads a file for its digests alone.
func (w *worker) digestOf(ctx context.Context, f *scan.File) (*manifest.Record, error) {
	if w.buf == nil {
		w.buf = make([]byte, 1<<20)
	}
	d := ingest.NewDigest(f.Info.Size, w.l.whole)
	for off := int64(0); off < f.Info.Size; {
		if ctx.Err() != nil {
			return nil, scan.DeviceError{Err: context.Cause(ctx)}
		}
		if w.HasFailed() {
			return nil, scan.DeviceError{Err: ingest.ErrCloser}
		}
		n, err := f.ReadAt(w.buf[:min(int64(len(w.buf)), f.Info.Size-off)], off)
		if err != nil && err != io.EOF {
			return nil, err
		}
		if n == 0 {
			return nil, scan.ErrShorter
		}
		d.Write(w.buf[:n])
		off += int64(n)
	}
	if n, err := f.ReadSome(w.one[:], f.Info.Size); err != nil || n > 0 {
		return nil, cmp.Or(err, scan.ErrLonger)
	}
	r := &manifest.Record{}
	d.Fill(r)
	return r, nil
}

// digestsAgree compares two readings of content, or one with a committed record. The
// prior record may have more digests than this job would make, never fewer.
func digestsAgree(a, prior *manifest.Record) bool {
	whole := len(prior.SHA256) == 0 || len(a.SHA256) == 0 || bytes.Equal(a.SHA256, prior.SHA256)
	some := len(prior.SHA256) > 0 && len(a.SHA256) > 0 || len(a.Parts) > 0
	return some && whole && a.CRC == prior.CRC && a.PartSize == prior.PartSize && slices.EqualFunc(a.Parts, prior.Parts, bytes.Equal)
}
