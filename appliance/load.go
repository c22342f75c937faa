package appliance

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sledge-io/sledge/appliance/catalog"
	"github.com/sledge-io/sledge/internal/durable"
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
	AcceptFindings bool   // load although names cannot be imported as they are
	Force          bool   // read files again, whatever their times say
	UnstableTimes  bool   // files whose stat differs at every look are read twice, and taken if both readings agree
	Replace        bool   // committed versions may be replaced by those of another file system at the same path
	Moved          string // the path that the source was loaded from, or its load was begun from
	NoReadBack     bool   // leave reading back what is written to ReadBack and Seal
	AllowEmpty     bool   // a source without an entry is no mistake

	// Begin is called once, before the first change of the device; its error ends the
	// load. Nil is allowed.
	Begin        func() error
	Progress     func(Progress)
	ScanProgress func(ScanReport)
}

// Progress is a snapshot of a running load. Bytes and entries are those read;
// Safe ones are committed.
type Progress struct {
	Entries, TotalEntries uint64 // of the list that is loaded, as all that follows
	Bytes, TotalBytes     int64
	SafeEntries           uint64
	SafeBytes             int64
	Skipped               uint64
	File                  string // at work; one of them
	SlowDisk              string // the one that the others wait for, if there is one
	ReadBack, ToReadBack  int64  // bytes on disks, once all is loaded: what is committed is read back
}

// SkippedEntry is an entry that could not be loaded.
type SkippedEntry struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
	Detail string `json:"detail"`
	Kept   bool   `json:"kept"` // a version that was loaded before is on the device
}

// LoadReport is what a load did. Skipped and the scan's paths are capped; counts are
// exact.
type LoadReport struct {
	Scan         ScanReport     `json:"scan"` // the last one; counts of what was compared are of all scans
	Resumed      bool           `json:"resumed"`
	Entries      uint64         `json:"entries"` // loaded now, or before an interruption of this load
	Bytes        int64          `json:"bytes"`   // content of them
	SkippedCount uint64         `json:"skipped_count"`
	Skipped      []SkippedEntry `json:"skipped"`
	Remarked     uint64         `json:"remarked"`      // loaded, and not all of it: attributes, say
	KnownContent uint64         `json:"known_content"` // of the entries, files of which only the record is new: this call's
	NoRoomCount  uint64         `json:"no_room_count"`
	NoRoom       []string       `json:"-"` // files that are larger than what is free
	FailedDisks  []string       `json:"failed_disks"`
	Status       Status         `json:"status"`

	readBack func(done, total int64) // takes the progress of the read-back
	damaged  []*scanList             // whose sources are scanned again
	second   bool                    // the list of before is done, the new one is at work
	vanished uint64                  // of the skipped, those that were not there any more
}

const maxSkipped = 10000

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
	src, err := newSource(root, o.As, o.Tree)
	if err != nil {
		return nil, err
	}
	defer src.close()
	list, damaged, err := d.takeUp(src, &o)
	if err != nil {
		return nil, err
	}
	report := &LoadReport{Resumed: list != nil, damaged: damaged, readBack: func(int64, int64) {}}
	failedBefore := len(d.bays.errors())
	defer d.stop()
	d.noReadBehind = o.NoReadBack
	if list != nil {
		err = d.loadList(ctx, src, list, &o, report)
	}
	if err == nil {
		err = d.loadNew(ctx, src, &o, report)
	}
	if rerr := d.endReadBack(ctx, report.readBack); err == nil {
		err = rerr
	}
	if errs := d.bays.errors(); len(errs) > failedBefore {
		d.failures()
	}
	for _, e := range d.bays.errors() {
		report.FailedDisks = append(report.FailedDisks, e.Error())
	}
	report.Status = d.Status()
	d.mu.Lock()
	defer d.mu.Unlock()
	if cerr := d.endJournal(); err == nil {
		err = cerr
	}
	if report.Scan.Root == "" && report.Entries == 0 { // it was refused
		return nil, err
	}
	return report, err
}

