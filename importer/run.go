package importer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
)

// run is one start of an import.
type run struct {
	opts        Options
	source      entry.Source
	target      target.Target
	planner     *plan.Planner
	outlook     *plan.Checked
	journal     *journal
	mirror      *mirror // nil: the journal is in the state folder alone
	former      *mirror // of a run that has ended and cleared it: only its commit marker asks there
	calls       *request.Caller
	ours        func() error // CodeTakenOver once another process has this run
	teller      *teller
	header      header
	ended       finished // how an earlier start has ended; zero if it has not
	base        string   // folder of this run in the state folder: "" for the first
	probe       probe.Report
	conditional bool // of both kinds of write
	progress    status.Counter

	partsResumed atomic.Int64
	uploadsLeft  uploadsLeft
	noSeenDelete atomic.Bool // the store takes no condition of a delete
	joinsSaid    atomic.Bool // that a stop waits for Completes was told

	cancel context.CancelFunc // stops the run: nothing new begins
	asked  atomic.Bool        // an operator has asked for that
	hasty  atomic.Bool        // what is under way is made again by the next start: it needs no long grace

	kept     keptAttributes
	refusals refusals
	tried    triedAttributes
	unmarked bool // the target's journal had lost our leases

	witnessed bool // a cancel has seen the run's marker
	rechecks  sync.Mutex

	mu         sync.Mutex
	tally      entry.Tally
	passes     int
	keptKeys   []string      // of probes, to be removed when their retention is over
	withheld   []string      // left by the first look's probes, not named yet; nil: each is named at once
	trail      probe.Trail   // of these probes
	unfinished uint64        // entries that this pass has left
	lost       uint64        // pages that could not be read
	left       *target.Error // why one of them was left
	leftKeys   uint64        // of these, entries whose key alone is refused
	inRow      int           // objects given up in a row, over all workers
	held       uint64        // objects that are uploaded and not published
	publishing bool
	canceling  bool
	halted     *target.Error
	rechecked  *receipt.Recheck // the last one of this start
	haltedAt   time.Time        // since when the operator is waited for
	look       time.Duration    // until the next look whether it is mended
	waitsFor   target.Code      // of the last halt
	problems   map[target.Code]uint64
	ofLook     map[target.Code]uint64 // of these, met by a start of a run that has ended while it looked: they are not the run's
	heard      time.Time              // Control.At of the operator's last word that was obeyed
	lateWait   string                 // what the run waits with once it is over but for that
	found      atomic.Bool            // what earlier starts have stored is in the target
	unsettled  atomic.Bool            // an object was sent, and the journal has not its outcome, or a failure
	said       sync.Mutex             // one problem at a time
}

const stateVersion = 0

// ErrCommitted refuses to go on with a run whose commit marker says that its end is
// proven, and that has not ended in this state folder (Options.Committed).
var ErrCommitted = errors.New("the run is committed, and has not ended in this state folder")

// Run imports the source into the target and proves it. It returns a Result
// whenever a run was begun, also beside an error: an error means that the run
// did not come to its end, because the operator has to act (Result.Halt, class
// Fixable), the context was cancelled, or the source or the state folder failed.
// Calling it again with the same options goes on. Cancelling ctx begins no other request, and
// gives those that are under way three seconds to finish.
func Run(ctx context.Context, source entry.Source, target target.Target, opts Options) (*Result, error) {
	r, runCtx, err := newRun(ctx, source, target, opts)
	if err != nil {
		return nil, err
	}
	defer r.cancel()
	if err := r.opts.Rules.CheckUntil(r.opts.Now()); err != nil {
		return nil, err
	}
	if r.opts.DryRun {
		return r.dry(runCtx)
	}
	switch err := r.open(runCtx); {
	case errors.Is(err, request.ErrStopped) && r.haltedBy() != nil:
		return nil, r.haltedBy() // another process has it
	case errors.Is(err, request.ErrStopped) && ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, request.ErrStopped):
		return r.result(), nil // by the operator, before anything was begun
	case err != nil:
		return nil, err
	}
	end, unwatch := r.watch(), r.watchMirror(runCtx)
	result, err := r.whole(ctx, runCtx)
	if result.later == nil {
		r.removeKept(ctx, false)
	}
	unwatch()
	end(result.State(err))
	if closeErr := r.journal.close(); closeErr != nil && err == nil {
		err = closeErr
	}
	switch {
	case errors.Is(err, request.ErrStopped) && result.Halt == nil:
		err = ctx.Err() // nil: by the operator, from elsewhere
	case err == nil && result.Halt != nil:
		err = result.Halt
	}
	return result, err
}

