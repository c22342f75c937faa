package importer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// run is one start of an import.
type run struct {
	opts        Options
	source      Source
	target      Target
	planner     *planner
	journal     *journal
	calls       *caller
	header      header
	base        string // folder of this run in the state folder: "" for the first
	probe       ProbeReport
	conditional bool
	progress    progress

	partsResumed atomic.Int64
	leftUploads  atomic.Uint64

	cancel context.CancelFunc // stops the run: nothing new begins

	mu         sync.Mutex
	tally      Tally
	unfinished uint64
	inRow      int // objects given up in a row, over all workers
	halted     *Error
	said       sync.Mutex // one problem at a time
}

const stateVersion = 0

// Run imports the source into the target and proves it. It returns a Result
// whenever a run was begun, also beside an error: an error means that the run
// did not come to its end, because the operator has to act (Result.Halt, class
// Fixable), the context was cancelled, or the source or the state folder failed.
// Calling it again with the same options goes on. Cancelling ctx lets requests
// that are under way finish and begins no other.
func Run(ctx context.Context, source Source, target Target, opts Options) (*Result, error) {
	opts = opts.withDefaults()
	if err := opts.validate(); err != nil {
		return nil, err
	}
	runCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &run{opts: opts, source: source, target: target, tally: newTally(), cancel: cancel}
	r.progress.started = opts.Now()
	r.calls = &caller{
		limit:   newLimiter(opts.requests(), max(opts.Backoff, time.Millisecond)),
		retries: opts.Retries, backoff: opts.Backoff, timeout: opts.CallTimeout, stop: runCtx.Done(),
	}
	var err error
	if r.planner, err = newPlanner(opts, source.Scope()); err != nil {
		return nil, err
	}
	if opts.DryRun {
		return r.dry(runCtx)
	}
	if err := r.open(); err != nil {
		return nil, err
	}
	result, err := r.whole(ctx, runCtx)
	if closeErr := r.journal.close(); closeErr != nil && err == nil {
		err = closeErr
	}
	if err == nil && result.Halt != nil {
		err = result.Halt
	}
	return result, err
}

// open reads or begins the journal: the folder's own, or that of a later run,
// which knows nothing of what the one before has found.
func (r *run) open() (err error) {
	if r.journal, err = openJournal(r.opts.StateDir, ""); err != nil {
		return err
	}
	defer func() {
		if err != nil && r.journal != nil {
			r.journal.close()
		}
	}()
	if r.base, err = r.journal.elsewhere(r.recorded()); err != nil {
		return err
	}
	if r.base != "" {
		err := r.journal.close()
		if r.journal = nil; err != nil {
			return err
		}
		if r.journal, err = openJournal(r.opts.StateDir, r.base); err != nil {
			return err
		}
	}
	source := r.opts.Rand
	if source == nil {
		source = rand.Reader
	}
	h := header{Version: stateVersion, Options: r.recorded(), Secret: make([]byte, 32), Started: r.opts.Now().UTC(), Attempt: 1}
	if _, err := io.ReadFull(source, h.Secret); err != nil {
		return err
	}
	r.header, err = r.journal.begin(h)
	return err
}

func (r *run) recorded() runOptions {
	o, scope, cp := r.opts, r.source.Scope(), r.source.Checkpoint()
	return runOptions{
		Job: scope.Job.String(), Device: scope.Device.String(), Generation: scope.Generation,
		ManifestSize: cp.Size, ManifestRoot: cp.Root[:],
		Bucket: o.Bucket, Prefix: o.Prefix, Endpoint: o.Endpoint, Profile: o.Profile,
		Symlinks: o.Symlinks, Directories: o.Directories, MinProof: o.MinProof, ReadBack: o.ReadBack,
		AllowUnconditional: o.AllowUnconditional, RunID: o.RunID,
	}
}

// whole is a run from probe to receipts, with an open journal.
func (r *run) whole(ctx, runCtx context.Context) (*Result, error) {
	var end finished
	ended, err := r.journal.load(finishedKey, &end)
	if err != nil {
		return r.result(), err
	}
	if ended && end.Done && end.Tally.Bad() > 0 {
		// A finished run with failures is taken up again: a new attempt, with a
		// receipt log of its own, in which what failed is tried once more.
		r.header.Attempt++
		if err := r.journal.store(headerKey, r.header, true); err != nil {
			return r.result(), err
		}
		if err := r.journal.store(finishedKey, finished{}, true); err != nil {
			return r.result(), err
		}
		ended, end = false, finished{}
	}
	if !ended || end.At.IsZero() {
		if err := r.store(ctx, runCtx); err != nil {
			return r.result(), err
		}
		if r.halted != nil || r.unfinished > 0 {
			return r.result(), nil
		}
		end = finished{At: r.opts.Now().UTC(), Probe: r.probe.String(), Conditional: r.conditional, Tally: r.tally}
		if err := r.journal.store(finishedKey, end, true); err != nil {
			return r.result(), err
		}
	}
	r.tally = end.Tally
	result := r.result()
	result.Finished, result.Earlier = end.At, end.Done
	if err := r.receipts(ctx, &end, result); err != nil {
		return result, err
	}
	return result, nil
}

