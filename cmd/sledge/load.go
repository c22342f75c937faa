package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/firmware"
	"github.com/sledge-io/sledge/internal/progress"
	"github.com/sledge-io/sledge/internal/terminal"
	"github.com/sledge-io/sledge/manifest"
)

type loadReport struct {
	*appliance.LoadReport
	Scan    *scanReport    `json:"scan"`
	Skipped []namedSkipped `json:"skipped"`
	NoRoom  []name         `json:"no_room"`
	Failed  []string       `json:"failed_disks"`
	Slow    string         `json:"slowest_disk,omitempty"`
	Status  *diskStatus    `json:"status"`

	verbose bool
}

// namedSkipped is a skipped entry whose path survives JSON.
type namedSkipped struct {
	name
	Reason string `json:"reason"`
	Detail string `json:"detail"`
	Kept   bool   `json:"kept"` // a version that was loaded before is on the device
}

func newLoadReport(r *appliance.LoadReport, target string) *loadReport {
	l := &loadReport{LoadReport: r, Scan: newScanReport(&r.Scan, target), Skipped: []namedSkipped{}, NoRoom: namesOf(r.NoRoom),
		Failed: append([]string{}, r.FailedDisks...), Slow: escape(r.SlowDisk), Status: newDiskStatus(r.Status)}
	for _, s := range r.Skipped {
		l.Skipped = append(l.Skipped, namedSkipped{nameOf(s.Path), s.Reason, escape(s.Detail), s.Kept})
	}
	return l
}

func (r *loadReport) Print(w io.Writer) {
	r.figures(w)
	r.changes(w, r.Scan.Replaced, r.Scan.ReplacedPaths, "replaced", "changed in the source: the new version takes the place of the one on the device")
	r.changes(w, r.Scan.Dropped, r.Scan.DroppedPaths, "dropped", "not in the source any more, below what is no folder now: left out of the manifest")
	r.changes(w, r.Scan.Gone, r.Scan.GonePaths, "gone", r.gone())
	r.Scan.leftOut.print(w, r.Scan.Report)
	r.Status.Print(w)
	for i, s := range r.Skipped {
		if i == terminal.Most {
			terminal.More(w, r.SkippedCount, len(r.LoadReport.Skipped), "; sledge status --list names every one")
			break
		}
		what := "skipped"
		if s.Kept {
			what = "older version kept of"
		}
		fmt.Fprintf(w, "  %s %s: %s\n", what, shownName(s.Path), shown(reasonText(s.Reason, s.Detail)))
	}
	r.list(w, r.NoRoomCount, r.LoadReport.NoRoom, "no room for")
}

// gone says what has become of what is not in the source any more.
func (r *loadReport) gone() string {
	text := "not in the source any more: kept on the device"
	if r.Withdrawn > 0 {
		text = fmt.Sprintf("not in the source any more: %d withdrawn from the manifest", r.Withdrawn)
	}
	if r.WithdrawHeld > 0 {
		text += fmt.Sprintf(", %d kept because entries that stay need them, or they are there again, or they lay on another file system", r.WithdrawHeld)
	}
	if r.NotWithdrawn != "" {
		text += ", and nothing is withdrawn: " + r.NotWithdrawn
	}
	if r.Scan.RemoveHeld > 0 {
		text += fmt.Sprintf(", %d kept because their folder is empty now, or another file system", r.Scan.RemoveHeld)
	}
	return text
}

// figures prints what the load has made safe, and what it has not.
func (r *loadReport) figures(w io.Writer) {
	what := "loaded"
	if r.Resumed {
		what = "loaded (continued)"
	}
	fmt.Fprintf(w, "%s: %s, %s", what, plural(r.Entries, "entry"), size(r.Bytes))
	printIf(w, r.Before > 0, ", %d of them before this call", r.Before)
	printIf(w, r.KnownContent > 0, "; of %s only the record is new", plural(r.KnownContent, "file"))
	if r.Scan.Unchanged > 0 {
		when := "already"
		if r.Resumed {
			when = "before this load was begun"
		}
		fmt.Fprintf(w, "; %d on the device %s, unchanged", r.Scan.Unchanged, when)
	}
	fmt.Fprintln(w)
	printIf(w, r.Slow != "", "slowest disk %s, %s/s: the others waited for it\n", r.Slow, size(r.SlowDiskRate))
	printIf(w, r.Lost > 0, "NOT SAFE    %s, %s: written, and the disks do not give it back; keep the source\n", plural(r.Lost, "entry"), size(r.LostBytes))
}

// changes prints a line of what has happened to entries of earlier loads, and their
// names if they were asked for.
func (r *loadReport) changes(w io.Writer, count uint64, paths []string, mark, text string) {
	if count == 0 {
		return
	}
	fmt.Fprintf(w, "%-11s %s %s\n", mark, plural(count, "entry"), text)
	if r.verbose {
		r.list(w, count, paths, mark)
	}
}