// loadNew scans and loads what is new or changed.
func (d *Device) loadNew(ctx context.Context, src *source, o *LoadOptions, report *LoadReport) error {
	list, err := d.makeList(ctx, src, ScanOptions{As: o.As, Rules: o.Rules, Force: o.Force, Replace: o.Replace,
		Moved: o.Moved, Empty: o.AllowEmpty || report.Resumed, Progress: o.ScanProgress})
	if err != nil {
		return err
	}
	before := report.Scan
	report.Scan = list.tail.report()
	// The scan has listed again whatever had failed before and is there.
	report.SkippedCount, report.Remarked = report.vanished, 0
	report.Skipped = slices.DeleteFunc(report.Skipped, func(s SkippedEntry) bool { return s.Reason != vanished })
	if report.Resumed {
		report.Scan.Replaced += before.Replaced
		report.Scan.ReplacedPaths = append(before.ReplacedPaths, report.Scan.ReplacedPaths...)
		report.Scan.Dropped += before.Dropped
		report.Scan.DroppedPaths = append(before.DroppedPaths, report.Scan.DroppedPaths...)
	}
	if n := report.Scan.Blocking; n > 0 && !o.AcceptFindings {
		d.removeList(list.copies.name)
		what := "nothing was loaded"
		if report.Resumed {
			what = "what the load had begun with is loaded, and nothing that is new since"
		}
		return fmt.Errorf("%w: %d names or files cannot be imported as they are; %s", ErrFindings, n, what)
	}
	for _, l := range report.damaged {
		if err := d.giveUp(l, "a scan list was damaged; its source was scanned again"); err != nil {
			return err
		}
	}
	if list.tail.Count == 0 && d.loadedBefore(src) {
		d.removeList(list.copies.name) // a list only says what is to be done
		return nil
	}
	report.second = report.Resumed
	return d.loadList(ctx, src, list, o, report)
}

// loadedBefore tells whether a list of the source is on the device.
func (d *Device) loadedBefore(src *source) bool {
	lists, err := d.findLists()
	return err == nil && slices.ContainsFunc(lists, func(l *scanList) bool {
		rel := l.head.relation(src.head(), "")
		return (rel == relSame || rel == relUnknown) && l.broken == nil && d.state.begun(l.copies.id)
	})
}

// loadList loads what a list has that is not committed.
func (d *Device) loadList(ctx context.Context, src *source, list *scanList, o *LoadOptions, report *LoadReport) error {
	if o.Begin != nil {
		if err := o.Begin(); err != nil {
			return err
		}
	}
	what := "load-started"
	if d.state.begun(list.copies.id) {
		what = "load-resumed"
		report.Scan = list.tail.report()
	}
	if err := d.event(what, "", -1); err != nil {
		return err
	}
	d.start(d.cfg.Workers) // until Load ends: what reads back beside looks at the writers
	l := &loader{d: d, src: src, list: list, o: *o, report: report, whole: d.cfg.Job.Policy.FileDigest == "whole"}
	l.total.TotalEntries, l.total.TotalBytes = list.tail.Count, list.tail.Bytes
	report.readBack = l.readBackProgress
	if err := l.remember(); err != nil {
		return err
	}
	err := l.run(ctx)
	l.tell()
	if err == nil && report.NoRoomCount > 0 {
		err = fmt.Errorf("%w: %d files are larger than what is free", ErrFull, report.NoRoomCount)
	}
	return err
}

// remember takes from the journal what an earlier call could not load of the list.
func (l *loader) remember() error {
	st := l.d.state.lists[l.list.copies.id]
	if st == nil || st.skipped == 0 {
		return nil
	}
	l.skipped.Add(st.skipped)
	l.report.SkippedCount += st.skipped
	return l.d.eachListed(func(list manifest.ID, b []byte) error {
		if list != l.list.copies.id || len(l.report.Skipped) >= maxSkipped {
			return nil
		}
		kind, _, _, err := manifest.PeekRecord(b)
		if err != nil || kind != manifest.KindSkipped {
			return err
		}
		r, err := manifest.PeekHead(b)
		if err == nil && r.Reason == vanished {
			l.report.vanished++
		}
		if err == nil && r.Reason != catalog.Gone {
			l.report.Skipped = append(l.report.Skipped, SkippedEntry{Path: r.Path, Reason: r.Reason, Detail: r.Detail})
		}
		return err
	})
}

