package appliance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/internal/fields"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// worker loads units into packs of its own. A closed pack is made durable in
// the background by the worker's closer, one after another, so that commits of
// one worker keep their order and a long file's packs have their numbers when
// its record is written.
type worker struct {
	l      *loader
	pack   *packWriter
	dir    sourceDir
	xattrs *xattrReader
	batch  batch // records without a pack yet; moves into the next pack
	since  time.Time
	limit  int64 // body bytes of the open pack
	closes chan closing
	closed chan error
	failed chan struct{} // closed when the closer has met an error
}

type closing struct {
	pack  *packWriter // nil: records without bytes
	batch batch
}

func newWorker(l *loader) *worker {
	w := &worker{l: l, dir: sourceDir{src: l.src}, xattrs: &xattrReader{}, closes: make(chan closing, 1), closed: make(chan error, 1), failed: make(chan struct{}), since: l.d.cfg.Now()}
	go func() { w.closed <- w.closer() }()
	return w
}

// closer commits what the worker closed. After an error it only drains: nothing
// later may commit, for a long file's packs must commit in order.
func (w *worker) closer() (failed error) {
	for c := range w.closes {
		if failed == nil {
			if failed = w.commit(&c); failed != nil {
				close(w.failed) // the worker need not read on
			}
		} else if c.pack != nil {
			c.pack.drop()
		}
		if c.pack != nil {
			w.l.d.release(c.pack.reserved)
		}
	}
	return failed
}

func (w *worker) commit(c *closing) error {
	var entry *manifest.Pack
	if c.pack != nil {
		var err error
		if entry, err = c.pack.commitEntry(); err != nil {
			return err
		}
	}
	return w.l.d.commit(c.pack, entry, &c.batch, w.l.list.copies.id)
}

// errCloser stands for the closer's error, which close returns.
var errCloser = errors.New("a pack could not be committed")

// closerFailed tells whether going on is pointless.
func (w *worker) closerFailed() bool {
	select {
	case <-w.failed:
		return true
	default:
		return false
	}
}

// idleTick is how often a worker without work looks whether what it has is due.
const idleTick = time.Second

func (w *worker) run(ctx context.Context, units <-chan unit) error {
	tick := time.NewTicker(idleTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), w.flush())
		case <-w.failed:
			return errCloser
		case <-tick.C:
			if (w.pack != nil || !w.batch.empty()) && w.due() {
				if err := w.flush(); err != nil {
					return err
				}
			}
		case u, ok := <-units:
			if !ok {
				return w.flush()
			}
			for i, it := range u.items {
				if err := w.item(ctx, u.first+uint64(i), it); err != nil {
					return err
				}
			}
		}
	}
}

// close waits for the closer.
func (w *worker) close() error {
	w.dir.close()
	if w.pack != nil { // after an error: give buffers back, commit nothing
		w.pack.drop()
		w.pack.pool.put(w.pack.plain)
		w.l.d.release(w.pack.reserved)
		w.pack = nil
	}
	close(w.closes)
	return <-w.closed
}

// flush closes the open pack, or commits records without bytes.
func (w *worker) flush() error {
	if w.pack == nil {
		if !w.batch.empty() {
			w.closes <- closing{batch: w.batch}
			w.batch = batch{}
		}
		w.since = w.l.d.cfg.Now()
		return nil
	}
	p := w.pack
	w.pack = nil
	if err := p.drain(); err != nil {
		w.l.d.release(p.reserved)
		return err
	}
	w.closes <- closing{pack: p, batch: w.batch}
	w.batch = batch{}
	w.since = w.l.d.cfg.Now()
	return nil
}

// due tells whether what is open should be committed: by size, by time, or
// because its records alone make a large frame.
func (w *worker) due() bool {
	if w.pack != nil && w.pack.offset() >= w.limit || w.batch.full() {
		return true
	}
	return w.l.d.cfg.Now().Sub(w.since) >= time.Duration(w.l.d.cfg.Job.Policy.PackSeconds)*time.Second
}

// open makes sure that a pack is open.
func (w *worker) open() error {
	if w.pack != nil {
		return nil
	}
	limit, err := w.l.d.reserve()
	if err != nil {
		return err
	}
	if w.pack, err = w.l.d.openPack(); err != nil {
		w.l.d.release(limit)
		return err
	}
	w.pack.reserved, w.limit = limit, limit
	if w.batch.empty() {
		w.since = w.l.d.cfg.Now()
	}
	return nil
}

// reserve gives the number of bytes that a new pack may take: the policy's size,
// or less where a disk is nearly full. Room for the seal is kept back, and what
// the other open packs may still take: their reservation counts whole until they
// are committed. A pack that finds no room waits for them.
func (d *Device) reserve() (int64, error) {
	d.roomMu.Lock()
	defer d.roomMu.Unlock()
	if d.room.L == nil {
		d.room.L = &d.roomMu
	}
	for {
		limit := d.packLimit()
		if limit >= minPackRoom {
			limit = min(limit, d.cfg.Job.Policy.PackSize)
			d.reserved += limit
			d.packs++
			return limit, nil
		}
		if d.packs == 0 {
			return 0, fmt.Errorf("%w: free disk space is down to what the seal needs", ErrFull)
		}
		d.room.Wait()
	}
}

