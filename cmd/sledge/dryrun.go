package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/firmware"
)

// previewReport is what a load would do.
type previewReport struct {
	Scan    *scanReport    `json:"scan"`
	Resumes bool           `json:"resumes"`
	Plan    appliance.Plan `json:"plan"`
	DryRun  bool           `json:"dry_run"`

	verbose bool
}

func (r *previewReport) Print(w io.Writer) {
	r.Scan.Print(w)
	what := "would load"
	if r.Resumes {
		what = "would go on"
	}
	fmt.Fprintf(w, "%-11s %s, %s; %d on the device already, unchanged\n", what, plural(r.Plan.Entries, "entry"), size(r.Plan.Bytes), r.Scan.Unchanged)
	l := &loadReport{LoadReport: &appliance.LoadReport{}, verbose: r.verbose}
	l.changes(w, r.Scan.Replaced, r.Scan.ReplacedPaths, "replaced", "changed in the source: the new version would take the place of the one on the device")
	l.changes(w, r.Scan.Dropped, r.Scan.DroppedPaths, "dropped", "not in the source any more, below what is no folder now: would be left out of the manifest")
	l.changes(w, r.Scan.Gone, r.Scan.GonePaths, "gone", "not in the source any more")
	printIf(w, r.Scan.Removable > 0, "withdraw    up to %s of them would leave the manifest\n", plural(r.Scan.Removable, "entry"))
	printPlan(w, r.Plan)
	fmt.Fprintln(w, "nothing was loaded: --dry-run")
}

// printPlan says whether it fits.
func printPlan(w io.Writer, p appliance.Plan) {
	fmt.Fprintf(w, "takes       at most %s on all disks together, %s of it metadata\n", size(p.OnDisks), size(p.Metadata))
	if p.Fits {
		fmt.Fprintf(w, "room        about %s: all of it fits\n", size(p.Room))
		return
	}
	fmt.Fprintf(w, "room        about %s: NOT all of it fits, unless enough is holes; the fullest disk is %s\n", size(p.Room), escape(p.Fullest))
}

// preview is a load with --dry-run.
func (l *loading) preview(ctx context.Context, p appliance.Place) (report, error) {
	o, end, err := l.options(p)
	if err != nil {
		return nil, err
	}
	defer end()
	done, err := l.w.Preview(ctx, p.Root, o)
	end()
	if err != nil {
		return refusedLoad(hintTaken(err, l.moved), l.f.verbose), hintTaken(err, l.moved)
	}
	r := &previewReport{Scan: newScanReport(&done.Scan, l.job.Target.URL), Resumes: done.Resumes, Plan: done.Plan, DryRun: true, verbose: l.f.verbose}
	if n := done.Scan.Blocking; n > 0 && !l.f.accept {
		err = fmt.Errorf("%w: %d of its names and files cannot be imported as they are", appliance.ErrFindings, n)
	}
	if !done.Plan.Fits {
		err = errors.Join(err, fmt.Errorf("%w: %s, and room for about %s", errNoFit, size(done.Plan.Bytes), size(done.Plan.Room)))
	}
	return r, errors.Join(err, listedMissing(&done.Scan))
}

// errNoFit: not all of the sources fits.
var errNoFit = fmt.Errorf("not all of it fits: %w", appliance.ErrFull)

// options are those of a load of one source; end ends its progress.
func (l *loading) options(p appliance.Place) (o appliance.LoadOptions, end func(), err error) {
	a, f := l.a, l.f
	filter, err := f.filters.of(p.Root, l.folders)
	if err != nil {
		return o, nil, err
	}
	m := a.meter("load")
	return appliance.LoadOptions{
		Withdraw: f.withdraw.limit,
		As:       p.As, Beside: l.sources, Rules: l.rules, AcceptFindings: f.accept, Replace: f.replace, Moved: l.moved, Force: f.force, UnstableTimes: f.unstable, SourceConcurrency: int(f.calls), SourceTimeout: time.Duration(f.timeout), SourceFiles: sourceFiles(l.job), AllowEmpty: f.allowEmpty, NoReadBack: f.noReadBack, Filter: filter,
		Begin:        func() error { return a.apply(l.w.state, firmware.EventLoadStart) },
		Progress:     func(p appliance.Progress) { m.Tell(loadSample(p)) },
		ScanProgress: func(r scan.Report) { m.Tell(scanSample(r)) },
		Found:        l.findings.of(p.Root),
		Planned:      l.planned,
	}, m.End, nil
}

// planned warns before the first byte of what does not fit.
func (l *loading) planned(p appliance.Plan) {
	if !p.Fits {
		l.a.warn("not all of it fits: %s to load, and room for about %s; the fullest disk is %s", size(p.Bytes), size(p.Room), p.Fullest)
	}
}

// openLooking opens an unlocked device whose disks are all good, and changes nothing on it.
func (a *app) openLooking() (*work, error) {
	a.looks = true // who asks hinders nobody
	w, named, err := a.look()
	if err != nil {
		return nil, err
	}
	if err := badDisks(named); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}
