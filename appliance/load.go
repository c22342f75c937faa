package appliance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sledge-io/sledge/internal/extsort"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// ErrFindings: the scan found names that the target cannot take; nothing was loaded.
var ErrFindings = errors.New("the scan has findings that block")

// ErrFull: the device has no room for the rest; what is committed stays.
var ErrFull = errors.New("the device is full")

// LoadOptions say what is loaded and how findings are treated.
type LoadOptions struct {
	As             string
	Tree           vfs.Tree // nil: the system's folder; closed at the end
	Rules          Rules
	AcceptFindings bool // load although names cannot be imported as they are
	NoReadBack     bool // leave reading back what is written to ReadBack and Seal
	Progress       func(Progress)
	ScanProgress   func(ScanReport)
}

// Progress is a snapshot of a running load. Bytes and entries are those read;
// Safe ones are committed.
type Progress struct {
	Entries, TotalEntries uint64
	Bytes, TotalBytes     int64
	SafeEntries           uint64
	SafeBytes             int64
	Skipped               uint64
	ReadBack, ToReadBack  int64 // bytes on disks, once all is loaded: what is committed is read back
}

// SkippedEntry is an entry that could not be loaded.
type SkippedEntry struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
	Detail string `json:"detail"`
}

// LoadReport is what a load did. Skipped is capped; SkippedCount is exact.
type LoadReport struct {
	Scan         ScanReport     `json:"scan"`
	Resumed      bool           `json:"resumed"`
	Entries      uint64         `json:"entries"`
	Bytes        int64          `json:"bytes"`
	SkippedCount uint64         `json:"skipped_count"`
	Skipped      []SkippedEntry `json:"skipped"`
	FailedDisks  []string       `json:"failed_disks"`
	Status       Status         `json:"status"`
}

const maxSkipped = 10000

// Load reads a source onto the device. A list that an earlier call did not
// finish is gone on with; otherwise the source is scanned, and what has been
// loaded unchanged is left out. It returns when everything it could load is
// durable; entries that it could not are records of their own and in the report.
// After an error or a kill the same call continues.
func (d *Device) Load(ctx context.Context, root string, o LoadOptions) (*LoadReport, error) {
	if err := CheckExpiry(d.cfg); err != nil {
		return nil, err
	}
	src, err := newSource(root, o.As, o.Tree)
	if err != nil {
		return nil, err
	}
	defer src.close()
	list, resumed, err := d.listFor(ctx, src, o)
	if err != nil {
		return nil, err
	}
	report := &LoadReport{Scan: list.tail.Report, Resumed: resumed}
	if n := report.Scan.Blocking; n > 0 && !o.AcceptFindings {
		return report, fmt.Errorf("%w: %d names or files cannot be imported as they are; nothing was loaded", ErrFindings, n)
	}
	what := "load-started"
	if resumed {
		what = "load-resumed"
	}
	if err := d.event(what, "", -1); err != nil {
		return report, err
	}
	failedBefore := len(d.bays.errors())
	d.noReadBehind = o.NoReadBack
	d.start(d.cfg.Workers)
	defer d.stop()
	l := &loader{d: d, src: src, list: list, o: o, report: report, whole: d.cfg.Job.Policy.FileDigest == "whole"}
	l.total.TotalEntries, l.total.TotalBytes = list.tail.Count, list.tail.Report.Bytes
	err = l.run(ctx)
	if rerr := d.endReadBack(ctx, l.readBackProgress); err == nil {
		err = rerr
	}
	if errs := d.bays.errors(); len(errs) > failedBefore {
		d.failures()
	}
	for _, e := range d.bays.errors() {
		report.FailedDisks = append(report.FailedDisks, e.Error())
	}
	report.Entries, report.Bytes = l.entries.Load(), l.bytes.Load()
	report.Status = d.Status()
	d.mu.Lock()
	defer d.mu.Unlock()
	if cerr := d.endJournal(); err == nil {
		err = cerr
	}
	return report, err
}

// failures journals which disks have failed; the log will say so. If that cannot
// be written any more the load's own error stands.
func (d *Device) failures() {
	for _, b := range d.bays {
		if b == nil || b.failed() == nil || b.told {
			continue
		}
		b.told = true
		if d.event("disk-failed", cause(b.failed()), b.number) != nil {
			return
		}
	}
}