// newRun is a run that nothing has been done for, with the context that its cancel ends.
func newRun(ctx context.Context, source entry.Source, to target.Target, opts Options) (_ *run, runCtx context.Context, err error) {
	opts = opts.withDefaults()
	if err := opts.validate(); err != nil {
		return nil, nil, err
	}
	opts.Endpoint = endpointOf(to, opts)
	planner, err := opts.planner(source.Scope())
	if err != nil {
		return nil, nil, err
	}
	runCtx, cancel := context.WithCancel(ctx)
	r := &run{planner: planner, opts: opts, source: source, target: to, tally: entry.NewTally(), problems: map[target.Code]uint64{}, cancel: cancel}
	r.progress.Started = opts.Now()
	r.ours = r.stillOurs(heldBy(opts.StateDir))
	calls := opts.calls()
	calls.Ours, calls.Problem, calls.Bandwidth = r.ours, r.problem, opts.Bandwidth
	calls.WentOn = func() { opts.Log.Log(context.Background(), request.LevelNotice, "the run goes on") }
	calls.Note = func(text string) { opts.Log.Log(context.Background(), request.LevelNotice, text) }
	if len(opts.Hours) > 0 {
		calls.InHours = func() bool { return opts.Hours.Open(opts.Now()) }
	}
	r.calls = request.New(calls, runCtx.Done())
	r.calls.EndWith(ctx)
	r.teller = &teller{run: r}
	r.teller.noteEarlier()
	if totals, err := source.Totals(); err == nil {
		r.progress.TotalEntries, r.progress.TotalBytes = totals.Entries(), int64(totals.Bytes)
	}
	return r, runCtx, nil
}

// whole is a run from probe to receipts, with an open journal.
func (r *run) whole(ctx, runCtx context.Context) (_ *Result, err error) {
	end := r.ended
	if !end.At.IsZero() {
		if err := r.recheckEnded(ctx, runCtx); err != nil || r.haltedBy() != nil {
			return r.stoppedResult(&end), err
		}
		r.endLook()
	}
	if !end.Done {
		if r.outlook, err = r.checkKeys(runCtx, r.journal); err != nil {
			return r.result(), err
		}
		defer func() { err = errors.Join(err, r.outlook.Close()) }()
	}
	if !end.At.IsZero() && !end.Done {
		if err := r.healEnd(runCtx, &end); err != nil {
			return r.result(), err
		}
	}
	if end.At.IsZero() {
		if err := r.store(ctx, runCtx); err != nil && (ctx.Err() != nil || !errors.Is(err, request.ErrStopped)) {
			return r.result(), err
		}
		if r.haltedBy() != nil || r.calls.Stopped() || r.unfinished > 0 || r.lost > 0 {
			return r.result(), nil
		}
		r.sweepAtEnd(runCtx)
		if err := r.noteKept(); err != nil {
			return r.result(), err
		}
		end = finished{At: r.opts.Now().UTC(), Probe: r.probe.String(), Conditional: r.conditional, Tally: r.tally,
			Software: r.opts.Software, Label: "not given", Nonce: rand.Text(), Recheck: r.rechecked}
		if r.source.LabelChecked() {
			end.Label = "checked"
		}
		if err := r.journal.store(finishedKey, end, true); err != nil {
			return r.result(), err
		}
	}
	r.mu.Lock()
	r.tally = end.Tally
	r.mu.Unlock()
	if !end.Done {
		if !r.calls.Awake(ctx) {
			return r.result(), ctx.Err()
		}
		if err := r.patiently(ctx, func(ctx context.Context) error { return r.maySign(ctx, &end) }); err != nil {
			return r.result(), err
		}
	}
	result := r.result()
	result.Finished, result.Earlier = end.At, end.Done
	switch err := r.receipts(ctx, &end, result); {
	case errors.Is(err, request.ErrStopped):
		return r.result(), ctx.Err() // nothing was signed
	case err != nil:
		return result, err
	}
	return result, r.cleanUp(ctx, &end, result)
}

