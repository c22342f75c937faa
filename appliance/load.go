package appliance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/fetch"
	"github.com/sledge-io/sledge/appliance/filter"
	"github.com/sledge-io/sledge/appliance/ingest"
	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/appliance/words"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// ErrFindings: the scan found names that the target cannot take; nothing was loaded.
var ErrFindings = errors.New("the scan has findings that block")

// LoadOptions say what is loaded and how findings are treated.
type LoadOptions struct {
	As             string
	Tree           vfs.Tree // nil: the system's folder; closed at the end
	Rules          scan.Rules
	AcceptFindings bool     // load although names cannot be imported as they are
	Force          bool     // read files again, whatever their times say
	UnstableTimes  bool     // files whose stat differs at every look are read twice, and taken if both readings agree
	Replace        bool     // committed versions may be replaced by those of another file system at the same path
	Moved          []string // the paths that the source was loaded from, or its load was begun from
	NoReadBack     bool     // leave reading back what is written to ReadBack and Seal
	AllowEmpty     bool     // a source without an entry is no mistake

	Withdraw MaxDelete   // have what is gone from the source leave the manifest
	Beside   []Place     // other sources of the same call: their loads may be unfinished
	Filter   *filter.Set // what is left out; a load is resumed with the one that it was begun with

	SourceConcurrency int // calls on the source in flight; 0 lets its answers decide
	SourceFiles       int // files of the source that are open at most to be read ahead; 0 is FetchFiles

	SourceTimeout time.Duration // of one call on the source; 0 is scan.DefaultTimeout

	// Begin is called once, before the first change of the device; its error ends the
	// load. Nil is allowed.
	Begin        func() error
	Progress     func(Progress)
	ScanProgress func(scan.Report)
	Found        func(scan.Finding) error // takes every finding of the source as it is now
	Planned      func(Plan)               // is told what the load takes, before its first byte
}

// Load reads a source onto the device. A list that an earlier call did not finish is
// gone on with, and the source is then scanned once more for what came in between;
// otherwise it is scanned, and what has been loaded unchanged is left out. It returns
// when everything that it could load is durable; entries that it could not are
// records of their own and in the report. After an error or a kill the same call
// continues. A load that is refused changes nothing on the device.
func (d *Device) Load(ctx context.Context, root string, o LoadOptions) (*LoadReport, error) {
	if err := CheckExpiry(d.cfg); err != nil {
		return nil, err
	}
	src, err := scan.OpenTimed(ctx, root, o.As, o.Tree, o.SourceTimeout)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	src.Concurrency, src.Filter = o.SourceConcurrency, o.Filter
	if o.Begin == nil {
		o.Begin = func() error { return nil }
	}
	o.Begin = sync.OnceValue(o.Begin)
	list, damaged, err := d.takeUp(src, &o)
	if err != nil {
		return nil, err
	}
	report := &LoadReport{Resumed: list != nil, damaged: damaged, readBack: func(int64, int64) {}, lists: map[manifest.ID]bool{}, looks: d.state.entries}
	failedBefore := len(d.bays.Errors())
	if o.Withdraw.On {
		gone, drop, err := d.newGone()
		if err != nil {
			return nil, err
		}
		defer drop()
		report.gone, src.Hold = gone, true
	}
	defer d.stop()
	d.noReadBehind = o.NoReadBack
	if list != nil {
		report.continued = append(slices.Clone(list.head.Continues), list.copies.ID)
		for _, id := range report.continued {
			report.lists[id] = true
		}
		report.Before = d.goodOf(list)
		err = d.loadList(ctx, src, list, &o, report)
	}
	if err == nil {
		err = d.loadNew(ctx, src, &o, report)
	}
	report.SlowDisk, report.SlowDiskRate = d.slowest()
	rerr := d.endReadBack(ctx, report.readBack)
	if err == nil || errors.Is(rerr, disk.ErrLost) || errors.Is(rerr, ErrDoubted) { // a loss is told whatever else ended the load
		err = errors.Join(err, rerr)
	}
	if err == nil && report.Scan.Removable > 0 && o.Withdraw.On { // only once all of the load is safe
		err = d.withdraw(ctx, src, &o, report)
	}
	if errs := d.bays.Errors(); len(errs) > failedBefore {
		d.failures()
	}
	for _, e := range d.bays.Errors() {
		report.FailedDisks = append(report.FailedDisks, e.Error())
	}
	report.Status = d.lookBack(report)
	d.mu.Lock()
	defer d.mu.Unlock()
	if cerr := d.endJournal(); err == nil {
		err = cerr
	}
	if report.Scan.Root == "" && report.Entries+report.Lost == 0 { // it was refused
		return nil, err
	}
	return report, err
}