// listFor finds the unfinished list of the same source, or makes a new one.
func (d *Device) listFor(ctx context.Context, src *source, o LoadOptions) (*scanList, bool, error) {
	lists, err := d.findLists()
	if err != nil {
		return nil, false, err
	}
	for _, l := range lists {
		if d.finished(l) {
			continue
		}
		if l.head.Root == src.root && l.head.As == src.prefix {
			if l.tail.Report.Blocking > 0 && !o.AcceptFindings && d.state.done[l.copies.id].count() == 0 {
				d.removeList(l.copies.name) // names may have been mended since
				continue
			}
			return l, true, nil
		}
		if d.state.done[l.copies.id].count() > 0 {
			return nil, false, fmt.Errorf("the load of %s has not finished (%d of %d entries): continue it first", l.head.Root, d.state.done[l.copies.id].count(), l.tail.Count)
		}
		d.removeList(l.copies.name)
	}
	l, err := d.makeList(ctx, src, ScanOptions{As: o.As, Rules: o.Rules, Progress: o.ScanProgress})
	return l, false, err
}

// loader is one run of Load.
type loader struct {
	d      *Device
	src    *source
	list   *scanList
	o      LoadOptions
	report *LoadReport
	whole  bool

	entries atomic.Uint64
	bytes   atomic.Int64
	skipped atomic.Uint64
	total   Progress

	mu sync.Mutex // report.Skipped
}

// unit is a run of list items for one worker.
type unit struct {
	first uint64
	items []*item
}

// A unit is many small files or one large one.
const (
	unitItems = 256
	unitBytes = 8 << 20
)

func (l *loader) run(ctx context.Context) error {
	stop := l.reportProgress()
	defer stop()
	done := l.committed()
	var links uint64
	err := l.work(ctx, func(send func(unit) error) error {
		u := unit{}
		size := int64(0)
		flush := func() error {
			if len(u.items) == 0 {
				return nil
			}
			full := u
			u, size = unit{}, 0
			return send(full)
		}
		err := l.d.items(l.list, func(n uint64, it *item) error {
			if it.kind == manifest.KindHardlink {
				links++
				return nil
			}
			if done.has(n) {
				l.entries.Add(1)
				l.bytes.Add(it.size)
				return nil
			}
			if len(u.items) > 0 && (u.first+uint64(len(u.items)) != n || len(u.items) >= unitItems || size+it.size > unitBytes) {
				if err := flush(); err != nil {
					return err
				}
			}
			if len(u.items) == 0 {
				u.first = n
			}
			u.items = append(u.items, it)
			size += it.size
			return nil
		})
		if err == nil {
			err = flush()
		}
		return err
	})
	if err != nil || links == 0 {
		return err
	}
	return l.links(ctx)
}

