package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/firmware"
	"github.com/sledge-io/sledge/internal/progress"
	"github.com/sledge-io/sledge/internal/terminal"
)

type loadReport struct {
	*appliance.LoadReport
	Scan    *scanReport    `json:"scan"`
	Skipped []namedSkipped `json:"skipped"`
	NoRoom  []name         `json:"no_room"`
	Failed  []string       `json:"failed_disks"`
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
		Failed: append([]string{}, r.FailedDisks...), Status: newDiskStatus(r.Status)}
	for _, s := range r.Skipped {
		l.Skipped = append(l.Skipped, namedSkipped{nameOf(s.Path), s.Reason, escape(s.Detail), s.Kept})
	}
	return l
}

func (r *loadReport) Print(w io.Writer) {
	r.figures(w)
	r.changes(w, r.Scan.Replaced, r.Scan.ReplacedPaths, "replaced", "changed in the source: the new version takes the place of the one on the device")
	r.changes(w, r.Scan.Dropped, r.Scan.DroppedPaths, "dropped", "not in the source any more, below what is no folder now: left out of the manifest")
	r.changes(w, r.Scan.Gone, r.Scan.GonePaths, "gone", "not in the source any more: kept on the device")
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
		Use:   "load DIR",
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
  sledge load /media/card --as card2 --disk '/mnt/bay*'
  sledge load /media/card1 --source-moved /media/card --disk '/mnt/bay*'
  sledge load /srv/data --accept-findings --json 2>progress.jsonl`,
	}
	var f loadFlags
	flags := cmd.Flags()
	flags.StringVar(&f.as, "as", "", "put this folder before every path in the manifest")
	flags.BoolVar(&f.accept, "accept-findings", false, "load although some names cannot be imported as they are")
	flags.BoolVar(&f.replace, "replace", false, "let files of another card or disk at the same path replace those that were loaded from there")
	flags.StringArrayVar(&f.moved, "source-moved", nil, "the folder is the one that was loaded, or begun, from this path; may be repeated")
	flags.BoolVar(&f.force, "force", false, "read all files again: their times cannot be trusted")
	flags.BoolVar(&f.unstable, "unstable-times", false, "take files whose times change at every look, by reading them twice")
	f.calls.add(flags)
	f.timeout.add(flags)
	flags.BoolVar(&f.allowEmpty, "allow-empty", false, "load a folder without any entry")
	flags.BoolVar(&f.noReadBack, "no-read-back", false, "leave reading back what is written to \"sledge scrub --read-back\" or to the seal")
	flags.BoolVar(&f.abandon, "abandon", false, "give up the unfinished load of this folder; what is loaded of it stays")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "name what was replaced, dropped or is gone from the source, and by what two sources at one path were told apart")
	addProfiles(flags, &f.profiles)
	return a.verb(cmd, func(ctx context.Context, args []string) (report, error) {
		if f.abandon {
			return a.abandon(args[0], f.as)
		}
		return a.load(ctx, args[0], &f)
	})
}

type loadFlags struct {
	as, profiles                                         string
	moved                                                []string
	accept, replace, force, allowEmpty, abandon, verbose bool
	calls                                                concurrency
	timeout                                              sourceTimeout
	noReadBack, unstable                                 bool
}

func (a *app) load(ctx context.Context, root string, f *loadFlags) (report, error) {
	if err := checkSource(root); err != nil {
		return nil, err
	}
	if err := a.checkApart(root); err != nil {
		return nil, err
	}
	var moved []string
	for _, m := range f.moved {
		full, err := filepath.Abs(m)
		if err != nil {
			return nil, err
		}
		moved = append(moved, full)
	}
	w, err := a.openWork(firmware.EventLoadStart)
	if err != nil {
		return nil, err
	}
	defer w.close()
	job, _, err := w.state.job()
	if err != nil {
		return nil, err
	}
	if err := a.checkJob(w.state, job); err != nil {
		return nil, err
	}
	rules, err := rulesOf(job.Target, job.Policy, f.profiles)
	if err != nil {
		return nil, err
	}
	m := a.meter("load")
	defer m.End()
	defer yieldToWriters(job.Geometry.Disks)()
	done, err := w.Load(ctx, root, appliance.LoadOptions{
		As: f.as, Rules: rules, AcceptFindings: f.accept, Replace: f.replace, Moved: moved, Force: f.force, UnstableTimes: f.unstable, SourceConcurrency: int(f.calls), SourceTimeout: time.Duration(f.timeout), SourceFiles: sourceFiles(job), AllowEmpty: f.allowEmpty, NoReadBack: f.noReadBack,
		Begin:        func() error { return a.apply(w.state, firmware.EventLoadStart) },
		Progress:     func(p appliance.Progress) { m.Tell(loadSample(p)) },
		ScanProgress: func(r scan.Report) { m.Tell(scanSample(r)) },
	})
	m.End()
	err = errors.Join(hintTaken(err, moved), a.loadState(w))
	if done == nil {
		return refusedLoad(err, f.verbose), err
	}
	if errors.Is(err, appliance.ErrFindings) && done.Lost == 0 {
		return newScanReport(&done.Scan, job.Target.URL), err
	}
	r := newLoadReport(done, job.Target.URL)
	r.verbose = f.verbose
	return r, loadEnd(done, err)
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
	s := progress.Sample{Phase: "load", Bytes: p.Bytes, TotalBytes: p.TotalBytes, Files: int64(p.Entries), TotalFiles: int64(p.TotalEntries), File: p.File, Slow: p.SlowDisk}
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
	if r.SkippedCount == 0 && r.Remarked > 0 {
		err = errors.Join(err, fmt.Errorf("%w: %s", errRemarks, plural(r.Remarked, "entry")))
	}
	return err
}
