package appliance

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/sledge-io/sledge/appliance/ingest"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/appliance/zeros"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// reading is one file on its way into packs.
type reading struct {
	*ingest.Content
	w        *worker
	n        uint64
	file     *scan.File
	blockBuf []byte
}

func (w *worker) read(ctx context.Context, n uint64, it *scan.Item) (*ingest.Pending, error) {
	began := time.Now()
	open, err := w.dir.Open(ctx, it.Path)
	w.l.fetch.Answered(time.Since(began))
	if err != nil {
		return nil, err
	}
	defer open.Close()
	p, err := w.readSmall(n, it, open)
	if p == nil && err == nil {
		p, err = w.readLong(ctx, n, it, open)
	}
	if err == nil {
		w.l.src.Worked()
	}
	return p, err
}

func (w *worker) readLong(ctx context.Context, n uint64, it *scan.Item, open vfs.TreeFile) (*ingest.Pending, error) {
	f, err := w.dir.Begin(ctx, open, it, w.l.o.UnstableTimes)
	if err != nil {
		return nil, err
	}
	content := w.Begin(n, identityBytes(f.ID()), ingest.NewDigest(f.Info.Size, w.l.whole))
	r := &reading{Content: content, w: w, n: n, file: f}
	if err := r.resume(); err != nil {
		return nil, scan.DeviceError{Err: err}
	}
	counted := r.Off
	w.l.bytes.Add(r.Off)
	err = r.all(ctx, &counted)
	if err == nil {
		err = r.ended()
	}
	unstable := false
	switch same := f.Unchanged(); {
	case err == nil && (!same || f.Young) && w.l.o.UnstableTimes:
		unstable = true
	case (err == nil || sizeError(err)) && !same:
		err = scan.ErrChanged
	}
	var p *ingest.Pending
	if err == nil {
		p = w.record(n, it, f, r.Digest, r.Extents())
	}
	if unstable {
		err = r.again(ctx, p)
	}
	if err == nil {
		return p, nil
	}
	if gone := w.l.src.Failed(err); gone != nil {
		return nil, r.stop(gone) // so that this file goes on from here
	}
	w.l.bytes.Add(-counted)
	return nil, scan.Judged{Err: err}
}

// sizeError reports whether a file's content differs in length from its size.
func sizeError(err error) bool {
	return errors.Is(err, scan.ErrLonger) || errors.Is(err, scan.ErrShorter)
}

// ended looks behind the file's size: what there is would be lost. Files of /proc
// and cloud drives have content and no size.
func (r *reading) ended() error {
	n, err := r.file.ReadSome(r.w.one[:], r.file.Info.Size)
	if err == nil && n > 0 {
		err = scan.ErrLonger
	}
	return err
}

// record is what a file that was read stands in the manifest with.
func (w *worker) record(n uint64, it *scan.Item, f *scan.File, d *ingest.Digest, extents []ingest.Extent) *ingest.Pending {
	p := &ingest.Pending{Ordinal: n, Extents: extents}
	p.Record = manifest.Record{Kind: manifest.KindFile, Path: it.Path, Size: f.Info.Size, LinkGroup: it.Group}
	xattrs, lost := f.Xattrs(w.xattrs)
	w.l.src.Meta(&p.Record, &f.Info, xattrs)
	remarkXattrs(&p.Record, lost)
	if f.Sparse() {
		p.Record.Allocated = f.Info.Allocated
	}
	remarkOpen(&p.Record, f)
	w.Settle()
	d.Fill(&p.Record)
	return p
}

// remarkOpen says on the record that somebody could write to the file unseen.
func remarkOpen(r *manifest.Record, f *scan.File) {
	if f.WrittenUnseen() {
		r.Remark, r.RemarkDetail = "open", "open for writing while it was read"
	}
}

// smallFile is the size up to which a file is read in one go.
const smallFile = 32 << 10