// store probes the target and brings every entry to an outcome.
func (r *run) store(ctx, runCtx context.Context) error {
	if err := r.look(runCtx); err != nil {
		if errors.Is(err, errStopped) || isCanceled(err) {
			return err
		}
		r.halt(asError(err))
		return nil
	}
	if t, ok := r.source.(Totaler); ok {
		if totals, err := t.Totals(); err == nil {
			r.progress.totalEntries = totals.Files + totals.Dirs + totals.Symlinks + totals.Hardlinks + totals.Skipped
			r.progress.totalBytes = int64(totals.Bytes)
		}
	}
	quit := r.tick()
	defer quit()

	work := make(chan *transfer)
	var workers sync.WaitGroup
	for range r.opts.Concurrency {
		workers.Go(func() {
			for t := range work {
				r.one(runCtx, t)
			}
		})
	}
	err := r.dispatch(runCtx, work)
	close(work)
	workers.Wait()
	switch {
	case r.halted != nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return err
}

// look probes the target and applies what was found.
func (r *run) look(ctx context.Context) (err error) {
	r.probe, err = probe(ctx, r.target, r.calls, r.opts.Prefix, r.opts.RunID)
	if err != nil {
		return err
	}
	r.opts.Log.Info("target probed", "report", r.probe.String())
	for _, key := range r.probe.Left {
		r.problem(newError(CodeProbeLeft, key, "it could not be removed", nil))
	}
	r.conditional = r.probe.Conditional()
	if !r.conditional && !r.opts.AllowUnconditional {
		return newError(CodeNoConditions, "", r.probe.String(), nil)
	}
	if r.header.Begun {
		return nil
	}
	r.header.Begun = true
	return r.journal.store(headerKey, r.header, true)
}

// dispatch hands each entry without an outcome to a worker, in manifest order.
func (r *run) dispatch(ctx context.Context, work chan<- *transfer) (err error) {
	past, err := r.journal.past()
	if err != nil {
		r.halt(asError(err))
		return errStopped
	}
	defer func() { err = errors.Join(err, past.close()) }()
	ordinal := uint64(0)
	return r.source.Entries(ctx, func(e Entry) error {
		n := ordinal
		ordinal++
		if ctx.Err() != nil {
			return errStopped
		}
		if e.Record == nil || len(e.Raw) == 0 {
			return fmt.Errorf("entry %d: the source gave no record", n)
		}
		var rec record
		var earlier pending
		ok, err := past.outcomes.load(n, &rec)
		begun, otherErr := past.uploads.load(n, &earlier)
		if err = errors.Join(err, otherErr); err != nil {
			r.halt(asError(err))
			return errStopped
		}
		if ok && rec.Outcome != OutcomeFailed && rec.Outcome != OutcomeConflict {
			r.count(e, rec)
			return nil
		}
		action, err := r.planner.plan(e)
		if err != nil {
			return r.done(n, e, failure(err), err)
		}
		if action.Kind == ActionNone {
			return r.done(n, e, record{Outcome: action.Outcome, Detail: action.Reason}, nil)
		}
		select {
		case work <- &transfer{run: r, ordinal: n, entry: e, action: action, begun: begun}:
			return nil
		case <-ctx.Done():
			return errStopped
		}
	})
}

// one brings one object to its outcome. Only an error of the object itself is an
// outcome; all others leave the entry for the next start.
func (r *run) one(ctx context.Context, t *transfer) {
	if r.calls.stopped() {
		r.leave()
		return
	}
	rec, err := r.object(ctx, t)
	switch {
	case err == nil && t.completed:
		err = t.forget()
	case err == nil:
		// Whatever upload is still known of is not needed any more.
		err = r.abort(ctx, t)
	}
	if err != nil {
		t.uncount()
	} else {
		t.count(t.action.Size - t.sent.Load())
	}
	switch {
	case err == nil:
		r.calm()
		err = r.done(t.ordinal, t.entry, rec, nil)
	case errors.Is(err, errStopped) || isCanceled(err):
		r.leave()
		return
	case isClass(err, FatalObject):
		if abortErr := r.abort(ctx, t); abortErr != nil {
			err = abortErr
			break
		}
		err = r.done(t.ordinal, t.entry, failure(err), err)
	}
	if err == nil || errors.Is(err, errStopped) {
		return
	}
	r.leave()
	e := asError(err)
	e = &Error{e.Code, t.action.Path, e.Cause, e.Remedy, e.Class, e.Unknown, e.Err}
	if e.Class == Fixable || r.giveUp() {
		r.halt(e)
		return
	}
	r.problem(e)
}

// failure is the outcome of an entry that cannot be stored.
func failure(err error) record {
	e := asError(err)
	rec := record{Outcome: OutcomeFailed, Code: e.Code, Detail: clip(e.Cause)}
	if e.Code == CodeConflict || e.Code == CodeCannotCompare {
		rec.Outcome = OutcomeConflict
	}
	return rec
}

// done journals an outcome, then counts it.
func (r *run) done(ordinal uint64, e Entry, rec record, err error) error {
	if err := r.journal.setOutcome(ordinal, rec); err != nil {
		r.halt(asError(err))
		return errStopped
	}
	if err != nil {
		failed := *asError(err)
		failed.Path = e.Record.Path
		r.problem(&failed)
	}
	r.count(e, rec)
	return nil
}

func (r *run) count(e Entry, rec record) {
	r.mu.Lock()
	r.tally.add(e, rec, e.Record.DataLength())
	r.mu.Unlock()
	r.progress.entries.Add(1)
	switch rec.Outcome {
	case OutcomeStored, OutcomeAlreadyThere:
		r.progress.objects.Add(1)
	case OutcomeFailed, OutcomeConflict:
		r.progress.failed.Add(1)
	}
}

func (r *run) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unfinished++
}