// tell puts what has become of the list into the report: what is committed, whoever
// committed it.
func (l *loader) tell() {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	if st := l.d.state.lists[l.list.copies.id]; st != nil {
		l.report.Entries += st.good - min(st.good, l.again.Load())
		l.report.Bytes += st.bytes - min(st.bytes, l.againBytes.Load())
		l.report.Remarked += st.remarked
		l.report.KnownContent += l.known.Load()
	}
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

// takeUp finds the unfinished list of the source, and lists of it that are damaged.
// Lists from which nothing was committed are removed: the source is scanned anew. An
// unfinished load of another source is ErrUnfinished.
func (d *Device) takeUp(src *source, o *LoadOptions) (own *scanList, damaged []*scanList, err error) {
	lists, err := d.findLists()
	if err != nil {
		return nil, nil, err
	}
	var useless []string
	for _, l := range lists {
		begun := d.state.begun(l.copies.id)
		rel := l.head.relation(src.head(), o.Moved)
		switch {
		case d.finished(l):
		case !begun:
			useless = append(useless, l.copies.name)
		case l.broken != nil && rel != relOther && rel != relMedium:
			damaged = append(damaged, l)
		case rel == relMedium && o.Moved != l.head.root() || rel == relOther:
			return nil, nil, d.errUnfinished(l)
		case rel == relSame && o.Moved == "":
			own = l
		default:
			if err := d.holds(src, l); err != nil {
				return nil, nil, err
			}
			own = l
		}
	}
	for _, name := range useless {
		d.removeList(name)
	}
	return own, damaged, nil
}

// holdsSample is how many of a list's files are looked for in the source that is to
// continue it.
const holdsSample = 64

// holds refuses a source that has not even half of what was loaded from a list:
// another medium at the path, nothing mounted there, or a wrong --source-moved.
func (d *Device) holds(src *source, l *scanList) error {
	st := d.state.lists[l.copies.id]
	var looked, found int
	err := d.items(l, func(n uint64, it *item) error {
		done := st != nil && st.done.has(n) || d.state.inProgress(l.copies.id, n)
		if it.kind != manifest.KindFile || !done {
			return nil
		}
		if now := src.stat(src.prefix + it.path[len(l.head.as()):]); now.kind == it.kind && now.size == it.size && now.mtime == it.mtime {
			found++
		}
		if looked++; looked == holdsSample {
			return errStopped
		}
		return nil
	})
	if err != nil && !errors.Is(err, errStopped) {
		return err
	}
	if looked > 0 && 2*found < looked {
		return fmt.Errorf("%w; %s has %d of %d files that were loaded from there", d.errUnfinished(l), src.root, found, looked)
	}
	return nil
}

func (d *Device) errUnfinished(l *scanList) *UnfinishedError {
	done := d.state.lists[l.copies.id].count()
	return &UnfinishedError{Root: l.head.root(), As: strings.TrimSuffix(l.head.as(), "/"), Done: done, Count: max(done, l.tail.Count)}
}

// UnfinishedError names the load that has not finished. It is ErrUnfinished.
type UnfinishedError struct {
	Root, As    string
	Done, Count uint64 // entries
}

func (e *UnfinishedError) Error() string {
	if e.Root == "" {
		return fmt.Sprintf("%v: that of a source whose list is damaged on every disk, with %d entries done", ErrUnfinished, e.Done)
	}
	return fmt.Sprintf("%v: that of %s, with %d of %d entries done", ErrUnfinished, e.Root, e.Done, e.Count)
}

// Is makes it ErrUnfinished.
func (e *UnfinishedError) Is(target error) bool { return target == ErrUnfinished }

// Unfinished lists the loads that have begun and not ended.
func (d *Device) Unfinished() ([]UnfinishedError, error) {
	lists, err := d.unfinished()
	if err != nil {
		return nil, err
	}
	var out []UnfinishedError
	for _, l := range lists {
		out = append(out, *d.errUnfinished(l))
	}
	return out, nil
}

// Abandon gives up the rest of an unfinished load. What is committed of it stays. The
// log says that a load was given up. A load whose list tells no source any more is
// given up whatever root says, if no other is meant.
func (d *Device) Abandon(root, as string) (*UnfinishedError, error) {
	lists, err := d.unfinished()
	if err != nil {
		return nil, err
	}
	var meant *scanList
	for _, l := range lists {
		switch {
		case l.head.root() == root && strings.TrimSuffix(l.head.as(), "/") == strings.Trim(as, "/"):
			meant = l
		case meant == nil && l.broken != nil && l.head.root() == "":
			meant = l
		}
	}
	if meant == nil {
		return nil, fmt.Errorf("no unfinished load of %s: %w", root, ErrNotFound)
	}
	u := d.errUnfinished(meant)
	return u, d.giveUp(meant, fmt.Sprintf("a load was given up: %d of %d entries are on the device", u.Done, u.Count))
}

// giveUp journals that the rest of a list is not loaded, and why.
func (d *Device) giveUp(l *scanList, why string) error {
	event, err := (&manifest.Event{Time: d.cfg.Now().UTC(), What: "note", Text: why, Bay: -1}).Encode()
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	m := &frameMessage{events: [][]byte{event}, abandoned: []manifest.ID{l.copies.id}}
	if err := d.appendFrame(nil, m); err != nil {
		return err
	}
	return errors.Join(d.state.add(m), d.endJournal())
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
	known   atomic.Uint64

	again      atomic.Uint64 // of a second list, records of what the first one has counted
	againBytes atomic.Int64

	file  atomic.Pointer[string] // at work
	total Progress

	mu sync.Mutex // report.Skipped, report.Scan
}

// prior gives the committed record whose content an item may still have.
type prior func(path string) (*manifest.Record, error)

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
func (l *loader) items(ctx context.Context, each func(n uint64, it *item) error) error {
	return l.d.items(l.list, func(n uint64, it *item) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return each(n, it)
	})
}

