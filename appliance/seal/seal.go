package seal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/manifest"
)

// Options say what a seal may do without.
type Options struct {
	Absent        []int  // bays whose disk is not here; its copy of the unlock wrap lives on
	WrapAnswer    string // the site's answer to the wrap check
	WrapUnchecked bool
	Degraded      bool // packs with lost shards stay as they are
	Incomplete    bool // the source has not been loaded whole
	Unverified    bool // what was never read back from the disks is not read now
	DeviceKey     string
	Ledger        disk.Ledger
	PageRecords   int                                           // records of a page at most; 0 is the format's bound
	IndexPages    int                                           // pages of an index pack at most; 0 is the format's bound
	Counted       func(skipped, remarked, givenUp uint64) error // called before the checkpoint is recorded; nil is none
	Stage         func(name string)
	ReadBack      func(done, total int64) // bytes of what is read back before the seal; nil is no progress
	Finish        func(done, total int64) // progress of what Finish does
}

// Result is what leaves the device.
type Result struct {
	Label      []byte
	Checkpoint []byte
	Statement  manifest.SealStatement
	Totals     manifest.Totals // of the manifest; zero if an earlier call wrote it
	Remarked   uint64          // entries whose last look failed, or did not get all
	Dropped    uint64          // versions below what is no folder any more
	GivenUp    uint64          // entries of loads that were given up
}

// ErrNeedsAnswer: the site has not yet confirmed that it can open the load key.
var ErrNeedsAnswer = errors.New("the site has not confirmed the load key")

// ErrIncomplete: the source has not been loaded whole.
var ErrIncomplete = errors.New("the load has not finished")

// ErrAbsent: a disk of the set is not here, and was not named as absent.
var ErrAbsent = errors.New("a disk of the set is missing")

// ErrDegraded: packs have lost shards.
var ErrDegraded = errors.New("some packs have lost shards")

// Run makes the generation of an open device final:
//
//  1. pages and index packs from the journal's records      crash: swept, made again under new ids
//  2. wraps and the log's files on every disk, fsynced       crash: made and written again
//  3. what the seal statement will say, on every disk        crash: replaced
//  4. size and root recorded in the ledger                   crash before: 1; after: Finish
//  5. statement and checkpoint signed and on every disk      crash: Finish writes the same bytes
//  6. journal removed, unlock wraps overwritten              crash: Finish goes on
//
// Before step 4 nothing is final and a repeated Run starts at 1.
func Run(ctx context.Context, c Config, open Opened, o Options) (*Result, error) {
	d := &sealing{cfg: c, bays: open.Bays, open: &open}
	check, err := d.mayBeSealed(&o)
	if err != nil {
		return nil, err
	}
	stage := o.Stage
	if stage == nil {
		stage = func(string) {}
	}
	stage("read-back")
	if err := d.readBefore(ctx, &o); err != nil {
		return nil, err
	}
	open.Start()
	defer open.Stop()
	if err := open.CloseJournal(); err != nil {
		return nil, err
	}
	// An attempt before this one may have left its index, a load its unfinished packs.
	if err := open.Sweep(); err != nil {
		return nil, err
	}
	stage("index")
	w := &indexWriter{d: d, ctx: ctx, pageRecords: cmp.Or(o.PageRecords, manifest.MaxPageRecords), indexPages: cmp.Or(o.IndexPages, manifest.MaxIndexPages)}
	defer w.close()
	if err := w.write(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if err := w.needed(); err != nil {
		return nil, err
	}
	if err := d.scanTotals(w); err != nil {
		return nil, err
	}
	stage("log")
	if err := d.completeJob(); err != nil { // a disk without room ends the seal before it is final
		return nil, err
	}
	list, err := d.sealWraps(check == wrapAnswered)
	if err != nil {
		return nil, err
	}
	size, root, degraded, err := d.writeLog(list, w, &o)
	if err != nil {
		return nil, err
	}
	if err := d.nothingFailed(o.Absent); err != nil {
		return nil, err
	}
	stage("read-back of the index")
	if err := d.readAfter(ctx, slices.Concat(w.packs, w.standIns), &o); err != nil {
		return nil, err
	}
	stage("statement")
	st := d.statement(size, root, degraded, check, &o)
	st.ScanComplete = st.ScanComplete && w.givenUp == 0
	plan := d.newPlan(st)
	if err := d.writePlan(plan); err != nil {
		return nil, err
	}
	if err := d.nothingFailed(o.Absent); err != nil {
		return nil, err
	}
	if err := open.CloseJournal(); err != nil { // of the index packs: finishSeal removes it
		return nil, err
	}
	if _, err := d.readLog(ctx, manifest.Checkpoint{Origin: d.cfg.Scope.Origin(), Size: size, Root: root}); err != nil {
		return nil, err
	}
	if o.Counted != nil {
		if err := o.Counted(w.totals.Skipped, w.remarked, w.givenUp); err != nil {
			return nil, err
		}
	}
	if err := o.Ledger.RecordCheckpoint(d.cfg.Scope.Origin(), size, root, plan.digest()); err != nil {
		return nil, err
	}
	stage("checkpoint")
	res, err := finishSeal(ctx, c, o.Ledger, FinishOptions{Absent: o.Absent, Progress: o.Finish})
	if res != nil {
		res.Totals, res.Remarked, res.Dropped, res.GivenUp = w.totals, w.remarked, w.dropped, w.givenUp
	}
	return res, err
}

// mayBeSealed applies the seal's conditions and returns how the wrap was checked.
func (d *sealing) mayBeSealed(o *Options) (string, error) {
	if o.Ledger == nil {
		return "", errors.New("seal without a ledger")
	}
	if err := d.open.Broken(); err != nil {
		return "", fmt.Errorf("the journal could not be written; open the device again: %w", err)
	}
	for _, n := range o.Absent {
		if n < 0 || n >= len(d.bays) {
			return "", fmt.Errorf("bay %d: %w: bays 0 to %d", n, disk.ErrNoBay, len(d.bays)-1)
		}
		if b := d.bays[n]; b != nil && b.Failed() == nil {
			return "", fmt.Errorf("bay %d: %w: %s; only a missing disk can be absent", n, disk.ErrBayHere, b.Disk.Name)
		}
	}
	if err := d.nothingFailed(o.Absent); err != nil {
		return "", err
	}
	if err := d.open.Complete(); err != nil && !(o.Incomplete && errors.Is(err, ErrIncomplete)) {
		return "", err
	}
	if o.WrapUnchecked {
		return "unchecked", nil
	}
	bundle, err := d.open.WrapCheck()
	if err != nil {
		return "", err
	}
	if o.WrapAnswer == "" {
		return "", ErrNeedsAnswer
	}
	if !manifest.SameWrapAnswer(o.WrapAnswer, manifest.WrapAnswer(d.open.LoadKey, bundle)) {
		return "", fmt.Errorf("the answer %q is not the site's answer for this device: %w", o.WrapAnswer, ErrNeedsAnswer)
	}
	return wrapAnswered, nil
}

// nothingFailed tells whether all bays but the named ones have a working disk.
func (d *sealing) nothingFailed(absent []int) error {
	if err := d.bays.Own(); err != nil {
		return err
	}
	var unnamed []int
	for _, n := range d.bays.Missing() {
		if !slices.Contains(absent, n) {
			unnamed = append(unnamed, n)
		}
	}
	if len(unnamed) == 0 {
		return nil
	}
	err := fmt.Errorf("%w: %s missing or failed", ErrAbsent, disk.BayList(unnamed))
	return errors.Join(append([]error{err}, d.bays.Errors()...)...)
}