// recheckEnded looks at the objects of a run that has ended before this start.
func (r *run) recheckEnded(ctx, runCtx context.Context) error {
	err := r.recheckFirst(runCtx)
	switch {
	case err == nil, ctx.Err() == nil && r.haltedBy() != nil: // it was taken over, or canceled, meanwhile
		return nil
	case errors.Is(err, request.ErrStopped) || target.IsCanceled(err):
		return errors.Join(ctx.Err(), runCtx.Err())
	}
	r.halt(target.AsError(err))
	return nil
}

// store probes the target and brings every entry to an outcome, in as many passes
// as it takes while the operator is waited for.
func (r *run) store(ctx, runCtx context.Context) error {
	if r.header.Begun {
		r.calls.Ask(runCtx, r.target) // else the probe is the first to write, and asks beside its first looks
	}
	if err := r.firstLook(runCtx); err != nil {
		if errors.Is(err, request.ErrStopped) || target.IsCanceled(err) {
			return err
		}
		// Whoever has taken the run over may have removed the probe's objects under it.
		if !target.HasCode(err, target.CodeTargetAbsent) && target.HasCode(r.mustHold(ctx), target.CodeTakenOver) {
			err = r.mustHold(ctx)
		}
		r.halt(target.AsError(err))
		return nil
	}
	if err := r.mayDefer(); err != nil {
		r.halt(target.AsError(err))
		return nil
	}
	if err := r.passUntilDone(ctx, runCtx); err != nil || r.haltedBy() != nil || r.unfinished+r.lost > 0 {
		return err
	}
	if err := r.publish(); err != nil || r.haltedBy() != nil || !r.publishing {
		return err
	}
	return r.passUntilDone(ctx, runCtx)
}

// passUntilDone makes passes until every entry has an outcome or is held, or
// waiting for the operator has no end.
func (r *run) passUntilDone(ctx, runCtx context.Context) error {
	for {
		before := r.entries()
		err, healed := r.pass(runCtx), false
		if err == nil && r.haltedBy() == nil && runCtx.Err() == nil && r.unfinished == 0 && r.lost == 0 {
			healed, err = r.healPass(runCtx)
		}
		var e *target.Error
		switch {
		case r.haltedBy() != nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case runCtx.Err() != nil:
			return request.ErrStopped // by the operator
		case errors.As(err, &e) && e.Class == target.Fixable:
			r.halt(e)
			return nil
		case err != nil:
			return err
		case healed:
			continue
		case r.unfinished == 0 && r.lost == 0:
			return nil
		case r.waitForPass(runCtx, before):
			continue
		}
		if r.left != nil && (r.left.Class == target.Fixable || r.left.Code == target.CodeInternal) {
			r.halt(r.left)
		}
		return ctx.Err()
	}
}

func (r *run) entries() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tally.Entries()
}