// work runs the workers over the units that produce sends.
func (l *loader) work(ctx context.Context, produce func(send func(unit) error) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	units := make(chan unit)
	var wg sync.WaitGroup
	for range l.d.cfg.Workers {
		wg.Go(func() {
			w := newWorker(l)
			err := w.run(ctx, units)
			if cerr := w.close(); cerr != nil && (err == nil || errors.Is(err, errCloser)) {
				err = cerr
			}
			if err != nil {
				cancel(err)
			}
		})
	}
	err := produce(func(u unit) error {
		select {
		case units <- u:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	close(units)
	wg.Wait()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return err
}

// links commits the further names of hard links: the record of the name that
// carries the data gives digests and extents. Names whose carrier could not be
// loaded are loaded as files of their own.
func (l *loader) links(ctx context.Context) error {
	carriers, done, err := l.carriers()
	if err != nil {
		return err
	}
	defer done()
	committed := l.committed()
	next, stop := pull(carriers)
	defer stop()
	at := next()
	var b batch
	since := l.d.cfg.Now()
	return l.work(ctx, func(send func(unit) error) error {
		var prev *manifest.Record
		err := l.d.items(l.list, func(n uint64, it *item) error {
			if it.kind != manifest.KindHardlink {
				return nil
			}
			if committed.has(n) {
				l.entries.Add(1)
				return nil
			}
			var chain string // of the carrier's last record: it may have been loaded before
			for at.ok && at.key <= it.linkTo {
				if at.key == it.linkTo {
					chain = at.value
				}
				at = next()
			}
			if at.err != nil {
				return at.err
			}
			if chain != "" {
				var err error
				if prev, err = decodeChain([]byte(chain)); err != nil {
					return err
				}
			}
			if prev == nil || prev.Path != it.linkTo || prev.Kind != manifest.KindFile || !l.sameFile(it, prev) {
				it.kind, it.linkTo, it.group = manifest.KindFile, "", 0
				return send(unit{first: n, items: []*item{it}})
			}
			r := *prev
			r.Kind, r.Path, r.LinkTo, r.LinkGroup = manifest.KindHardlink, it.path, it.linkTo, it.group
			b.add(&pendingRecord{ordinal: n, record: r})
			l.entries.Add(1)
			if now := l.d.cfg.Now(); b.full() || now.Sub(since) >= time.Duration(l.d.cfg.Job.Policy.PackSeconds)*time.Second {
				full := b
				b, since = batch{}, now
				return l.d.commit(nil, nil, &full, l.list.copies.id)
			}
			return nil
		})
		if err == nil && !b.empty() {
			err = l.d.commit(nil, nil, &b, l.list.copies.id)
		}
		return err
	})
}

// committed is a copy of what has been committed of the list so far; workers go
// on adding to the original.
func (l *loader) committed() *rangeSet {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	if done := l.d.state.done[l.list.copies.id]; done != nil {
		return &rangeSet{spans: slices.Clone(done.spans)}
	}
	return nil
}

// sameFile checks that the further name still is the file that was loaded.
func (l *loader) sameFile(it *item, r *manifest.Record) bool {
	now := l.src.stat(it.path)
	return now.kind == manifest.KindFile && now.ino == it.ino && now.size == r.Size && now.mtime == r.Mtime.UnixNano() && now.ctime == r.Ctime.UnixNano()
}

// carriers sorts the committed records that carry the data of link groups.
func (l *loader) carriers() (*extsort.Sorter, func(), error) {
	disk, err := l.d.scratchDisk()
	if err != nil {
		return nil, nil, err
	}
	s := extsort.New(extsort.Config{FS: disk.disk.FS, Dir: tmpDir, Memory: sortMemory})
	var chain []byte
	var path string
	keep := false
	flush := func() error {
		if !keep {
			return nil
		}
		keep = false
		return s.Add([]byte(path), chain)
	}
	err = l.d.eachRecord(func(b []byte) error {
		_, _, cont, err := manifest.PeekRecord(b)
		if err != nil {
			return err
		}
		if cont > 0 {
			if keep {
				chain = appendChain(chain, b)
			}
			return nil
		}
		if err := flush(); err != nil {
			return err
		}
		r, err := manifest.PeekHead(b)
		if err != nil {
			return err
		}
		if r.Kind == manifest.KindFile && r.LinkGroup != 0 {
			keep, path, chain = true, r.Path, appendChain(nil, b)
		}
		return nil
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		s.Close()
		return nil, nil, err
	}
	return s, func() { s.Close() }, nil
}

// reportProgress calls the progress function until stop is called.
func (l *loader) reportProgress() (stop func()) {
	if l.o.Progress == nil {
		return func() {}
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(reportInterval)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				l.o.Progress(l.progress())
			case <-done:
				l.o.Progress(l.progress())
				return
			}
		}
	})
	return func() { close(done); wg.Wait() }
}

func (l *loader) progress() Progress {
	p := l.total
	p.Entries, p.Bytes, p.Skipped = l.entries.Load(), l.bytes.Load(), l.skipped.Load()
	l.d.mu.Lock()
	p.SafeEntries, p.SafeBytes = l.d.state.done[l.list.copies.id].count(), l.d.state.bytes
	l.d.mu.Unlock()
	return p
}

func (l *loader) skip(it *item, reason, detail string) {
	l.skipped.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.report.SkippedCount++
	if len(l.report.Skipped) < maxSkipped {
		l.report.Skipped = append(l.report.Skipped, SkippedEntry{Path: it.path, Reason: reason, Detail: detail})
	}
}

// isFull tells an error of a full disk from others.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }
