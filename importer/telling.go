package importer

import (
	"os"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
)

// historyEvery is how often a point is added to the history.
const historyEvery = 10 * time.Second

// teller tells whoever watches what a run is doing: by Progress, by the files
// status.json and history.jsonl, and it does what the control file asks for.
// Nothing here can fail a run.
type teller struct {
	run       *run
	rates     status.Rates
	operator  status.Operator
	durable   uint64    // changes of the journal that a crash does not lose
	told      numbers   // that were told last
	pointed   time.Time // of the last point of the history
	stepped   uint64    // decisions of the requests at once that the history has
	state     request.State
	asleep    bool      // outside of the run's hours
	unsettled time.Time // what the start before has left of it (Status)
	after     *afterEnd // of a run that has ended before this start
}

// watch tells every second until the returned function is called, and once more
// then: final is the run's last state.
func (r *run) watch() (end func(final request.State)) {
	t := r.teller
	r.hear(t) // a pause that was asked for before this start holds
	t.unsettled = r.lastSent()
	t.beginAfterEnd()
	p := r.snapshot()
	s := t.describe(p)
	t.told = numbersOf(p, s)
	if r.opts.StatusEvery > 0 && !r.ended.Done {
		t.write(s) // the last start's word does not hold any more
	}
	stop, gone := make(chan request.State, 1), make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(r.tellEvery())
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				r.hear(t)
				t.tell("")
			case final := <-stop:
				t.tell(final)
				return
			}
		}
	}()
	return func(final request.State) {
		stop <- final
		<-gone
	}
}

// tellEvery is how often the run tells, and hears its operator.
func (r *run) tellEvery() time.Duration {
	if r.opts.StatusEvery > 0 {
		return min(time.Second, r.opts.StatusEvery)
	}
	return time.Second
}

// tell tells this moment. A state that is given is the run's last.
func (t *teller) tell(final request.State) {
	r := t.run
	p := r.snapshot()
	if final != "" {
		p.State, p.Halt = final, nil
		if e := r.haltedBy(); e != nil {
			p.Halt = &request.Halt{Code: e.Code, Cause: e.Cause, Remedy: e.Remedy, Since: r.opts.Now()}
		}
	}
	t.rates.Add(r.opts.Now(), p)
	p.Pace = t.rates.Pace(p)
	s := t.describe(p)
	t.onlyDurable(&p, &s)
	if r.opts.Progress != nil {
		r.opts.Progress(p)
	}
	if r.opts.StatusEvery <= 0 || r.ended.Done {
		t.tellEnded(final)
		return // a run that has ended before has told how: nothing of it is done now
	}
	s.Ended = final == request.StateHalted
	if final != "" && !r.unsettled.Load() {
		s.Unsettled = t.unsettled
	}
	t.write(s)
	if now := r.opts.Now(); p.State != t.state || now.Sub(t.pointed) >= historyEvery {
		t.state, t.pointed = p.State, now
		t.point(p, now)
	}
}

// numbers are those of entries that have an outcome.
type numbers struct {
	entries, objects, failed, earlier uint64
	bytes, earlierBytes               int64
	outcomes                          map[entry.Outcome]uint64
	proofs                            map[entry.Proof]uint64
	remarks                           uint64
}

func numbersOf(p status.Progress, s status.Status) numbers {
	return numbers{p.Entries, p.Objects, p.Failed, p.EarlierEntries, p.Bytes, p.EarlierBytes, s.Outcomes, s.Proofs, s.Remarks}
}

// into puts the numbers in place of newer ones.
func (n numbers) into(p *status.Progress, s *status.Status) {
	p.Entries, p.Objects, p.Failed, p.EarlierEntries, p.Bytes, p.EarlierBytes = n.entries, n.objects, n.failed, n.earlier, n.bytes, n.earlierBytes
	s.Progress, s.Outcomes, s.Proofs, s.Remarks = *p, n.outcomes, n.proofs, n.remarks
}

// onlyDurable leaves of what is about to be told what a crash does not lose, so that whoever goes
// on with the run has every entry that was counted here: all of it, or, where the journal takes
// no more, what was told before. The next outcome tells why.
func (t *teller) onlyDurable(p *status.Progress, s *status.Status) {
	// What is counted was journalled before, so these changes hold it.
	if err := t.flush(t.run.journal.changes.Load()); err != nil {
		t.run.opts.Log.Debug("status", "error", err)
		t.told.into(p, s)
		return
	}
	t.told = numbersOf(*p, *s)
}

