package appliance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sledge-io/sledge/appliance/catalog"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/appliance/words"
	"github.com/sledge-io/sledge/internal/fields"
	"github.com/sledge-io/sledge/manifest"
)

// worker loads units into packs of its own. A closed pack is made durable in
// the background by the worker's closer, one after another, so that commits of
// one worker keep their order and a long file's packs have their numbers when
// its record is written.
type worker struct {
	l      *loader
	pack   *packWriter
	dir    *scan.Dirs
	xattrs *scan.XattrReader
	batch  batch // records without a pack yet; moves into the next pack
	since  time.Time
	limit  int64 // body bytes of the open pack
	closes chan closing
	closed chan error
	failed chan struct{} // closed when the closer has met an error
	buf    []byte        // for files that are only compared
	one    [1]byte       // room for a byte that nobody needs
}

type closing struct {
	pack  *packWriter // nil: records without bytes
	batch batch
}

func newWorker(l *loader) *worker {
	w := &worker{l: l, dir: l.src.Dirs(), xattrs: &scan.XattrReader{}, closes: make(chan closing, 1), closed: make(chan error, 1), failed: make(chan struct{}), since: l.d.cfg.Now()}
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
	return w.l.d.commit(c.pack, entry, &c.batch, w.l.list.copies.ID)
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
	w.dir.Close()
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

// item loads one entry. Only errors of the device end the load.
func (w *worker) item(ctx context.Context, n uint64, it *scan.Item) error {
	if w.closerFailed() {
		return errCloser
	}
	var err error
	switch it.Kind {
	case manifest.KindFile:
		end := w.l.files.begin(it.Path)
		err = w.file(ctx, n, it)
		end()
	case manifest.KindDir, manifest.KindSymlink:
		w.plain(n, it)
	default:
		w.skip(n, it, it.Reason, it.Detail)
	}
	if err != nil {
		return err
	}
	if gone := w.l.src.Lost(); gone != nil {
		return errors.Join(gone, w.flush())
	}
	w.l.entries.Add(1)
	if w.due() {
		return w.flush()
	}
	return nil
}

func (w *worker) skip(n uint64, it *scan.Item, reason, detail string) {
	if w.l.src.Lost() != nil {
		return // nothing is known of the entry
	}
	if reason != catalog.Gone {
		w.l.skip(it, reason, detail)
	}
	w.batch.add(&pendingRecord{ordinal: n, record: manifest.Record{Kind: manifest.KindSkipped, Path: it.Path, Reason: reason, Detail: detail}})
}

// plain records a directory or a symbolic link.
func (w *worker) plain(n uint64, it *scan.Item) {
	r, reason, detail := w.describe(it)
	if reason != "" {
		w.skip(n, it, reason, detail)
		return
	}
	w.batch.add(&pendingRecord{ordinal: n, record: *r})
}

// flip records a folder that has taken the place of something else. If it cannot be
// looked at any more, what the scan saw of it stands, with a remark: what is loaded
// below it needs a folder above.
func (w *worker) flip(n uint64, it *scan.Item) {
	r, reason, detail := w.describe(it)
	if reason != "" {
		r = &manifest.Record{Kind: manifest.KindDir, Path: it.Path, Mode: 0o700, Mtime: time.Unix(0, it.Mtime).UTC(), Ctime: time.Unix(0, it.Ctime).UTC(), Remark: reason, RemarkDetail: detail}
	}
	w.batch.add(&pendingRecord{ordinal: n, record: *r})
}

// describe gives the record of a directory or a symbolic link, or why there is none.
func (w *worker) describe(it *scan.Item) (r *manifest.Record, reason, detail string) {
	dir, name, err := w.dir.Of(it.Path)
	if err != nil {
		return nil, w.l.src.SkipReason(err), words.Cause(err)
	}
	info, err := dir.StatFresh(name)
	if err != nil {
		return nil, w.l.src.SkipReason(err), words.Cause(err)
	}
	now := scan.Item{}
	if now.Describe(&info); now.Kind != it.Kind {
		return nil, "changed", "is of another kind than a moment ago"
	}
	r = &manifest.Record{Kind: it.Kind, Path: it.Path}
	xattrs, lost := w.xattrs.Read(dir.Attributes(name))
	if lost > 0 && it.Flags&scan.ItemKnown != 0 {
		return nil, "unreadable", lostXattrs(lost) // the version on the device has them
	}
	w.l.src.Meta(r, &info, xattrs)
	remarkXattrs(r, lost)
	if it.Kind == manifest.KindSymlink {
		r.Target, err = dir.Readlink(name, manifest.MaxPath)
		if err != nil || r.Target == "" {
			return nil, "changed", "symbolic link cannot be read"
		}
		r.Size = int64(len(r.Target))
	}
	return r, "", ""
}

func lostXattrs(n int) string { return fmt.Sprintf("%d extended attributes could not be kept", n) }

// remarkXattrs says on the record what it lacks.
func remarkXattrs(r *manifest.Record, lost int) {
	if lost > 0 {
		r.Remark, r.RemarkDetail = "attributes", lostXattrs(lost)
	}
}

// readTries is how often a file that changes while it is read is read.
const readTries = 2

// file reads a file once. One that changes under the reader is read again, and
// recorded as changed if that does not help: never as good.
func (w *worker) file(ctx context.Context, n uint64, it *scan.Item) error {
	for try := 1; ; try++ {
		p, err := w.known(ctx, n, it)
		if p == nil && err == nil {
			p, err = w.read(ctx, n, it)
		}
		var dev scan.DeviceError
		switch {
		case err == nil:
			if !w.batch.empty() && w.batch.size+p.size() > recordBudget {
				if err := w.flush(); err != nil { // a frame has its limit; the file's own packs may commit before its record
					return err
				}
			}
			w.batch.add(p)
			return nil
		case errors.Is(err, errDone):
		case errors.As(err, &dev):
			return dev.Err
		case errors.Is(err, scan.ErrChanged) && try < readTries:
			continue
		case errors.Is(err, scan.ErrChanged):
			w.skip(n, it, "changed", "changed while it was read, twice")
		default:
			w.skip(n, it, w.l.src.SkipReason(err), words.Cause(err))
		}
		return nil
	}
}

// errDone: the entry has its record already.
var errDone = errors.New("done")

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