func (r *loadReport) list(w io.Writer, count uint64, paths []string, mark string) {
	for i, p := range paths {
		if i == terminal.Most {
			break
		}
		fmt.Fprintf(w, "  %s %s\n", mark, shownName(p))
	}
	terminal.More(w, count, len(paths), "")
}

// work is an unlocked device at work: state folder, disks, appliance.
type work struct {
	*appliance.Device
	state *device
	done  []func()
}

func (w *work) close() {
	for i := len(w.done) - 1; i >= 0; i-- {
		w.done[i]()
	}
}

// openWork opens state folder, secret, job and disks for a verb that needs all
// of them, and asks the state for leave first.
func (a *app) openWork(event firmware.EventKind) (*work, error) {
	w := &work{}
	if err := a.fill(w, event); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (a *app) fill(w *work, event firmware.EventKind) (err error) {
	if err := firmware.HardenProcess(); err != nil {
		return err
	}
	if w.state, err = a.openDevice(true); err != nil {
		return err
	}
	w.done = append(w.done, func() { w.state.close() })
	key, err := a.leave(w.state, event)
	if err != nil {
		return err
	}
	job, file, err := w.state.job()
	if err != nil {
		return err
	}
	if err := needFiles("this command", appliance.LoadFiles(job)); err != nil {
		return err
	}
	disks, closeDisks, err := a.openMounted(false)
	if err != nil {
		return err
	}
	w.done = append(w.done, closeDisks)
	if w.Device, err = appliance.Open(a.config(w.state, job, file, disks), key); err != nil {
		return err
	}
	w.done = append(w.done, func() { w.Device.Close(); clear(key) }, func() { a.noteBad(w.BadDisks()) })
	for _, s := range w.BadDisks() {
		a.warn("%v", s.Err)
	}
	if event == firmware.EventLoadStart {
		a.warnMissing(w.Status())
	}
	return nil
}

// leave asks the state whether the event is allowed and gives the secret.
func (a *app) leave(d *device, event firmware.EventKind) ([]byte, error) {
	switch d.State() {
	case firmware.Provisioned:
		return nil, hint(needsSecret(d, event), "give the device its job first: sledge unlock --job job.dsse")
	case firmware.Locked:
		return nil, fmt.Errorf("device is locked: %w", firmware.ErrNoSecret)
	case firmware.Sealed:
		return nil, hintSealed(d, needsSecret(d, event))
	}
	key, err := a.secret(d)
	if err != nil {
		return nil, err
	}
	if err := d.Allows(event); err != nil {
		return nil, &hinted{Err: err, Hints: []string{"a load was not finished: run the same sledge load again; it goes on",
			"or, to seal what is on the disks now: sledge seal --incomplete, which the statement will say"}}
	}
	return key, nil
}

// needsSecret is the error of an event in a state without a secret. The state may allow
// the event: there is nothing to forget for a lock.
func needsSecret(d *device, event firmware.EventKind) error {
	if err := d.Allows(event); err != nil {
		return err
	}
	return d.Allows(firmware.EventLoadStart)
}

func (a *app) loadCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "load DIR...",
		Short: "load a folder onto the device; run again to resume",
		Long: `Read every entry of a folder once, and write it, encrypted and with parity, to the
disks. What is told as loaded is safe there. All names are checked against the target
first.

After an interruption, a power cut or a kill the same command goes on. A second load of
the same folder takes only what is new or changed. What cannot be read is named. It
never takes the place of a version that was loaded before.

Another card or disk at the same path is another source: load it with --as.`,
		Example: `  sledge load /srv/data --disk '/mnt/bay*'
  sledge load /srv/home --as home --disk '/mnt/bay*'
  sledge load /srv/a --as a /srv/b --as b --disk '/mnt/bay*'
  sledge load /srv/data --exclude '*.tmp' --exclude-caches --disk '/mnt/bay*'
  sledge load /media/card --as card2 --disk '/mnt/bay*'
  sledge load /media/card1 --source-moved /media/card --disk '/mnt/bay*'
  sledge load /srv/data --accept-findings --json 2>progress.jsonl`,
	}
	var f loadFlags
	flags := cmd.Flags()
	flags.StringArrayVar(&f.as, "as", nil, "put this folder before every path in the manifest; of several sources each has its own, in their order")
	flags.BoolVar(&f.accept, "accept-findings", false, "load although some names cannot be imported as they are")
	flags.BoolVar(&f.replace, "replace", false, "let files of another card or disk at the same path replace those that were loaded from there")
	flags.StringArrayVar(&f.moved, "source-moved", nil, "the folder is the one that was loaded, or begun, from this path; may be repeated")
	flags.BoolVar(&f.force, "force", false, "read all files again: their times cannot be trusted")
	flags.BoolVar(&f.unstable, "unstable-times", false, "take files whose times change at every look, by reading them twice")
	f.calls.add(flags)
	f.filters.add(flags)
	f.withdraw.add(flags)
	f.hooks.add(flags)
	flags.BoolVarP(&f.dryRun, "dry-run", "n", false, "say what would be loaded, and whether it fits; load nothing")
	addFindings(flags, &f.findings)
	f.timeout.add(flags)
	flags.BoolVar(&f.allowEmpty, "allow-empty", false, "load a folder without any entry")
	flags.BoolVar(&f.noReadBack, "no-read-back", false, "leave reading back what is written to \"sledge scrub --read-back\" or to the seal")
	flags.BoolVar(&f.abandon, "abandon", false, "give up the unfinished load of this folder; what is loaded of it stays")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "name what was replaced, dropped or is gone from the source, and by what two sources at one path were told apart")
	addProfiles(flags, &f.profiles)
	return a.verb(cmd, func(ctx context.Context, args []string) (report, error) {
		if f.abandon {
			return a.abandonAll(args, f.as)
		}
		return a.load(ctx, args, &f)
	})
}