// goodOf counts the entries of a list that were loaded.
func (d *Device) goodOf(l *scanList) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if st := d.state.lists[l.copies.ID]; st != nil {
		return st.good
	}
	return 0
}

// loadNew scans and loads what is new or changed.
func (d *Device) loadNew(ctx context.Context, src *scan.Source, o *LoadOptions, report *LoadReport) error {
	so := o.scanOptions()
	so.Removed, so.MayRemove = report.goneTo(), func(r *scan.Report) error { return o.Withdraw.allows(r, report.Resumed) }
	so.Empty, so.Continued, so.Met = o.AllowEmpty || report.Resumed, report.continued, report.away.back
	list, err := d.makeList(ctx, src, so)
	if err != nil {
		return err
	}
	before := report.Scan
	report.Scan = list.tail.report()
	report.scanned()
	if report.Resumed {
		report.Scan.Replaced += before.Replaced
		report.Scan.ReplacedPaths = append(before.ReplacedPaths, report.Scan.ReplacedPaths...)
		report.Scan.Dropped += before.Dropped
		report.Scan.DroppedPaths = append(before.DroppedPaths, report.Scan.DroppedPaths...)
	}
	if n := report.Scan.Blocking; n > 0 && !o.AcceptFindings {
		d.removeList(list.copies.Name)
		what := "nothing was loaded"
		if report.Resumed {
			what = "what the load had begun with is loaded, and nothing that is new since"
		}
		return fmt.Errorf("%w: %s cannot be imported as they are; %s", ErrFindings, words.Count(n, "name or file", "names or files"), what)
	}
	if len(report.damaged) > 0 {
		if err := o.Begin(); err != nil {
			return err
		}
	}
	for _, l := range report.damaged {
		if err := d.giveUp(l, "a scan list was damaged; its source was scanned again"); err != nil {
			return err
		}
	}
	if list.tail.Count == 0 && d.loadedBefore(src) {
		d.removeList(list.copies.Name) // a list only says what is to be done
		return nil
	}
	return d.loadList(ctx, src, list, o, report)
}

// loadedBefore tells whether a list of the source is on the device.
func (d *Device) loadedBefore(src *scan.Source) bool {
	lists, err := d.findLists()
	return err == nil && slices.ContainsFunc(lists, func(l *scanList) bool {
		rel := l.head.RelationTo(src.Head())
		return (rel == scan.RelSame || rel == scan.RelUnknown) && l.broken == nil && d.state.begun(l.copies.ID)
	})
}

