package appliance

import (
	"context"
	"errors"
	"io"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/appliance/zeros"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// reading is one file on its way into packs.
type reading struct {
	w        *worker
	n        uint64
	file     *scan.File
	digest   *digest
	off      int64
	extents  []pendingExtent
	saved    int // extents, parts, units and bytes that earlier frames hold
	parts    int
	units    int
	savedOff int64
	blockBuf []byte
}

func (w *worker) read(ctx context.Context, n uint64, it *scan.Item) (*pendingRecord, error) {
	open, err := w.dir.Open(ctx, it.Path)
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

func (w *worker) readLong(ctx context.Context, n uint64, it *scan.Item, open vfs.TreeFile) (*pendingRecord, error) {
	f, err := w.dir.Begin(ctx, open, it, w.l.o.UnstableTimes)
	if err != nil {
		return nil, err
	}
	r := &reading{w: w, n: n, file: f, digest: newDigest(f.Info.Size, w.l.whole)}
	if err := r.resume(); err != nil {
		return nil, scan.DeviceError{Err: err}
	}
	counted := r.off
	w.l.bytes.Add(r.off)
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
	var p *pendingRecord
	if err == nil {
		p = w.record(n, it, f, r.digest, r.extents)
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
func (w *worker) record(n uint64, it *scan.Item, f *scan.File, d *digest, extents []pendingExtent) *pendingRecord {
	p := &pendingRecord{ordinal: n, extents: extents}
	p.record = manifest.Record{Kind: manifest.KindFile, Path: it.Path, Size: f.Info.Size, LinkGroup: it.Group}
	xattrs, lost := w.xattrs.Read(f.Attributes())
	w.l.src.Meta(&p.record, &f.Info, xattrs)
	remarkXattrs(&p.record, lost)
	if f.Sparse() {
		p.record.Allocated = f.Info.Allocated
	}
	remarkOpen(&p.record, f)
	if w.pack != nil {
		w.pack.settle()
	}
	d.fill(&p.record)
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
func (w *worker) readSmall(n uint64, it *scan.Item, f vfs.TreeFile) (*pendingRecord, error) {
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
	looked := w.dir.Looked(f, info)
	if info.Mode&unix.S_IFMT != unix.S_IFREG || looked.Holes() || !it.Is(&info) {
		return nil, nil // what lies in the room was not taken
	}
	d := newDigest(it.Size, w.l.whole)
	var extents []pendingExtent
	if it.Size > 0 {
		extents = []pendingExtent{{length: it.Size, pack: w.pack, packOffset: w.pack.offset()}}
		w.pack.took(int(it.Size), d)
		w.l.bytes.Add(it.Size)
	}
	return w.record(n, it, looked, d, extents), nil
}

// readWhole reads a file into the pack's room, if that is enough, and finds that
// it has no more content than size. Why a read failed the long way finds out.
func (w *worker) readWhole(f vfs.TreeFile, size int64) (bool, error) {
	if size == 0 {
		n, err := f.ReadSome(w.one[:], 0)
		return n == 0 && err == nil, nil
	}
	if err := w.open(); err != nil {
		return false, scan.DeviceError{Err: err}
	}
	room, err := w.pack.room()
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
	if p == nil || !p.identity.Same(r.file.ID(), r.file.Volume) {
		return nil
	}
	if err := r.digest.restore(p); err != nil {
		return err
	}
	r.off, r.extents = p.to, append([]pendingExtent(nil), p.extents...)
	r.mark()
	return nil
}

func (r *reading) mark() {
	r.saved, r.parts, r.units, r.savedOff = len(r.extents), len(r.digest.parts), len(r.digest.units), r.off
}

// maxExtents bounds a file's extents: of one that is sparse in more places the
// rest is read and stored, holes and all.
const maxExtents = 100000

// all reads the rest of the file: data into packs, holes into the digest alone.
func (r *reading) all(ctx context.Context, counted *int64) error {
	size := r.file.Info.Size
	for r.off < size {
		from, to := r.off, size
		if len(r.extents) < maxExtents {
			from, to = r.file.NextData(r.off)
		}
		for r.off < to || r.off < from {
			if err := ctx.Err(); err != nil {
				return r.stop(context.Cause(ctx))
			}
			if r.w.closerFailed() {
				return scan.DeviceError{Err: errCloser}
			}
			at := r.off
			if r.off < from {
				r.hole(min(from-r.off, holeChunk))
			} else if err := r.data(to); err != nil {
				return err
			}
			*counted += r.off - at
			r.w.l.bytes.Add(r.off - at)
		}
	}
	return nil
}

// holeChunk is how much of a hole is hashed between looks at cancellation.
const holeChunk = 64 << 20

// stop keeps a long file's progress when the load is interrupted.
func (r *reading) stop(cause error) error {
	if err := r.rollOver(); err != nil {
		return scan.DeviceError{Err: err}
	}
	return scan.DeviceError{Err: cause}
}

// data reads content up to to, at most as much as the pack has room for.
func (r *reading) data(to int64) error {
	if r.file.Doubtful() && len(r.extents) < maxExtents {
		return r.block(to)
	}
	room, err := r.room()
	if err != nil {
		return err
	}
	n, err := r.file.ReadAt(room[:min(int64(len(room)), to-r.off)], r.off)
	if err != nil && err != io.EOF {
		return err
	}
	if n == 0 {
		return scan.ErrShorter
	}
	r.took(n)
	return nil
}

// room is where the next content may be put, in a pack that may take it.
func (r *reading) room() ([]byte, error) {
	w := r.w
	if w.pack != nil && w.due() {
		if err := r.rollOver(); err != nil {
			return nil, scan.DeviceError{Err: err}
		}
	}
	if err := w.open(); err != nil {
		return nil, scan.DeviceError{Err: err}
	}
	room, err := w.pack.room()
	if err != nil {
		return nil, scan.DeviceError{Err: err}
	}
	return room, nil
}

// took says that n bytes of content were put into room.
func (r *reading) took(n int) {
	w := r.w
	r.extend(pendingExtent{offset: r.off, length: int64(n), pack: w.pack, packOffset: w.pack.offset()})
	w.pack.took(n, r.digest)
	r.off += int64(n)
}

// holeBlock is the least of zeros that becomes a hole, and what it is aligned to.
const holeBlock = 64 << 10

// block reads up to the next multiple of holeBlock, of a file whose holes are not
// believed. A whole block of zeros becomes a hole.
func (r *reading) block(to int64) error {
	if r.blockBuf == nil {
		r.blockBuf = make([]byte, holeBlock)
	}
	b := r.blockBuf[:min(holeBlock-r.off%holeBlock, to-r.off)]
	n, err := r.file.ReadAt(b, r.off)
	if err != nil && err != io.EOF {
		return err
	}
	if n < len(b) {
		return scan.ErrShorter
	}
	if len(b) == holeBlock && zeros.Only(b) {
		r.hole(holeBlock)
		return nil
	}
	for len(b) > 0 {
		room, err := r.room()
		if err != nil {
			return err
		}
		n := copy(room, b)
		r.took(n)
		b = b[n:]
	}
	return nil
}

// extend adds an extent or lengthens the last one.
func (r *reading) extend(e pendingExtent) {
	if len(r.extents) > r.saved {
		last := &r.extents[len(r.extents)-1]
		if e.hole && last.hole {
			last.length += e.length
			return
		}
		if !e.hole && !last.hole && last.pack == e.pack && last.packOffset+last.length == e.packOffset {
			last.length += e.length
			return
		}
	}
	r.extents = append(r.extents, e)
}

// hole adds a hole; its zeros are not written anywhere.
func (r *reading) hole(n int64) {
	if r.w.pack != nil {
		r.w.pack.settle()
	}
	r.extend(pendingExtent{offset: r.off, length: n, hole: true})
	r.off += n
	r.digest.zeros(n)
}

// rollOver closes the pack in the middle of a file; the frame keeps how far the
// file got, so that a resumed load goes on from there.
func (r *reading) rollOver() error {
	if r.off > r.savedOff {
		if r.w.pack != nil {
			r.w.pack.settle()
		}
		state, err := r.digest.state()
		if err != nil {
			return err
		}
		r.w.batch.partial = &partialFile{ordinal: r.n, from: r.savedOff, to: r.off, identity: r.file.ID(),
			extents: append([]pendingExtent(nil), r.extents[r.saved:]...), parts: r.digest.parts[r.parts:], units: r.digest.units[r.units:], digest: state}
		r.mark()
	}
	return r.w.flush()
}
