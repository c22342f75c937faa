package appliance

import (
	"context"
	"io"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// reading is one file on its way into packs.
type reading struct {
	w        *worker
	n        uint64
	file     *sourceFile
	digest   *digest
	off      int64
	extents  []pendingExtent
	saved    int // extents, parts, units and bytes that earlier frames hold
	parts    int
	units    int
	savedOff int64
}

func (w *worker) read(ctx context.Context, n uint64, it *item) (*pendingRecord, error) {
	open, err := w.dir.open(it.path)
	if err != nil {
		return nil, err
	}
	defer open.Close()
	if p, err := w.readSmall(n, it, open); p != nil || err != nil {
		return p, err
	}
	f, err := begin(open)
	if err != nil {
		return nil, err
	}
	r := &reading{w: w, n: n, file: f, digest: newDigest(f.info.Size, w.l.whole)}
	if err := r.resume(); err != nil {
		return nil, deviceError{err}
	}
	counted := r.off
	w.l.bytes.Add(r.off)
	err = r.all(ctx, &counted)
	if err == nil && !f.unchanged() {
		err = errChanged
	}
	if err != nil {
		w.l.bytes.Add(-counted)
		return nil, err
	}
	return w.record(n, it, f, r.digest, r.extents), nil
}

// record is what a file that was read stands in the manifest with.
func (w *worker) record(n uint64, it *item, f *sourceFile, d *digest, extents []pendingExtent) *pendingRecord {
	p := &pendingRecord{ordinal: n, extents: extents}
	p.record = manifest.Record{Kind: manifest.KindFile, Path: it.path, Size: f.info.Size, LinkGroup: it.group}
	xattrs, lost := w.xattrs.read(f.Attributes())
	w.l.src.meta(&p.record, &f.info, xattrs)
	remarkXattrs(&p.record, lost)
	if f.info.Allocated < f.info.Size {
		p.record.Allocated = f.info.Allocated
	}
	if w.pack != nil {
		w.pack.settle()
	}
	d.fill(&p.record)
	return p
}

// smallFile is the size up to which a file is read in one go.
const smallFile = 32 << 10

// readSmall reads a small file in one go and looks at it once, afterwards: what
// the scan saw stands for the look before. It gives nil for a file that has to be
// read the long way: larger, just changed, with holes, or none at all any more.
func (w *worker) readSmall(n uint64, it *item, f vfs.TreeFile) (*pendingRecord, error) {
	if it.size > smallFile || !settled(it.ctime) {
		return nil, nil
	}
	if it.size > 0 {
		if whole, err := w.readWhole(f, it.size); !whole {
			return nil, err
		}
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Mode&unix.S_IFMT != unix.S_IFREG || info.Allocated < info.Size || !it.is(&info) {
		return nil, nil // what lies in the room was not taken
	}
	d := newDigest(it.size, w.l.whole)
	var extents []pendingExtent
	if it.size > 0 {
		extents = []pendingExtent{{length: it.size, pack: w.pack, packOffset: w.pack.offset()}}
		w.pack.took(int(it.size), d)
		w.l.bytes.Add(it.size)
	}
	return w.record(n, it, &sourceFile{f, info}, d, extents), nil
}

// readWhole reads a file into the pack's room, if that is enough. Why a read
// failed the long way finds out.
func (w *worker) readWhole(f vfs.TreeFile, size int64) (bool, error) {
	if err := w.open(); err != nil {
		return false, deviceError{err}
	}
	room, err := w.pack.room()
	if err != nil {
		return false, deviceError{err}
	}
	if int64(len(room)) < size {
		return false, nil
	}
	n, _ := f.ReadAt(room[:size], 0)
	return int64(n) == size, nil
}

// resume takes up a file that an earlier run had begun, if it is still the same.
func (r *reading) resume() error {
	w := r.w
	w.l.d.mu.Lock()
	p := w.l.d.state.partial[partialKey{w.l.list.copies.id, r.n}]
	w.l.d.mu.Unlock()
	if p == nil || p.identity != r.file.identity() {
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
	size := r.file.info.Size
	for r.off < size {
		from, to := r.off, size
		if len(r.extents) < maxExtents {
			from, to = r.file.nextData(r.off)
		}
		for r.off < to || r.off < from {
			if err := ctx.Err(); err != nil {
				return r.stop(context.Cause(ctx))
			}
			if r.w.closerFailed() {
				return deviceError{errCloser}
			}
			at := r.off
			if r.off < from {
				r.hole(min(from-r.off, holeChunk))
			} else if _, err := r.chunk(to); err != nil {
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
		return deviceError{err}
	}
	return deviceError{cause}
}

func (r *reading) chunk(to int64) (int, error) {
	w := r.w
	if w.pack != nil && w.due() {
		if err := r.rollOver(); err != nil {
			return 0, deviceError{err}
		}
	}
	if err := w.open(); err != nil {
		return 0, deviceError{err}
	}
	room, err := w.pack.room()
	if err != nil {
		return 0, deviceError{err}
	}
	n, err := r.file.ReadAt(room[:min(int64(len(room)), to-r.off)], r.off)
	if err != nil && err != io.EOF {
		return 0, err
	}
	if n == 0 {
		return 0, errChanged // shorter than its size said
	}
	r.extend(pendingExtent{offset: r.off, length: int64(n), pack: w.pack, packOffset: w.pack.offset()})
	w.pack.took(n, r.digest)
	r.off += int64(n)
	return n, nil
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

var zeros [64 << 10]byte

func (r *reading) hole(n int64) {
	if r.w.pack != nil {
		r.w.pack.settle()
	}
	r.extend(pendingExtent{offset: r.off, length: n, hole: true})
	r.off += n
	for n > 0 {
		m := min(n, int64(len(zeros)))
		r.digest.Write(zeros[:m])
		n -= m
	}
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
		r.w.batch.partial = &partialFile{ordinal: r.n, from: r.savedOff, to: r.off, identity: r.file.identity(),
			extents: append([]pendingExtent(nil), r.extents[r.saved:]...), parts: r.digest.parts[r.parts:], units: r.digest.units[r.units:], digest: state}
		r.mark()
	}
	return r.w.flush()
}
