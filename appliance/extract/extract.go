package extract

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/read"
	"github.com/sledge-io/sledge/manifest"
)

// Options say what is extracted and how.
type Options struct {
	Prefix   string // only paths that begin with it
	Owner    bool   // restore owner and group (needs the rights)
	Workers  int
	Progress func(entries uint64, bytes int64)
}

// Run writes the manifest's entries below a folder: files with holes, mode,
// times and extended attributes, links linked again. Nothing is overwritten: a
// file that is there is compared, and a different one is a failure of that entry.
// Nothing leaves the folder, whatever the names or links say. A repeated call
// goes on.
func Run(ctx context.Context, r *read.Reader, folder string, o Options) (*Report, error) {
	tree, err := openOutTree(folder)
	if err != nil {
		return nil, err
	}
	defer tree.close()
	return newExtractor(r, tree, o).extract(ctx)
}

func (x *extractor) extract(ctx context.Context) (*Report, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	x.cancel = cancel
	err := x.run(ctx)
	if cause := context.Cause(ctx); err == nil && cause != nil {
		err = cause
	}
	x.report.Entries, x.report.Bytes = x.entries.Load(), x.size.Load()
	x.report.Repaired, _ = x.r.RepairedBlocks()
	totals := x.r.Totals()
	x.report.Partial = totals.ScanEntries > totals.Entries()
	if err == nil && x.pages > 0 {
		err = fmt.Errorf("%w: %w: %d pages of the manifest with the names in them", ErrSomeFailed, disk.ErrLost, x.pages)
	}
	if err == nil && x.report.Failed > 0 {
		err = x.failure()
	}
	return x.report, err
}

// entryList is where an extraction has its records from.
type entryList interface {
	EachRecord(ctx context.Context, prefix string, lost func(page uint64, err error) error, f func(*manifest.Record) error) error
	Lookup(ctx context.Context, path string) (read.Entry, error)
}

type extractor struct {
	r       *read.Reader // of contents
	records entryList
	tree    *outTree
	temps   tempNames
	names   nameCalls
	links   *linker
	o       Options
	report  *Report
	turns   chan struct{} // who works holds one
	pages   int           // lost ones
	cancel  context.CancelCauseFunc
	mu      sync.Mutex
	entries atomic.Uint64
	bytes   atomic.Int64 // written so far, also of files that fail then
	size    atomic.Int64 // of the files that are there
	dirs    madeDirs     // attributes are set when their content is there
	hard    bool         // hard links were seen; they come last

	pending      []written // guarded by mu
	pendingBytes int64
}

func newExtractor(r *read.Reader, tree *outTree, o Options) *extractor {
	x := &extractor{r: r, records: r, tree: tree, temps: newTempNames(r.Checkpoint().Root), names: systemNames, links: newLinker(), o: o,
		dirs: madeDirs{limit: maxDirs}, report: &Report{Failures: []string{}, Warnings: []string{}, Attributes: []string{}}, turns: make(chan struct{}, max(1, o.Workers))}
	if !tree.locked {
		x.notice("the folder's file system has no locks for folders: no other extract may write into it, and what an interrupted one has left there (.sledge-*.part) is not removed")
	}
	return x
}

// run makes the entries, then sets the attributes of the folders, also of an extraction
// that has failed or was interrupted.
func (x *extractor) run(ctx context.Context) error {
	err := x.passes(ctx)
	if derr := x.dirs.restore(context.WithoutCancel(ctx), x); err == nil {
		err = derr
	}
	if serr := x.tree.syncAll(); err == nil {
		err = serr
	}
	return err
}

// passes makes folders and files first, then hard links, whose first names are all
// there by then, then those that waited for another one.
func (x *extractor) passes(ctx context.Context) error {
	err := x.pass(ctx, func(hand handOut) error { return x.walk(ctx, false, hand) })
	if err == nil && x.hard {
		err = x.pass(ctx, func(hand handOut) error { return x.walk(ctx, true, hand) })
	}
	if waiting := x.takeWaiting(); err == nil && len(waiting) > 0 {
		err = x.pass(ctx, func(hand handOut) error { return inRuns(waiting, hand) })
	}
	return err
}

// Entries go to the workers in runs: neighbours share folders and segments.
const (
	runEntries = 64
	runBytes   = 4 << 20
)

// handOut gives a run to a worker.
type handOut func(run []*manifest.Record) error

func inRuns(list []*manifest.Record, hand handOut) error {
	for run := range slices.Chunk(list, runEntries) {
		if err := hand(run); err != nil {
			return err
		}
	}
	return nil
}

// pass makes what feed hands out, and gives every file its name.
func (x *extractor) pass(ctx context.Context, feed func(hand handOut) error) error {
	work := make(chan []*manifest.Record, 8)
	var wg sync.WaitGroup
	for range cap(x.turns) {
		wg.Go(func() {
			w := x.worker()
			defer w.close()
			w.run(ctx, work)
		})
	}
	err := feed(func(run []*manifest.Record) error {
		select {
		case work <- run:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	close(work)
	wg.Wait()
	if ferr := x.finish(); err == nil {
		err = ferr
	}
	if err == nil {
		err = context.Cause(ctx)
	}
	return err
}

// walk makes the folders and hands the other entries out.
func (x *extractor) walk(ctx context.Context, links bool, hand handOut) error {
	lost := func(page uint64, err error) error {
		if !links {
			x.pages++
			x.fail(fmt.Sprintf("page %d of the manifest", page), fmt.Errorf("its entries are lost, and their names: %w", err))
		}
		return nil
	}
	var run []*manifest.Record
	var size int64
	var above lineage
	var folders aboves
	if !links {
		x.above(ctx, ".")
	}
	err := x.records.EachRecord(ctx, x.o.Prefix, lost, func(rec *manifest.Record) error {
		x.hard = x.hard || rec.Kind == manifest.KindHardlink
		parent := above.next(rec)
		if !links && parent == nil && rec.Kind != manifest.KindSkipped {
			for _, dir := range folders.next(rec) {
				x.above(ctx, dir)
			}
		}
		if (rec.Kind == manifest.KindHardlink) != links {
			return nil
		}
		if rec.Remark != "" {
			x.report.Remarks++
		}
		switch {
		case rec.Kind == manifest.KindSkipped:
			x.report.Skipped++
			return nil
		case parent != nil:
			x.fail(rec.Path, fmt.Errorf("the manifest has %q as a %s, so that nothing can be below it", parent.path, parent.kind))
			return nil
		case rec.Kind == manifest.KindDir:
			x.dir(ctx, rec)
			return nil
		}
		run, size = append(run, rec), size+rec.Size
		if len(run) < runEntries && size < runBytes {
			return nil
		}
		full := run
		run, size = nil, 0
		return hand(full)
	})
	if err == nil && len(run) > 0 {
		err = hand(run)
	}
	return err
}

// lineage finds entries below a path that is no folder, as devices may have them that
// were loaded again after a folder had become something else. Records come in order,
// so that what may have entries below it are prefixes of one path.
type lineage struct{ open []ancestor }

type ancestor struct {
	path string
	kind manifest.Kind
}

// next takes the next record and returns the nearest entry above that is no folder.
func (l *lineage) next(rec *manifest.Record) (above *ancestor) {
	key := rec.OrderKey()
	for n := len(l.open); n > 0 && !l.open[n-1].mayHold(key); n-- {
		l.open = l.open[:n-1]
	}
	for i := len(l.open) - 1; i >= 0 && above == nil; i-- {
		if a := l.open[i]; key[len(a.path)] == '/' {
			above = &a
		}
	}
	if rec.Kind != manifest.KindDir && rec.Kind != manifest.KindSkipped {
		l.open = append(l.open, ancestor{rec.Path, rec.Kind})
	}
	return above
}

// mayHold reports whether keys below a may follow, key being the newest.
func (a ancestor) mayHold(key string) bool {
	return len(key) > len(a.path) && key[:len(a.path)] == a.path && key[len(a.path)] <= '/'
}

// extractWorker makes one entry after another.
type extractWorker struct {
	*extractor
	dir  openFolder // where it last was
	from openFolder // where it last found a carrier
}

func (x *extractor) worker() *extractWorker {
	return &extractWorker{extractor: x, dir: openFolder{tree: x.tree}, from: openFolder{tree: x.tree}}
}

func (w *extractWorker) close() {
	w.dir.close()
	w.from.close()
}

// run makes entries while it has a turn, which it gives away while it has nothing
// to do.
func (w *extractWorker) run(ctx context.Context, work <-chan []*manifest.Record) {
	w.turns <- struct{}{}
	defer func() { <-w.turns }()
	for {
		run, ok := w.next(work)
		if !ok {
			return
		}
		for _, rec := range run {
			w.entry(ctx, rec)
		}
	}
}

func (w *extractWorker) next(work <-chan []*manifest.Record) (run []*manifest.Record, ok bool) {
	select {
	case run, ok = <-work:
	default:
		w.pause(func() { run, ok = <-work })
	}
	return run, ok
}

// pause calls f while somebody else may have the turn.
func (w *extractWorker) pause(f func()) {
	<-w.turns
	f()
	w.turns <- struct{}{}
}

// share calls f, and calls it again beside, from others, whenever one of the
// workers has nothing to do. f works until there is nothing left.
func (x *extractor) share(f func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range cap(x.turns) - 1 {
		wg.Go(func() {
			select {
			case x.turns <- struct{}{}:
				f()
				<-x.turns
			case <-done:
			}
		})
	}
	f()
	close(done)
	wg.Wait()
}

func (w *extractWorker) entry(ctx context.Context, rec *manifest.Record) {
	var err error
	switch rec.Kind {
	case manifest.KindSymlink:
		err = w.symlink(rec)
	case manifest.KindHardlink:
		err = w.hardlink(ctx, rec)
	default:
		err = w.file(ctx, rec)
	}
	if err == errLater {
		return
	}
	if err != nil {
		w.fail(rec.Path, err)
		return
	}
	if n := w.entries.Add(1); n%64 == 0 {
		w.progress()
	}
}

func (x *extractor) progress() {
	if x.o.Progress != nil {
		x.o.Progress(x.entries.Load(), x.bytes.Load())
	}
}

func (w *extractWorker) symlink(rec *manifest.Record) error {
	dir, base := splitPath(rec.Path)
	fd, err := w.dir.make(dir)
	if err != nil {
		return err
	}
	err = unix.Symlinkat(rec.Target, fd, base)
	w.dir.named = w.dir.named || err == nil || err == unix.EEXIST
	if err == unix.EEXIST && isSymlinkTo(fd, base, rec.Target) {
		w.existing()
		err = nil // a run that was cut off may have left it without attributes
	}
	if err != nil {
		return &fs.PathError{Op: "symlink", Path: rec.Path, Err: err}
	}
	w.linkMeta(fd, base, rec)
	return nil
}

func isSymlinkTo(dir int, base, target string) bool {
	have := make([]byte, len(target)+1)
	n, err := unix.Readlinkat(dir, base, have)
	return err == nil && string(have[:n]) == target
}