// loadPlan is what one look at the list finds.
type loadPlan struct {
	links, flips, reuse uint64
	paths               map[uint64]bool // hashes of the paths whose content may be known; nil: too many
	seed                maphash.Seed
}

// maxPaths bounds loadPlan.paths.
const maxPaths = 1 << 20

func (l *loader) plan(ctx context.Context, done *rangeSet) (*loadPlan, error) {
	p := &loadPlan{paths: map[uint64]bool{}, seed: maphash.MakeSeed()}
	err := l.items(ctx, func(n uint64, it *item) error {
		if it.kind == manifest.KindHardlink {
			p.links++
		}
		if done.has(n) {
			return nil
		}
		if it.flags&itemFlip != 0 {
			p.flips++
		}
		if it.flags&itemReuse == 0 || it.kind != manifest.KindFile {
			return nil
		}
		p.reuse++
		if p.paths != nil {
			p.paths[maphash.String(p.seed, it.path)] = true
		}
		if len(p.paths) > maxPaths {
			p.paths = nil
		}
		return nil
	})
	return p, err
}

// flips commits folders that take the place of something else before anything below
// them: until then that something is the path's entry.
func (l *loader) flips(ctx context.Context, done *rangeSet) error {
	w := newWorker(l)
	err := l.items(ctx, func(n uint64, it *item) error {
		if it.flags&itemFlip == 0 || it.kind != manifest.KindDir || done.has(n) {
			return nil
		}
		w.flip(n, it)
		l.entries.Add(1)
		if w.batch.full() {
			return w.flush()
		}
		return nil
	})
	if err == nil {
		err = w.flush()
	}
	if cerr := w.close(); cerr != nil && (err == nil || errors.Is(err, errCloser)) {
		err = cerr
	}
	return err
}

// priors gives, in the order of the list, the newest content of paths that the plan
// wants.
func (l *loader) priors(ctx context.Context, plan *loadPlan) (prior, func(), error) {
	if plan.reuse == 0 {
		return func(string) (*manifest.Record, error) { return nil, nil }, func() {}, nil
	}
	chains, done, err := l.chains(ctx, func(r *manifest.Record) bool {
		return hasContent(r.Kind) && (plan.paths == nil || plan.paths[maphash.String(plan.seed, r.Path)])
	})
	if err != nil {
		return nil, nil, err
	}
	next, stop := pull(chains)
	at := next()
	get := func(path string) (*manifest.Record, error) {
		var chain string
		for ; at.ok && at.key <= path; at = next() {
			if at.key == path {
				chain = at.value
			}
		}
		if at.err != nil || chain == "" {
			return nil, at.err
		}
		return decodeChain([]byte(chain))
	}
	return get, func() { stop(); done() }, nil
}