// failure is the outcome of an entry that cannot be stored.
func failure(err error) record {
	e := target.AsError(err)
	rec := record{Outcome: entry.OutcomeFailed, Code: e.Code, Detail: target.Clip(e.Cause)}
	if e.Code == target.CodeConflict || e.Code == target.CodeCannotCompare || e.Code == target.CodeArchived || e.Code == target.CodeNotShown && !e.Unknown {
		rec.Outcome = entry.OutcomeConflict
	}
	return rec
}

// done journals an outcome, then counts it.
func (r *run) done(ctx context.Context, p *pageWork, e entry.Entry, rec record, err error) error {
	if err := r.keep(ctx, func() error { return r.journal.setOutcome(e.Place(), rec) }); err != nil {
		return err
	}
	if err != nil {
		failed := *target.AsError(err)
		failed.Path = e.Record.Path
		r.problem(&failed)
	}
	r.count(e, rec)
	return p.end(ctx, e, rec, err == nil)
}

func (r *run) count(e entry.Entry, rec record) {
	r.mu.Lock()
	r.tally.Add(e, rec.Outcome, rec.Proof, e.Record.DataLength())
	r.mu.Unlock()
	r.progress.Entries.Add(1)
	switch rec.Outcome {
	case entry.OutcomeStored, entry.OutcomeAlreadyThere:
		r.progress.Objects.Add(1)
	case entry.OutcomeFailed, entry.OutcomeConflict:
		r.progress.Failed.Add(1)
	}
}

// leave counts an entry that has no outcome in this pass, and why.
func (r *run) leave(why *target.Error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unfinished++
	if why != nil && r.lost == 0 {
		r.left = why
	}
}

func (r *run) calm() {
	r.calls.Gate.Move()
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
	return r.inRow >= max(4, min(r.opts.Concurrency, fewObjects))
}

// stopAsked ends the run in order: the operator has asked for it from elsewhere. Requests that
// are under way have askedGrace, or, where the run is over but for its clean-up, StopGrace; a
// Complete has JoinGrace.
func (r *run) stopAsked() {
	r.asked.Store(true)
	r.cancel()
	r.calls.EndIn(r.graceOfAsked(), request.JoinGrace)
	r.sayJoins()
}

// halt stops the run for the operator; the first reason counts. Whatever it meets
// after it was taken over, that is the reason.
func (r *run) halt(e *target.Error) {
	if err := r.ours(); target.HasCode(err, target.CodeTakenOver) {
		e = target.AsError(err)
	}
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

// haltedBy is why the run stopped for the operator; nil if it did not.
func (r *run) haltedBy() *target.Error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.halted
}

// problem names a failure to whoever watches.
func (r *run) problem(e *target.Error) {
	r.mu.Lock()
	r.problems[e.Code]++
	r.mu.Unlock()
	r.opts.Log.Warn(e.Error(), "code", e.Code, "class", e.Class.String(), "remedy", e.Remedy)
	if r.opts.Problem == nil {
		return
	}
	r.said.Lock()
	defer r.said.Unlock()
	r.opts.Problem(e)
}

// met counts the failures that were named until now, by their codes.
func (r *run) met() map[target.Code]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.problems)
}

func (r *run) result() *Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	res := &Result{
		run: r, RunID: r.attemptID(), Start: r.startNumber(), Attempt: r.header.Attempt, Started: r.header.Started, Tally: r.tally, Unfinished: r.unfinished,
		LeftUploads: r.uploadsLeft.count(), Retries: r.calls.Retried(), PartsKept: r.partsResumed.Load(),
		Probe: r.probe, Halt: r.halted, Recheck: r.rechecked, Named: maps.Clone(r.problems),
	}
	res.Interrupted = r.halted == nil && r.calls.Stopped()
	return res
}

// attemptID names the receipts: the run's id, and the number of a later attempt.
func (r *run) attemptID() string { return r.attempt(r.header.Attempt) }

func (r *run) attempt(n int) string {
	if n > 1 {
		return fmt.Sprintf("%s.%d", r.opts.RunID, n)
	}
	return r.opts.RunID
}