// flush makes so many changes of the journal durable, unless they are.
func (t *teller) flush(changes uint64) error {
	if changes == t.durable {
		return nil
	}
	if err := t.run.journal.flush(); err != nil {
		return err
	}
	t.durable = changes
	return nil
}

func (r *run) snapshot() status.Progress {
	p := &r.progress
	state, halt := r.calls.Gate.State()
	return status.Progress{
		Entries: p.Entries.Load(), TotalEntries: p.TotalEntries, Objects: p.Objects.Load(),
		Bytes: p.Bytes.Load(), TotalBytes: p.TotalBytes, Failed: p.Failed.Load(),
		EarlierEntries: p.EarlyEntries.Load(), EarlierBytes: p.EarlyBytes.Load(),
		Retries: r.calls.Retried(), Throttled: r.calls.Throttled(), Requests: r.calls.Bears(), Limit: r.calls.Limit(),
		Elapsed: r.opts.Now().Sub(p.Started), State: state, Halt: halt, Opens: r.opens(),
	}
}

func (t *teller) describe(p status.Progress) status.Status {
	r := t.run
	scope := r.source.Scope()
	host, _ := os.Hostname()
	s := status.Status{
		Version: status.Version, State: p.State, Job: scope.Job, Device: scope.Device, Generation: scope.Generation,
		Run: r.opts.RunID, Target: r.opts.TargetURL(), Endpoint: r.opts.Endpoint, Profile: r.opts.Profile,
		Host: host, PID: os.Getpid(), Updated: r.opts.Now().UTC(), Unsettled: r.opts.Now().UTC(), Halt: p.Halt, Progress: p, Waits: r.waitsWith(r.waitsForJoins()),
		Problems: t.problems(),
	}
	r.steered(&s)
	s.BytesPerSecond, s.EntriesPerSecond, s.ETASeconds = p.Pace.BytesPerSecond, p.Pace.EntriesPerSecond, int64(p.Pace.Left/time.Second)
	s.Changed = t.unfound(p.Halt)
	r.mu.Lock()
	s.Started, s.Attempt = r.header.Started, r.header.Attempt
	tally := entry.NewTally()
	tally.Merge(r.tally)
	r.mu.Unlock()
	s.Outcomes, s.Proofs, s.Remarks = tally.Outcomes, tally.Proofs, tally.Remarks
	return s
}

// folder is where the run tells.
func (r *run) folder() status.Folder {
	return status.Folder{Disk: r.opts.StateDir, Base: r.base, Run: r.opts.RunID}
}

// write replaces status.json.
func (t *teller) write(s status.Status) {
	if err := t.run.folder().Write(s); err != nil {
		t.run.opts.Log.Debug("status", "error", err)
	}
}

// point adds a point to the history.
func (t *teller) point(p status.Progress, now time.Time) {
	if err := t.run.folder().Add(p, now, t.steps()); err != nil {
		t.run.opts.Log.Debug("history", "error", err)
	}
}

// steps are the changes of the requests at once that no point has yet.
func (t *teller) steps() (steps []request.Decision) {
	if t.run.calls == nil {
		return nil
	}
	steps, t.stepped = t.run.calls.Decisions(t.stepped)
	steps = steps[len(steps)-min(len(steps), status.MaxSteps):]
	for i := range steps {
		steps[i].At = steps[i].At.UTC().Round(time.Millisecond)
	}
	return steps
}

// tellCanceled tells that the run was given up. The numbers stay those of its last start.
func (r *run) tellCanceled() (s status.Status) {
	if r.opts.StatusEvery > 0 {
		s = r.tellAs(request.StateCanceled, "")
		(&teller{run: r}).point(s.Progress, r.opts.Now())
	}
	return s
}

// tellAs tells a state, and what it waits with. The numbers stay those that were told last.
func (r *run) tellAs(state request.State, waits string) (s status.Status) {
	if r.opts.StatusEvery <= 0 {
		return s
	}
	t := &teller{run: r}
	s = t.describe(r.snapshot())
	if was, ok := r.folder().Last(); ok {
		was.Host, was.PID, was.Updated = s.Host, s.PID, s.Updated
		s = was
		t.refresh(&s)
	}
	s.State, s.Waits, s.Halt, s.Ended, s.BytesPerSecond, s.EntriesPerSecond, s.ETASeconds = state, waits, nil, false, 0, 0, 0
	if state == request.StateDone || state == request.StateErrors {
		s.Changed = nil // its look has found them
	}
	s.Progress.State, s.Progress.Halt, s.Progress.Opens = state, nil, time.Time{}
	if state == request.StateAsleep {
		s.Progress.Opens = r.opens()
	}
	t.write(s)
	return s
}