// units hands the list's items out, but for further names of hard links.
func (l *loader) units(ctx context.Context, done *rangeSet, prior prior, send func(unit) error) error {
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
	room := l.d.roomForFile()
	err := l.items(ctx, func(n uint64, it *item) error {
		if it.kind == manifest.KindHardlink {
			return nil
		}
		if done.has(n) {
			l.entries.Add(1)
			if it.kind == manifest.KindFile {
				l.bytes.Add(it.size)
			}
			return nil
		}
		if it.kind == manifest.KindFile && it.flags&itemReuse != 0 {
			var err error
			if it.prior, err = prior(it.path); err != nil {
				return err
			}
		}
		if it.kind == manifest.KindFile && it.prior == nil && it.size > room && !l.d.state.inProgress(l.list.copies.id, n) && l.src.needs(it.path) > room {
			l.noRoom(it)
			return flush()
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
}

// replaced notes a file whose size and time are those of the version on the device,
// and whose bytes are not.
func (l *loader) replaced(path string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.report.Scan.Replaced++
	l.report.Scan.ReplacedPaths = appendPath(l.report.Scan.ReplacedPaths, path)
}

// noRoom leaves a file out that cannot fit; the list stays unfinished.
func (l *loader) noRoom(it *item) {
	l.report.NoRoomCount++
	l.report.NoRoom = appendPath(l.report.NoRoom, it.path)
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
	carriers, done, err := l.carriers(ctx)
	if err != nil {
		return err
	}
	defer done()
	committed, room := l.committed(), l.d.roomForFile()
	next, stop := pull(carriers)
	defer stop()
	at := next()
	var b batch
	since := l.d.cfg.Now()
	return l.work(ctx, func(send func(unit) error) error {
		var prev *manifest.Record
		err := l.items(ctx, func(n uint64, it *item) error {
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
				if it.size > room && l.src.needs(it.path) > room {
					l.noRoom(it)
					return nil
				}
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
	if st := l.d.state.lists[l.list.copies.id]; st != nil {
		return &rangeSet{spans: slices.Clone(st.done.spans)}
	}
	return nil
}

// sameFile checks that the further name still is the file that was loaded.
func (l *loader) sameFile(it *item, r *manifest.Record) bool {
	now := l.src.stat(it.path)
	return now.kind == manifest.KindFile && now.ino == it.ino && now.size == r.Size && now.mtime == r.Mtime.UnixNano() && now.ctime == r.Ctime.UnixNano()
}

// carriers sorts the committed records that carry the data of link groups.
func (l *loader) carriers(ctx context.Context) (*extsort.Sorter, func(), error) {
	return l.chains(ctx, func(r *manifest.Record) bool { return r.Kind == manifest.KindFile && r.LinkGroup != 0 })
}

// chains sorts committed records by path, each with its continuations; of several of
// one path the newest is the last.
func (l *loader) chains(ctx context.Context, want func(*manifest.Record) bool) (*extsort.Sorter, func(), error) {
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
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r, err := manifest.PeekHead(b)
		if err != nil {
			return err
		}
		if r.Kind == manifest.KindContinuation {
			if keep {
				chain = appendChain(chain, b)
			}
			return nil
		}
		if err := flush(); err != nil {
			return err
		}
		if want(r) {
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
	if file := l.file.Load(); file != nil {
		p.File = *file
	}
	p.SlowDisk = l.d.bays.slowest()
	p.Entries, p.Bytes, p.Skipped = l.entries.Load(), l.bytes.Load(), l.skipped.Load()
	l.d.mu.Lock()
	if st := l.d.state.lists[l.list.copies.id]; st != nil {
		p.SafeEntries, p.SafeBytes = st.good, st.bytes
	}
	l.d.mu.Unlock()
	return p
}

func (l *loader) skip(it *item, reason, detail string) {
	l.skipped.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.report.SkippedCount++
	if reason == vanished {
		l.report.vanished++
	}
	if len(l.report.Skipped) < maxSkipped {
		l.report.Skipped = append(l.report.Skipped, SkippedEntry{Path: it.path, Reason: reason, Detail: detail, Kept: it.flags&itemKnown != 0})
	}
}

// vanished is the reason of what is not there any more.
const vanished = "vanished"

// isFull tells an error of a full disk from others. One that comes from fsync is no
// such error: what it was about is lost.
func isFull(err error) bool {
	return (errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)) && !errors.Is(err, durable.ErrDiskFailed)
}