// release gives a reservation back.
func (d *Device) release(n int64) {
	d.roomMu.Lock()
	defer d.roomMu.Unlock()
	d.reserved -= n
	d.packs--
	if d.room.L != nil {
		d.room.Broadcast()
	}
}

// packLimit is the body bytes that one more pack could take; the caller holds roomMu.
// A disk's share of a body is its k-th part and what hash list and piece add.
func (d *Device) packLimit() int64 {
	g := d.cfg.Job.Geometry
	stripe := int64(g.K) * int64(g.BlockSize)
	list := int64(32*g.K+8*g.M) * 2
	d.mu.Lock()
	keep := d.state.reserve()
	d.mu.Unlock()
	limit := int64(1) << 50
	for _, b := range d.bays.healthy() {
		free, _, err := b.disk.FS.Free()
		if err != nil {
			continue
		}
		// body·(block + list) / stripe must fit
		limit = min(limit, max(0, free-keep)/(int64(g.BlockSize)+list)*stripe)
	}
	limit -= d.reserved
	if others := d.cfg.Workers - d.packs; others > 1 && limit/int64(others) >= minPackRoom {
		limit /= int64(others)
	}
	return limit - packSlack
}

const (
	sealReserve = 16 << 20 // see loadState.reserve
	minPackRoom = 1 << 20
	packSlack   = 2 << 20 // a pack's last chunk and segment may go over its limit
)

// item loads one entry. Only errors of the device end the load.
func (w *worker) item(ctx context.Context, n uint64, it *item) error {
	if w.closerFailed() {
		return errCloser
	}
	var err error
	switch it.kind {
	case manifest.KindFile:
		err = w.file(ctx, n, it)
	case manifest.KindDir, manifest.KindSymlink:
		w.plain(n, it)
	default:
		w.skip(n, it, it.reason, it.detail)
	}
	if err != nil {
		return err
	}
	w.l.entries.Add(1)
	if w.due() {
		return w.flush()
	}
	return nil
}

func (w *worker) skip(n uint64, it *item, reason, detail string) {
	w.l.skip(it, reason, detail)
	w.batch.add(&pendingRecord{ordinal: n, record: manifest.Record{Kind: manifest.KindSkipped, Path: it.path, Reason: reason, Detail: detail}})
}

// plain records a directory or a symbolic link.
func (w *worker) plain(n uint64, it *item) {
	r, reason, detail := w.describe(it)
	if reason != "" {
		w.skip(n, it, reason, detail)
		return
	}
	w.batch.add(&pendingRecord{ordinal: n, record: *r})
}

// describe gives the record of a directory or a symbolic link, or why there is none.
func (w *worker) describe(it *item) (r *manifest.Record, reason, detail string) {
	dir, name, err := w.dir.of(it.path)
	if err != nil {
		return nil, skipReason(err), cause(err)
	}
	info, err := dir.Stat(name)
	if err != nil {
		return nil, skipReason(err), cause(err)
	}
	now := item{}
	if now.describe(&info); now.kind != it.kind {
		return nil, "changed", "is of another kind than a moment ago"
	}
	r = &manifest.Record{Kind: it.kind, Path: it.path}
	xattrs, lost := w.xattrs.read(dir.Attributes(name))
	w.l.src.meta(r, &info, xattrs)
	r.Detail = lostXattrs(lost)
	if it.kind == manifest.KindSymlink {
		r.Target, err = dir.Readlink(name, manifest.MaxPath)
		if err != nil || r.Target == "" {
			return nil, "changed", "symbolic link cannot be read"
		}
		r.Size = int64(len(r.Target))
	}
	return r, "", ""
}

// lostXattrs is a record's detail.
func lostXattrs(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d extended attributes could not be kept", n)
}

// readTries is how often a file that changes while it is read is read.
const readTries = 2

// file reads a file once. One that changes under the reader is read again, and
// recorded as changed if that does not help: never as good.
func (w *worker) file(ctx context.Context, n uint64, it *item) error {
	for try := 1; ; try++ {
		p, err := w.read(ctx, n, it)
		var dev deviceError
		switch {
		case err == nil:
			if !w.batch.empty() && w.batch.size+p.size() > recordBudget {
				if err := w.flush(); err != nil { // a frame has its limit; the file's own packs may commit before its record
					return err
				}
			}
			w.batch.add(p)
			return nil
		case errors.As(err, &dev):
			return dev.error
		case errors.Is(err, errChanged) && try < readTries:
			continue
		case errors.Is(err, errChanged):
			w.skip(n, it, "changed", "changed while it was read, twice")
		default:
			w.skip(n, it, skipReason(err), cause(err))
		}
		return nil
	}
}

// deviceError is an error of the device, not of the source: it ends the load.
type deviceError struct{ error }

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
	p.record.Detail = lostXattrs(lost)
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

// appendChain and decodeChain keep a record and its continuations as one value.
func appendChain(chain, record []byte) []byte { return fields.AppendItem(chain, record) }

func decodeChain(chain []byte) (*manifest.Record, error) {
	var j manifest.Joiner
	var out *manifest.Record
	err := fields.Field{Value: chain}.Items(func(b []byte) error {
		r, err := j.Add(b)
		if r != nil {
			out = r
		}
		return err
	})
	if err == nil && out == nil {
		err = fmt.Errorf("%w: record cut off", manifest.ErrCorrupt)
	}
	return out, err
}
