package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"github.com/spf13/pflag"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/internal/metrics"
	"github.com/sledge-io/sledge/internal/progress"
	"github.com/sledge-io/sledge/manifest"
)

// allFlags are those of several devices in one command.
type allFlags struct {
	all          bool
	parallel     int
	allowMissing []string

	crowd *crowd // while several devices are imported
}

func (f *allFlags) add(flags *pflag.FlagSet) {
	flags.BoolVar(&f.all, "all", false, "import all devices of a job: --disk names the disks of all of them")
	flags.IntVar(&f.parallel, "parallel", 1, "with --all: devices at once; memory, requests and --bwlimit are shared among them")
	flags.StringArrayVar(&f.allowMissing, "allow-missing", nil, "with --all: DEVICE of the job that is left out; may be repeated")
}

// checkAll refuses what makes no sense together, before anything is read.
func (f *importFlags) checkAll() error {
	switch {
	case !f.all && (f.parallel != 1 || len(f.allowMissing) > 0):
		return usagef("--parallel and --allow-missing are of --all")
	case !f.all && len(f.labels) > 1:
		return hint(usagef("%d labels, and one device", len(f.labels)), "several devices of a job are imported with --all")
	case !f.all && len(f.labels) == 1:
		f.label = f.labels[0]
	case f.parallel < 1 || f.parallel > 64:
		return usagef("--parallel %d: must be 1 to 64", f.parallel)
	case f.parallel > 1 && f.exclusive:
		return usagef("--exclusive-prefix says that nothing else writes below the prefix: devices side by side do")
	}
	return f.mustBeProven()
}

// importAll imports several devices of a job. What fails for one of them stops no
// other; the commit markers are written when all are whole.
func (a *app) importAll(ctx context.Context, f *importFlags) (report, error) {
	if err := f.prepare(a); err != nil {
		return nil, err
	}
	devices, err := a.findDevices(f)
	if err != nil {
		return nil, err
	}
	for _, d := range devices {
		defer d.close()
		a.openChain(f, d)
	}
	rep := &importAllReport{Missing: []string{}, DryRun: f.dry}
	if err := rep.agree(devices, f.allowMissing); err != nil {
		return nil, err
	}
	a.warnSurplus(f.site)
	err = a.importDevices(ctx, f, devices, rep)
	if rep.planned != nil {
		defer rep.planned.close()
	}
	if err != nil {
		return nil, err
	}
	return a.concludeAll(ctx, f, devices, rep)
}

// concludeAll draws the devices together. What fails there takes nothing away from what
// became of each of them.
func (a *app) concludeAll(ctx context.Context, f *importFlags, devices []*importDevice, rep *importAllReport) (report, error) {
	err := rep.unite(devices)
	if err == nil {
		err = a.estimateAll(ctx, f, devices, rep)
	}
	if err != nil {
		rep.Union.Complete = false
	}
	cleanUp(ctx, devices)
	rep.commit(ctx, devices)
	rep.hush(devices)
	return rep.end(devices, err)
}

// openChain verifies the chain of one device; what fails is the device's.
func (a *app) openChain(f *importFlags, d *importDevice) {
	chain := f.chainFlags
	chain.label, chain.noLabel = d.Label, d.Label == ""
	set, done, err := a.with(d.Disks).openSet(&chain)
	if err != nil {
		d.err = err
		return
	}
	d.set, d.closeDisks = set, done
	if set.Scope.Device != d.ID { // the headers lied
		d.err = fmt.Errorf("%w: its disks say so, and were sealed by device %s", appliance.ErrForeign, set.Scope.Device)
	}
}

