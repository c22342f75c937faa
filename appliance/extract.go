package appliance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/manifest"
)

// ExtractOptions say what is extracted and how.
type ExtractOptions struct {
	Prefix   string // only paths that begin with it
	Owner    bool   // restore owner and group (needs the rights)
	Workers  int
	Progress func(entries uint64, bytes int64)
}

// ExtractReport is what an extraction did. An entry that fails never stops the others.
type ExtractReport struct {
	Entries  uint64   `json:"entries"`
	Bytes    int64    `json:"bytes"`
	Existing uint64   `json:"existing"` // there already with the same content
	Skipped  uint64   `json:"skipped"`  // records of entries that were never loaded
	Failed   uint64   `json:"failed"`
	Lost     uint64   `json:"lost"`       // of the failed: their bytes cannot be restored
	InTheWay uint64   `json:"in_the_way"` // of the failed: something else has the name
	Failures []string `json:"failures"`
	Warnings []string `json:"warnings"`
	Partial  bool     `json:"partial"` // the source had not been loaded whole when it was sealed
	Repaired uint64   `json:"repaired_blocks"`
}

// ErrInTheWay: the folder has other content under an entry's name.
var ErrInTheWay = errors.New("something else is there already")

// ErrSomeFailed: some entries could not be extracted; the report names them.
var ErrSomeFailed = errors.New("some entries failed")

// Extract writes the manifest's entries below a folder: files with holes, mode,
// times and extended attributes, links linked again. Nothing is overwritten: a
// file that is there is compared, and a different one is a failure of that entry.
// Nothing leaves the folder, whatever the names or links say. A repeated call
// goes on.
func (r *Reader) Extract(ctx context.Context, folder string, o ExtractOptions) (*ExtractReport, error) {
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	x := &extractor{r: r, root: root, base: folder, o: o, report: &ExtractReport{}, turns: make(chan struct{}, max(1, o.Workers)), cancel: cancel}
	err = x.run(ctx)
	if cause := context.Cause(ctx); err == nil && cause != nil {
		err = cause
	}
	x.report.Entries, x.report.Bytes = x.entries.Load(), x.bytes.Load()
	x.report.Repaired, _ = r.RepairedBlocks()
	x.report.Partial = r.totals.ScanEntries > r.totals.Entries()
	if err == nil && x.pages > 0 {
		err = fmt.Errorf("%w: %w: %d pages of the manifest with the names in them", ErrSomeFailed, ErrLost, x.pages)
	}
	if err == nil && x.report.Failed > 0 {
		err = x.failure()
	}
	return x.report, err
}

// failure is the error of the whole by the gravest of its entries'.
func (x *extractor) failure() error {
	r := x.report
	err := fmt.Errorf("%w: %d of %d", ErrSomeFailed, r.Failed, r.Failed+r.Entries)
	switch {
	case r.Lost > 0:
		return fmt.Errorf("%w: %d entries cannot be restored: %w", ErrLost, r.Lost, err)
	case r.InTheWay == r.Failed:
		return fmt.Errorf("%w: %w", ErrInTheWay, err)
	}
	return err
}

type extractor struct {
	r       *Reader
	root    *os.Root
	base    string
	o       ExtractOptions
	report  *ExtractReport
	turns   chan struct{} // who works holds one
	pages   int           // lost ones
	cancel  context.CancelCauseFunc
	mu      sync.Mutex
	entries atomic.Uint64
	bytes   atomic.Int64
	dirs    []*manifest.Record // metadata is set when their content is there
	links   bool               // hard links were seen; they come last

	pending      []written // guarded by mu
	pendingBytes int64
}

// maxDirs bounds the folders whose times are restored at the end; of more the
// first ones are done early and may show the time of extraction.
const maxDirs = 100000

// fail counts an entry that was not made. An error of the process's own is none of
// the entry's: it ends the whole.
func (x *extractor) fail(path string, err error) {
	if ownFault(err) {
		x.cancel(fmt.Errorf("%q: %w", path, err))
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.report.Failed++
	switch {
	case errors.Is(err, ErrLost):
		x.report.Lost++
	case errors.Is(err, fs.ErrExist):
		x.report.InTheWay++
	}
	if len(x.report.Failures) < maxSkipped {
		x.report.Failures = append(x.report.Failures, fmt.Sprintf("%q: %v", path, err))
	}
}

func (x *extractor) warn(text string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.report.Warnings) < 100 {
		x.report.Warnings = append(x.report.Warnings, text)
	}
}

// run makes folders and files first, then hard links, whose first names are all
// there by then.
func (x *extractor) run(ctx context.Context) error {
	for _, links := range []bool{false, true} {
		if links && !x.links {
			break
		}
		err := x.pass(ctx, links)
		if ferr := x.finish(); err == nil {
			err = ferr
		}
		if err != nil {
			return err
		}
	}
	for i := len(x.dirs) - 1; i >= 0; i-- {
		x.meta(x.dirs[i])
	}
	return x.sync()
}

// Entries go to the workers in runs: neighbours share folders and segments.
const (
	runEntries = 64
	runBytes   = 4 << 20
)

func (x *extractor) pass(ctx context.Context, links bool) error {
	work := make(chan []*manifest.Record, 8)
	var wg sync.WaitGroup
	for range cap(x.turns) {
		wg.Go(func() {
			w := &extractWorker{extractor: x, dir: openFolder{root: x.root}}
			defer w.dir.close()
			w.run(ctx, work)
		})
	}
	err := x.walk(ctx, links, func(run []*manifest.Record) error {
		select {
		case work <- run:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	close(work)
	wg.Wait()
	return err
}

// walk makes the folders and hands the other entries out.
func (x *extractor) walk(ctx context.Context, links bool, hand func(run []*manifest.Record) error) error {
	lost := func(page uint64, err error) error {
		if !links {
			x.pages++
			x.fail(fmt.Sprintf("page %d of the manifest", page), fmt.Errorf("its entries are lost, and their names: %w", err))
		}
		return nil
	}
	var run []*manifest.Record
	var size int64
	err := x.r.list(ctx, x.o.Prefix, lost, func(rec *manifest.Record) error {
		x.links = x.links || rec.Kind == manifest.KindHardlink
		switch {
		case (rec.Kind == manifest.KindHardlink) != links:
			return nil
		case rec.Kind == manifest.KindSkipped:
			x.report.Skipped++
			return nil
		case rec.Kind == manifest.KindDir:
			x.dir(rec)
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

// extractWorker makes one entry after another.
type extractWorker struct {
	*extractor
	dir openFolder // where it last was
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

func (x *extractor) dir(rec *manifest.Record) {
	if err := x.root.MkdirAll(filepath.FromSlash(rec.Path), 0o777); err != nil {
		x.fail(rec.Path, err)
		return
	}
	x.entries.Add(1)
	x.dirs = append(x.dirs, rec)
	if len(x.dirs) > maxDirs {
		x.meta(x.dirs[0])
		x.dirs = x.dirs[1:]
	}
}

func (w *extractWorker) symlink(rec *manifest.Record) error {
	name := filepath.FromSlash(rec.Path)
	if have, err := w.root.Readlink(name); err == nil && have == rec.Target {
		w.existing()
		return nil
	}
	dir, base := splitPath(rec.Path)
	fd, err := w.dir.open(dir)
	if err != nil {
		return err
	}
	if err := unix.Symlinkat(rec.Target, fd, base); err != nil {
		return &fs.PathError{Op: "symlink", Path: name, Err: err}
	}
	w.linkMeta(fd, base, rec)
	return nil
}

func (x *extractor) existing() {
	x.mu.Lock()
	x.report.Existing++
	x.mu.Unlock()
}

func (w *extractWorker) hardlink(ctx context.Context, rec *manifest.Record) error {
	first, name := filepath.FromSlash(rec.LinkTo), filepath.FromSlash(rec.Path)
	a, err := w.root.Lstat(first)
	if err != nil {
		return w.file(ctx, rec) // its first name was not extracted
	}
	if b, err := w.root.Lstat(name); err == nil && os.SameFile(a, b) {
		w.existing()
		return nil
	}
	if err := w.root.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	return w.root.Link(first, name)
}
