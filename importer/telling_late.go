package importer

import (
	"maps"

	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
)

// lateWork tells what the run waits with from now on: it is over but for that. The returned
// function ends it.
func (r *run) lateWork(waits string) (done func()) {
	set := func(to string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.lateWait = to
	}
	set(waits)
	return func() { set("") }
}

// waitsWith is what the status says that the run waits with; other is said where it is nothing
// of its end.
func (r *run) waitsWith(other string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lateWait != "" {
		return r.lateWait
	}
	return other
}

// steered puts into a status what the run has heard of its operator. After a stop that he has
// asked for nothing holds the next start.
func (r *run) steered(s *status.Status) {
	s.Paused = r.calls.Gate.Paused() && !r.asked.Load()
	r.mu.Lock()
	defer r.mu.Unlock()
	s.Heard = r.heard
}

// endLook leaves out of the run's problems those that this start has met until now, where the run
// had ended before: they say nothing of it.
func (r *run) endLook() {
	if r.ended.Done {
		met := r.met()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.ofLook = met
	}
}

// problems are those that the status counts: with those of before where the run had ended.
func (t *teller) problems() map[target.Code]uint64 {
	r := t.run
	told := map[target.Code]uint64{}
	if t.after != nil && r.ended.Done {
		maps.Copy(told, t.after.was.Problems)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended.Done && r.ofLook == nil {
		return told // it still looks
	}
	for code, n := range r.problems {
		if n -= min(n, r.ofLook[code]); n > 0 {
			told[code] += n
		}
	}
	return told
}

// refresh puts into a status of before what has become of problems and pauses since. The
// problems of a start that has told nothing of its own are not the run's yet.
func (t *teller) refresh(s *status.Status) {
	t.run.steered(s)
	switch {
	case t.run.canceling:
		met := t.run.met()
		for code, n := range s.Problems {
			met[code] += n
		}
		s.Problems = met
	case t.run.teller.after != nil:
		s.Problems = t.run.teller.problems()
	}
}