type loadFlags struct {
	profiles, findings                                   string
	dryRun                                               bool
	as, moved                                            []string
	accept, replace, force, allowEmpty, abandon, verbose bool
	calls                                                concurrency
	filters                                              filters
	withdraw                                             withdraw
	hooks                                                snapshotHooks
	timeout                                              sourceTimeout
	noReadBack, unstable                                 bool
}

// load loads the folders, one after another.
func (a *app) load(ctx context.Context, folders []string, f *loadFlags) (report, error) {
	sources, err := sourcesOf(folders, f.as)
	if err != nil {
		return nil, err
	}
	for i, p := range sources {
		if err := a.checkApart(folders[i]); err != nil {
			return nil, err
		}
		if _, err := f.filters.of(p.Root, folders); err != nil {
			return nil, err
		}
	}
	if err := f.withdraw.check(); err != nil {
		return nil, err
	}
	l := &loading{a: a, f: f, folders: folders, sources: sources}
	return f.hooks.around(ctx, a, sources, func() (report, error) { return l.whole(ctx) })
}

// whole opens the device and loads the sources, which may be there only now.
func (l *loading) whole(ctx context.Context) (report, error) {
	if len(l.sources) == 1 {
		if err := checkSource(l.folders[0]); err != nil {
			return nil, err
		}
	}
	if err := l.open(); err != nil {
		return nil, err
	}
	defer l.w.close()
	var err error
	if l.findings, err = newFindingsFile(l.f.findings); err != nil {
		return nil, err
	}
	r, err := l.all(ctx)
	return r, errors.Join(err, l.findings.close())
}

// all loads the sources.
func (l *loading) all(ctx context.Context) (report, error) {
	sources := l.sources
	if len(sources) == 1 {
		return l.load(ctx, sources[0])
	}
	r := &sourcesReport{Sources: []*sourceReport{}}
	err := r.each(sources, func(p appliance.Place) (report, error) {
		if err := checkSource(p.Root); err != nil {
			return nil, err
		}
		return l.load(ctx, p)
	})
	return r, err
}

// loading is a device at work on sources.
type loading struct {
	a       *app
	f       *loadFlags
	folders []string
	sources []appliance.Place
	moved   []string
	w       *work
	job     *manifest.Job
	rules   scan.Rules

	findings *findingsFile
}

// open opens the device, and looks whether its job takes a load.
func (l *loading) open() (err error) {
	for _, m := range l.f.moved {
		full, err := filepath.Abs(m)
		if err != nil {
			return err
		}
		l.moved = append(l.moved, full)
	}
	if l.f.dryRun {
		l.w, err = l.a.openLooking()
	} else {
		l.w, err = l.a.openWork(firmware.EventLoadStart)
	}
	if err != nil {
		return err
	}
	if err = l.ready(); err != nil {
		l.w.close()
	}
	return err
}

func (l *loading) ready() (err error) {
	if l.job, _, err = l.w.state.job(); err != nil {
		return err
	}
	if err := l.a.checkJob(l.w.state, l.job); err != nil {
		return err
	}
	l.rules, err = rulesOf(l.job.Target, l.job.Policy, l.f.profiles)
	return err
}