// loadList loads what a list has that is not committed.
func (d *Device) loadList(ctx context.Context, src *scan.Source, list *scanList, o *LoadOptions, report *LoadReport) error {
	if err := o.Begin(); err != nil {
		return err
	}
	what := "load-started"
	if d.state.begun(list.copies.ID) {
		what = "load-resumed"
		report.Scan = list.tail.report()
	}
	if err := d.event(what, filtersNote(&list.tail.Report), -1); err != nil {
		return err
	}
	if err := d.moveStaged(); err != nil { // it has room now
		return err
	}
	d.start(d.cfg.Workers) // until Load ends: what reads back beside looks at the writers
	report.lists[list.copies.ID] = true
	l := &loader{d: d, src: src, list: list, o: *o, report: report, whole: d.cfg.Job.Policy.FileDigest == "whole"}
	report.Plan = d.planOf(list)
	if o.Planned != nil {
		o.Planned(report.Plan)
	}
	l.total.TotalEntries, l.total.TotalBytes = list.tail.Count, list.tail.Bytes
	report.readBack = l.readBackProgress
	if err := l.remember(); err != nil {
		return err
	}
	err := l.run(ctx)
	l.tell()
	if err == nil && report.NoRoomCount > 0 {
		err = fmt.Errorf("%w: %s larger than what is free", disk.ErrFull, words.Count(report.NoRoomCount, "file is", "files are"))
	}
	return err
}

// failures journals which disks have failed; the log will say so. If that cannot
// be written any more the load's own error stands.
func (d *Device) failures() {
	for _, b := range d.bays {
		if b == nil || b.Failed() == nil || d.told[b.Number] {
			continue
		}
		d.told[b.Number] = true
		if d.event("disk-failed", words.Cause(b.Failed()), b.Number) != nil {
			return
		}
	}
}

// loader is one run of Load.
type loader struct {
	d      *Device
	src    *scan.Source
	list   *scanList
	o      LoadOptions
	report *LoadReport
	whole  bool

	entries atomic.Uint64
	bytes   atomic.Int64
	skipped atomic.Uint64
	known   atomic.Uint64

	fetch *fetch.Fetcher // of the source, while workers run
	files atWork
	total Progress

	mu sync.Mutex // report.Skipped, report.Scan
}

func (l *loader) run(ctx context.Context) error {
	stop := l.reportProgress()
	defer stop()
	done := l.committed()
	plan, err := l.plan(ctx, done)
	if err != nil {
		return err
	}
	if plan.flips > 0 {
		if err := l.flips(ctx, done); err != nil {
			return err
		}
		done = l.committed()
	}
	prior, release, err := l.priors(ctx, plan)
	if err != nil {
		return err
	}
	defer release()
	err = l.work(ctx, func(send func(unit) error) error { return l.units(ctx, done, prior, send) })
	if err != nil || plan.links == 0 {
		return err
	}
	return l.links(ctx)
}

// items gives the list's items until the load is told to stop.
func (l *loader) items(ctx context.Context, each func(n uint64, it *scan.Item) error) error {
	return l.d.items(l.list, func(n uint64, it *scan.Item) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return each(n, it)
	})
}

// unitsAhead is how many units wait for a worker, and may be read ahead.
const unitsAhead = 2

// work runs the workers over the units that produce sends.
func (l *loader) work(ctx context.Context, produce func(send func(unit) error) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l.fetch = fetch.New(l.src, l.src.Pace(), l.o.SourceConcurrency > 0, cmp.Or(l.o.SourceFiles, FetchFiles))
	defer l.fetch.Close()
	defer context.AfterFunc(ctx, l.fetch.Stop)()
	units := make(chan unit, unitsAhead)
	var wg sync.WaitGroup
	for range l.d.cfg.Workers {
		wg.Go(func() {
			w := newWorker(l)
			err := w.run(ctx, units)
			if cerr := w.close(); cerr != nil && (err == nil || errors.Is(err, ingest.ErrCloser)) {
				err = cerr
			}
			if err != nil {
				cancel(err)
			}
		})
	}
	err := produce(func(u unit) error {
		u.ahead = l.fetch.Ask(ctx, u.items)
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

// committed is a copy of what has been committed of the list so far; workers go
// on adding to the original.
func (l *loader) committed() *journal.Ranges {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	if st := l.d.state.lists[l.list.copies.ID]; st != nil {
		return st.done.Clone()
	}
	return nil
}