func (r *run) calm() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inRow = 0
}

// giveUp tells whether so many objects in a row found no patience enough that
// the target itself must be down.
func (r *run) giveUp() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inRow++
	return r.inRow >= max(4, r.opts.Concurrency)
}

// halt stops the run for the operator; the first reason counts.
func (r *run) halt(e *Error) {
	r.mu.Lock()
	first := r.halted == nil
	if first {
		r.halted = e
	}
	r.mu.Unlock()
	r.cancel()
	if first {
		r.problem(e)
	}
}

// problem names a failure to whoever watches.
func (r *run) problem(e *Error) {
	r.opts.Log.Warn(e.Error(), "code", e.Code, "class", e.Class.String(), "remedy", e.Remedy)
	if r.opts.Problem == nil {
		return
	}
	r.said.Lock()
	defer r.said.Unlock()
	r.opts.Problem(e)
}

func (r *run) result() *Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	res := &Result{
		RunID: r.attemptID(), Attempt: r.header.Attempt, Started: r.header.Started, Tally: r.tally, Unfinished: r.unfinished,
		LeftUploads: r.leftUploads.Load(), Retries: r.calls.retried.Load(), PartsKept: r.partsResumed.Load(),
		Probe: r.probe, Halt: r.halted,
	}
	res.Interrupted = r.halted == nil && r.calls.stopped()
	return res
}

// attemptID names the receipts: the run's id, and the number of a later attempt.
func (r *run) attemptID() string {
	if r.header.Attempt > 1 {
		return fmt.Sprintf("%s.%d", r.opts.RunID, r.header.Attempt)
	}
	return r.opts.RunID
}

// tick calls Progress every second until the returned function is called, and
// once more then.
func (r *run) tick() (quit func()) {
	if r.opts.Progress == nil {
		return func() {}
	}
	stop := make(chan struct{})
	var ticker sync.WaitGroup
	ticker.Go(func() {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				r.opts.Progress(r.snapshot())
			case <-stop:
				r.opts.Progress(r.snapshot())
				return
			}
		}
	})
	return func() {
		close(stop)
		ticker.Wait()
	}
}

func (r *run) snapshot() Progress {
	p := &r.progress
	return Progress{
		Entries: p.entries.Load(), TotalEntries: p.totalEntries, Objects: p.objects.Load(),
		Bytes: p.bytes.Load(), TotalBytes: p.totalBytes, Failed: p.failed.Load(),
		Retries: r.calls.retried.Load(), Requests: r.calls.limit.current(), Elapsed: r.opts.Now().Sub(p.started),
	}
}

// dry plans every entry and asks the target for one key, so that an absent
// target, a missing bucket or wrong credentials show. It writes nothing.
func (r *run) dry(ctx context.Context) (*Result, error) {
	r.header.Attempt, r.header.Started = 1, r.opts.Now().UTC()
	if err := present(ctx, r.calls, r.target, r.opts.Prefix+ProbePrefix+"dry-run"); err != nil && !IsNotFound(err) {
		r.halted = asError(err)
		res := r.result()
		res.DryRun = true
		return res, res.Halt
	}
	err := r.source.Entries(ctx, func(e Entry) error {
		rec := record{Outcome: OutcomeStored}
		action, err := r.planner.plan(e)
		if err != nil {
			rec = failure(err)
			r.problem(asError(err))
		} else if action.Kind == ActionNone {
			rec = record{Outcome: action.Outcome}
		}
		r.count(e, rec)
		return ctx.Err()
	})
	res := r.result()
	res.DryRun = true
	if t, ok := r.source.(Totaler); ok && err == nil {
		totals, err := t.Totals()
		if err != nil {
			return res, fmt.Errorf("the manifest's totals: %w", err)
		}
		res.Differences = reconcile(r.tally.Manifest, totals)
	}
	return res, err
}

// present asks for a key by GET. HEAD has no body, so only GET tells a missing
// key from a missing bucket.
func present(ctx context.Context, calls *caller, target Reader, key string) error {
	return calls.idempotent(ctx, 0, func(ctx context.Context) error {
		body, err := target.Get(ctx, key, "")
		if err != nil {
			return err
		}
		return body.Close()
	})
}
