package importer

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
)

// refusals are what a start remembers of refusals that may be of one key alone: a
// policy, a proxy or a firewall may have a rule about a single name.
type refusals struct {
	asking sync.Mutex // one at a time; see takesOthers, whyRefused

	mu    sync.Mutex
	asked int             // how often the target was asked for another key
	takes bool            // what it answered last
	first int             // refusals before the run's first object; -1 once one is stored
	told  map[string]bool // keys whose refusal was told, at most maxRefusalsTold
}

// maxRefusedFirst is how many keys may be refused before any object of the run is
// stored. So many are of all keys, whatever the target says about another one.
const maxRefusedFirst = 1000

// maxRefusalsTold bounds the memory. Refusals beyond it are told in each pass.
const maxRefusalsTold = 10000

// remedyOneKey is for a refusal of one key: the credentials work for all others.
const remedyOneKey = "only this key is refused, others are taken with the same credentials: look for a rule of a policy, a proxy or a firewall about its name, or give the entry another key (--rules) in an import with a new --run-id; then run the same command again"

// ofOneKey reports whether the target may mean one key by this error. The journal in
// the target is no entry's.
func (r *run) ofOneKey(e *target.Error) bool {
	return request.MayMeanKey(e.Code) && r.waits(e) && !strings.HasPrefix(e.Path, r.opts.Prefix+JournalPrefix)
}

// takesOthers reports whether the target takes another key, below the reserved prefix.
// It asks after the refusal, so that the answer is no older; refusals that come while
// another one waits for its answer share the next.
func (r *run) takesOthers(ctx context.Context) bool {
	s := &r.refusals
	if r.storedBefore() {
		r.storedOne()
	}
	s.mu.Lock()
	before := s.asked
	if s.first >= 0 {
		s.first++
	}
	all := s.first >= maxRefusedFirst
	s.mu.Unlock()
	if all {
		return false
	}
	s.asking.Lock()
	defer s.asking.Unlock()
	s.mu.Lock()
	if s.asked > before {
		defer s.mu.Unlock()
		return s.takes
	}
	s.asked++
	s.mu.Unlock()
	takes := r.takesOne(context.WithValue(ctx, request.BesideKey{}, true))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takes = takes
	return takes
}

// takesOne stores, looks at and removes one object of the probe.
func (r *run) takesOne(ctx context.Context) bool {
	p := r.proberOf(r.attemptID())
	takes := p.TakesAnother(ctx, r.probe.ReadsBack)
	found := p.Found()
	found.Left = slices.DeleteFunc(found.Left, func(key string) bool { return slices.Contains(r.probe.Left, key) })
	r.nameLeft(found)
	return takes
}

// storedBefore reports whether an earlier start has stored an object of the run.
func (r *run) storedBefore() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tally.Outcomes[entry.OutcomeStored] > 0
}

// storedOne notes that the target takes objects.
func (r *run) storedOne() {
	s := &r.refusals
	s.mu.Lock()
	defer s.mu.Unlock()
	s.first = -1
}

// leaveKey leaves an object whose key alone is refused for a later pass. It is told
// once in a start.
func (r *run) leaveKey(e *target.Error) {
	own := *e
	own.Remedy = cmp.Or(s3.RemedyOneKey(e), remedyOneKey)
	r.leave(&own)
	r.mu.Lock()
	r.leftKeys++
	r.mu.Unlock()
	s := &r.refusals
	s.mu.Lock()
	if s.told == nil {
		s.told = map[string]bool{}
	}
	again := s.told[e.Path]
	if len(s.told) < maxRefusalsTold {
		s.told[e.Path] = true
	}
	s.mu.Unlock()
	if !again {
		r.problem(&own)
	}
}

// behind reports whether somebody waits for the end of this run, of which nothing is
// left but keys that are refused alone.
func (r *run) behind() bool {
	r.mu.Lock()
	only := r.leftKeys > 0 && r.leftKeys == r.unfinished
	r.mu.Unlock()
	return only && r.opts.Behind != nil && r.opts.Behind()
}