// importDevices imports them, some at once.
func (a *app) importDevices(ctx context.Context, f *importFlags, devices []*importDevice, rep *importAllReport) error {
	own := *f
	own.parallel = min(f.parallel, len(devices))
	if err := own.needFiles(atOnce(devices, own.parallel)...); err != nil {
		return err
	}
	own.crowd = &crowd{sum: progress.NewSum(a.meter("import"), len(devices))}
	defer own.crowd.end()
	if f.dry {
		planned, err := newPlannedUnion(devices)
		if err != nil {
			return err
		}
		own.crowd.planned, rep.planned = planned, planned
	}
	if f.metrics != "" {
		var err error
		if own.crowd.metrics, err = metrics.Serve(ctx, f.metrics); err != nil {
			return err
		}
	}
	own.state = f.state
	for _, d := range devices {
		if own.state == "" && d.set != nil {
			own.state = "sledge-import-" + d.set.Job.ID.String()[:8]
		}
	}
	rep.State, rep.Parallel = own.state, own.parallel
	own.crowd.waiting.Store(int64(len(devices)))
	var work sync.WaitGroup
	turns := make(chan struct{}, own.parallel)
	for _, d := range devices {
		turns <- struct{}{}
		own.crowd.waiting.Add(-1)
		work.Go(func() {
			defer func() { <-turns }()
			if d.err == nil {
				d.err = a.importDevice(ctx, &own, d)
			}
		})
	}
	work.Wait()
	return nil
}

// atOnce are the disks of so many devices, the largest ones.
func atOnce(devices []*importDevice, n int) (disks []int) {
	for _, d := range devices {
		if d.set != nil {
			disks = append(disks, d.set.Job.Geometry.Disks)
		}
	}
	slices.Sort(disks)
	return disks[max(0, len(disks)-n):]
}

// importDevice imports one of several. Its state folder stays held until the end.
func (a *app) importDevice(ctx context.Context, f *importFlags, d *importDevice) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r, err := a.readerOf(&f.keyFlags, d.set, d.closeDisks)
	d.closeDisks = nil // the reader's
	if err != nil {
		return err
	}
	defer r.close()
	f.crowd.shareMemory(r.Reader)
	totals := r.Totals()
	d.totals = &totals
	ended, err := a.importReader(ctx, f, r, filepath.Join(f.state, d.short()))
	if err != nil {
		return err
	}
	d.ended = ended
	d.listen(ctx)
	return chainEnd(r.Set, ended.end)
}

// share gives a device its share of what several of them have together, and its
// name to what it logs.
func (f *importFlags) share(o *importer.Options, scope manifest.Scope) error {
	if f.crowd == nil {
		return nil
	}
	o.Log = o.Log.With("device", scope.Device.String()[:8])
	o.Behind = func() bool { return f.crowd.waiting.Load() > 0 }
	o.CleanUpLater = true // of all of them together
	n := f.parallel
	o.Memory, o.Concurrency = o.Memory/int64(n), max(1, o.Concurrency/n)
	o.Bandwidth = slices.Clone(o.Bandwidth)
	for i, slot := range o.Bandwidth {
		if slot.Bytes > 0 {
			o.Bandwidth[i].Bytes = max(1, slot.Bytes/int64(n))
		}
	}
	if err := o.Validate(); err != nil {
		return hint(usagef("--parallel: of %d devices at once each has that part of --memory %s: %w", n, f.memory, err), "give more --memory, or fewer devices at once")
	}
	return nil
}

// estimateAll measures the way to the target once, for all that is planned.
func (a *app) estimateAll(ctx context.Context, f *importFlags, devices []*importDevice, rep *importAllReport) (err error) {
	for _, d := range devices {
		if f.measure && d.ended != nil && rep.Union.Plan != nil {
			whole := d.ended.o
			whole.Concurrency = f.concurrency // of all devices, not of this one's part
			rep.Union.Estimate, err = a.estimate(ctx, d.ended.target, whole, rep.Union.Plan)
			return err
		}
	}
	return nil
}

// commit writes a marker for each device, if all of them are whole, and here to the end. Once
// one was let go, or the stop of its write was asked for, no other is written.
func (r *importAllReport) commit(ctx context.Context, devices []*importDevice) {
	if !r.Union.Complete {
		return
	}
	for _, d := range devices {
		if !d.hush() || slices.ContainsFunc(devices, (*importDevice).isLetGo) {
			r.Union.Complete = false
			return
		}
		var err error
		if d.ended.rep.Marker, err = d.ended.commit(ctx); err != nil {
			d.err = worst([]error{err, d.err})
			r.Union.Complete = false
		}
		if d.listen(ctx); isInterrupted(err) && ctx.Err() == nil {
			return
		}
	}
}
