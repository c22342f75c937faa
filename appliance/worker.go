package appliance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sledge-io/sledge/appliance/catalog"
	"github.com/sledge-io/sledge/appliance/ingest"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/appliance/words"
	"github.com/sledge-io/sledge/internal/fields"
	"github.com/sledge-io/sledge/manifest"
)

// worker loads units into packs of its own.
type worker struct {
	*ingest.Writer
	l      *loader
	dir    *scan.Dirs
	xattrs *scan.XattrReader
	buf    []byte  // for files that are only compared
	one    [1]byte // room for a byte that nobody needs
}

func newWorker(l *loader) *worker {
	return &worker{Writer: ingest.NewWriter(writable{l.d}, l.list.copies.ID), l: l, dir: l.src.Dirs(), xattrs: &scan.XattrReader{}}
}

// idleTick is how often a worker without work looks whether what it has is due.
const idleTick = time.Second

func (w *worker) run(ctx context.Context, units <-chan unit) error {
	tick := time.NewTicker(idleTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), w.Flush())
		case <-w.Failing():
			return ingest.ErrCloser
		case <-tick.C:
			if w.Holds() && w.Due() {
				if err := w.Flush(); err != nil {
					return err
				}
			}
		case u, ok := <-units:
			if !ok {
				return w.Flush()
			}
			for i, it := range u.items {
				err := w.item(ctx, u.first+uint64(i), it, u.ahead.Take(i))
				if u.ahead.Done(i); err != nil {
					return err
				}
			}
		}
	}
}

// close waits for what was flushed.
func (w *worker) close() error {
	w.dir.Close()
	return w.Close()
}

// item loads one entry; got is what was read of it ahead, or nil. Only errors of the device
// end the load.
func (w *worker) item(ctx context.Context, n uint64, it *scan.Item, got *scan.Fetched) error {
	if w.HasFailed() {
		return ingest.ErrCloser
	}
	var err error
	switch it.Kind {
	case manifest.KindFile:
		end := w.l.files.begin(it.Path)
		err = w.file(ctx, n, it, got)
		end()
	case manifest.KindDir, manifest.KindSymlink:
		w.plain(n, it, got)
	default:
		w.skip(n, it, it.Reason, it.Detail)
	}
	if err != nil {
		return err
	}
	if gone := w.l.src.Lost(); gone != nil {
		return errors.Join(gone, w.Flush())
	}
	w.l.entries.Add(1)
	if w.Due() {
		return w.Flush()
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
	w.Add(&ingest.Pending{Ordinal: n, Record: manifest.Record{Kind: manifest.KindSkipped, Path: it.Path, Reason: reason, Detail: detail}})
}

// plain records a directory or a symbolic link.
func (w *worker) plain(n uint64, it *scan.Item, seen *scan.Fetched) {
	r, reason, detail := w.describe(it, seen)
	if reason != "" {
		w.skip(n, it, reason, detail)
		return
	}
	if w.l.src.Stopped() != nil {
		return // attributes may be missing by that alone
	}
	w.Add(&ingest.Pending{Ordinal: n, Record: *r})
}

// flip records a folder that has taken the place of something else. If it cannot be
// looked at any more, what the scan saw of it stands, with a remark: what is loaded
// below it needs a folder above.
func (w *worker) flip(n uint64, it *scan.Item) {
	r, reason, detail := w.describe(it, nil)
	if w.l.src.Stopped() != nil {
		return
	}
	if reason != "" {
		r = &manifest.Record{Kind: manifest.KindDir, Path: it.Path, Mode: 0o700, Mtime: time.Unix(0, it.Mtime).UTC(), Ctime: time.Unix(0, it.Ctime).UTC(), Remark: reason, RemarkDetail: detail}
	}
	w.Add(&ingest.Pending{Ordinal: n, Record: *r})
}

// describe gives the record of a directory or a symbolic link, or why there is none. seen
// is what was read of it ahead, or nil.
func (w *worker) describe(it *scan.Item, seen *scan.Fetched) (r *manifest.Record, reason, detail string) {
	if seen == nil {
		var err error
		if seen, err = w.dir.Look(it, w.xattrs); err != nil {
			return nil, w.l.src.SkipReason(err), words.Cause(err)
		}
	}
	now := scan.Item{}
	if now.Describe(&seen.Info); now.Kind != it.Kind {
		return nil, "changed", "is of another kind than a moment ago"
	}
	r = &manifest.Record{Kind: it.Kind, Path: it.Path}
	if seen.Lost > 0 && it.Flags&scan.ItemKnown != 0 {
		return nil, "unreadable", lostXattrs(seen.Lost) // the version on the device has them
	}
	w.l.src.Meta(r, &seen.Info, seen.Xattrs)
	remarkXattrs(r, seen.Lost)
	if it.Kind == manifest.KindSymlink {
		if seen.Target == "" {
			return nil, "changed", "symbolic link cannot be read"
		}
		r.Target = seen.Target
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
func (w *worker) file(ctx context.Context, n uint64, it *scan.Item, got *scan.Fetched) error {
	if got != nil {
		return w.fetched(n, it, got)
	}
	for try := 1; ; try++ {
		p, err := w.known(ctx, n, it)
		if p == nil && err == nil {
			p, err = w.read(ctx, n, it)
		}
		var dev scan.DeviceError
		switch {
		case w.l.src.Stopped() != nil:
			return w.l.src.Stopped()
		case err == nil:
			return w.AddLarge(p)
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