// readSmall reads a small file in one go and looks at it once, afterwards: what
// the scan saw stands for the look before. It gives nil for a file that has to be
// read the long way: larger, just changed, with holes, of another length, or none
// at all any more.
func (w *worker) readSmall(n uint64, it *scan.Item, f vfs.TreeFile) (*ingest.Pending, error) {
	if it.Size > smallFile || !w.dir.Settled(it) {
		return nil, nil
	}
	if whole, err := w.readWhole(f, it.Size); !whole {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	looked := w.dir.Whole(f, it, info)
	if looked == nil {
		return nil, nil // what lies in the room was not taken
	}
	d := ingest.NewDigest(it.Size, w.l.whole)
	var extents []ingest.Extent
	if it.Size > 0 {
		extents = []ingest.Extent{w.Took(int(it.Size), d)}
		w.l.bytes.Add(it.Size)
	}
	return w.record(n, it, looked, d, extents), nil
}

// fetched takes a file that was read ahead.
func (w *worker) fetched(n uint64, it *scan.Item, got *scan.Fetched) error {
	f := got.File()
	c := w.Begin(n, identityBytes(f.ID()), ingest.NewDigest(it.Size, w.l.whole))
	if err := c.Write(got.Content); err != nil {
		return err
	}
	w.l.bytes.Add(it.Size)
	w.l.src.Worked()
	return w.AddLarge(w.record(n, it, f, c.Digest, c.Extents()))
}

// readWhole reads a file into the pack's room, if that is enough, and finds that
// it has no more content than size. Why a read failed the long way finds out.
func (w *worker) readWhole(f vfs.TreeFile, size int64) (bool, error) {
	if size == 0 {
		n, err := f.ReadSome(w.one[:], 0)
		return n == 0 && err == nil, nil
	}
	room, err := w.Room()
	if err != nil {
		return false, scan.DeviceError{Err: err}
	}
	if int64(len(room)) <= size {
		return false, nil
	}
	n, err := f.ReadSome(room[:size+1], 0)
	return int64(n) == size && err == nil, nil
}

// resume takes up a file that an earlier run had begun, if it is still the same.
func (r *reading) resume() error {
	w := r.w
	w.l.d.mu.Lock()
	p := w.l.d.state.partial[partialKey{w.l.list.copies.ID, r.n}]
	w.l.d.mu.Unlock()
	if p == nil || !identityFrom(p.Identity).Same(r.file.ID(), r.file.Volume) {
		return nil
	}
	return r.Resume(p)
}

// maxExtents bounds a file's extents: of one that is sparse in more places the
// rest is read and stored, holes and all.
const maxExtents = 100000

// all reads the rest of the file: data into packs, holes into the digest alone.
func (r *reading) all(ctx context.Context, counted *int64) error {
	size := r.file.Info.Size
	for r.Off < size {
		from, to := r.Off, size
		if len(r.Extents()) < maxExtents {
			from, to = r.file.NextData(r.Off)
		}
		for r.Off < to || r.Off < from {
			if err := ctx.Err(); err != nil {
				return r.stop(context.Cause(ctx))
			}
			if r.w.HasFailed() {
				return scan.DeviceError{Err: ingest.ErrCloser}
			}
			at := r.Off
			if r.Off < from {
				r.Hole(min(from-r.Off, holeChunk))
			} else if err := r.data(to); err != nil {
				return err
			}
			*counted += r.Off - at
			r.w.l.bytes.Add(r.Off - at)
		}
	}
	return nil
}

// holeChunk is how much of a hole is hashed between looks at cancellation.
const holeChunk = 64 << 20

// stop keeps a long file's progress when the load is interrupted.
func (r *reading) stop(cause error) error {
	if err := r.RollOver(); err != nil {
		return scan.DeviceError{Err: err}
	}
	return scan.DeviceError{Err: cause}
}

// data reads content up to to, at most as much as the pack has room for.
func (r *reading) data(to int64) error {
	if r.file.Doubtful() && len(r.Extents()) < maxExtents {
		return r.block(to)
	}
	room, err := r.room()
	if err != nil {
		return err
	}
	n, err := r.file.ReadAt(room[:min(int64(len(room)), to-r.Off)], r.Off)
	if err != nil && err != io.EOF {
		return err
	}
	if n == 0 {
		return scan.ErrShorter
	}
	r.Took(n)
	return nil
}

// room is where the next content may be put.
func (r *reading) room() ([]byte, error) {
	room, err := r.Room()
	if err != nil {
		return nil, scan.DeviceError{Err: err}
	}
	return room, nil
}

// holeBlock is the least of zeros that becomes a hole, and what it is aligned to.
const holeBlock = 64 << 10

// block reads up to the next multiple of holeBlock, of a file whose holes are not
// believed. A whole block of zeros becomes a hole.
func (r *reading) block(to int64) error {
	if r.blockBuf == nil {
		r.blockBuf = make([]byte, holeBlock)
	}
	b := r.blockBuf[:min(holeBlock-r.Off%holeBlock, to-r.Off)]
	n, err := r.file.ReadAt(b, r.Off)
	if err != nil && err != io.EOF {
		return err
	}
	if n < len(b) {
		return scan.ErrShorter
	}
	if len(b) == holeBlock && zeros.Only(b) {
		r.Hole(holeBlock)
		return nil
	}
	if err := r.Write(b); err != nil {
		return scan.DeviceError{Err: err}
	}
	return nil
}