// load loads one source.
func (l *loading) load(ctx context.Context, p appliance.Place) (report, error) {
	if l.f.dryRun {
		return l.preview(ctx, p)
	}
	o, end, err := l.options(p)
	if err != nil {
		return nil, err
	}
	defer end()
	defer yieldToWriters(l.job.Geometry.Disks)()
	done, err := l.w.Load(ctx, p.Root, o)
	end()
	err = errors.Join(hintTaken(err, l.moved), l.a.loadState(l.w))
	if done == nil {
		return refusedLoad(err, l.f.verbose), err
	}
	if errors.Is(err, appliance.ErrFindings) && done.Lost == 0 {
		return newScanReport(&done.Scan, l.job.Target.URL), err
	}
	r := newLoadReport(done, l.job.Target.URL)
	r.verbose = l.f.verbose
	return r, errors.Join(loadEnd(done, err), l.a.recordLoad(l.w.state, done))
}

// loadState has the device's state follow from whether some load has begun and not
// ended.
func (a *app) loadState(w *work) error {
	unfinished, err := w.Unfinished()
	switch {
	case err != nil:
		return err
	case len(unfinished) == 0 && w.state.State() == firmware.Loading:
		return a.apply(w.state, firmware.EventLoadEnd)
	case len(unfinished) > 0 && w.state.State() != firmware.Loading:
		return a.apply(w.state, firmware.EventLoadStart)
	}
	return nil
}

// abandonReport says what was given up.
type abandonReport struct {
	Root    string      `json:"root"`
	Entries uint64      `json:"entries"`  // that stay
	Given   uint64      `json:"given_up"` // that are not on the device
	Status  *diskStatus `json:"status"`
}

func (r *abandonReport) Print(w io.Writer) {
	fmt.Fprintf(w, "given up: the load of %s; %s of it stay on the device, %d were not loaded\n", escape(r.Root), plural(r.Entries, "entry"), r.Given)
	r.Status.Print(w)
}

func (a *app) abandonAll(folders, as []string) (report, error) {
	sources, err := sourcesOf(folders, as)
	if err != nil {
		return nil, err
	}
	if len(sources) > 1 {
		return nil, usagef("--abandon takes one folder")
	}
	return a.abandon(sources[0].Root, sources[0].As)
}

func (a *app) abandon(root, as string) (report, error) {
	full, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	w, err := a.openWork(firmware.EventLock)
	if err != nil {
		return nil, err
	}
	defer w.close()
	u, err := w.Abandon(full, as)
	if errors.Is(err, appliance.ErrNotFound) {
		return nil, nothingToAbandon(w.Device, full)
	}
	if err != nil {
		return nil, err
	}
	if err := a.loadState(w); err != nil {
		return nil, err
	}
	return &abandonReport{u.Root, u.Done, u.Count - u.Done, newDiskStatus(w.Status())}, nil
}

// yieldToWriters gives the runtime a processor more for each disk, until the
// returned function is called. A thread that blocks in a direct write keeps its
// processor until the runtime notices, up to 10 ms later; with one a core, hashing
// stands still meanwhile though its core is idle.
func yieldToWriters(disks int) (restore func()) {
	before := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(before + disks)
	return func() { runtime.GOMAXPROCS(before) }
}

func loadSample(p appliance.Progress) progress.Sample {
	if p.ToReadBack > 0 {
		return progress.Sample{Phase: "read back", Bytes: p.ReadBack, TotalBytes: p.ToReadBack}
	}
	s := progress.Sample{Phase: "load", Bytes: p.Bytes, TotalBytes: p.TotalBytes, Files: int64(p.Entries), TotalFiles: int64(p.TotalEntries), File: p.File, Slow: p.SlowDisk, SlowRate: p.SlowDiskRate}
	if p.Skipped > 0 {
		s.More = fmt.Sprintf("%d skipped", p.Skipped)
	}
	return s
}

// loadEnd is what a load that ran to its end has to confess.
func loadEnd(r *appliance.LoadReport, err error) error {
	if err != nil {
		return err
	}
	for _, disk := range r.FailedDisks {
		err = errors.Join(err, fmt.Errorf("%w: %s", errDegraded, disk))
	}
	if len(r.FailedDisks) == 0 && r.Status.Degraded > 0 {
		err = missingBays(r.Status.MissingBays, r.Status.Disks)
	}
	if r.SkippedCount > 0 {
		kept := ""
		if slices.ContainsFunc(r.Skipped, func(s appliance.SkippedEntry) bool { return s.Kept }) {
			kept = "; the older versions that are named above stay safe"
		}
		err = errors.Join(err, fmt.Errorf("%w: %s%s", errSkipped, plural(r.SkippedCount, "entry"), kept))
	}
	err = errors.Join(err, listedMissing(&r.Scan))
	if r.SkippedCount == 0 && r.Remarked > 0 {
		err = errors.Join(err, fmt.Errorf("%w: %s", errRemarks, plural(r.Remarked, "entry")))
	}
	return err
}
