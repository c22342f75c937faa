package simulator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// mirroredLife draws whether a life's import keeps its journal in the target, too.
func mirroredLife(seed uint64) bool { return hash(seed, "journal in the target")%3 == 0 }

// isJournal tells the keys of a journal in the target.
func isJournal(key string) bool { return strings.Contains(key, importer.JournalPrefix) }

// errHosts is a finding: two hosts did not agree who has a run.
var errHosts = errors.New("two hosts")

// errDead is what the requests and the disk of a dead host come to.
var errDead = errors.New("the host is dead")

// stall is the wire and the disk of a host that stops at one of its requests: dead, or
// frozen, as by SIGSTOP, until it is let go on.
type stall struct {
	to      http.RoundTripper
	last    int64 // the number of that request
	behind  bool  // it stops when the store has done what was asked
	dead    bool
	seen    atomic.Int64
	stopped chan struct{}
	let     chan struct{}
}

func newStall(to http.RoundTripper, objects int, dice *rand.Rand) *stall {
	return &stall{to: to, last: 1 + dice.Int64N(int64(40+3*objects)), behind: dice.IntN(2) == 0, dead: dice.IntN(2) == 0,
		stopped: make(chan struct{}), let: make(chan struct{})}
}

func (s *stall) String() string {
	how, side := "is frozen", "before"
	if s.dead {
		how = "dies"
	}
	if s.behind {
		side = "after"
	}
	return fmt.Sprintf("%s %s request %d", how, side, s.last)
}

// RoundTrip implements http.RoundTripper.
func (s *stall) RoundTrip(r *http.Request) (answer *http.Response, err error) {
	n := s.seen.Add(1)
	if n < s.last {
		return s.to.RoundTrip(r)
	}
	done := n == s.last && s.behind
	if done {
		answer, err = s.to.RoundTrip(r)
	}
	if n == s.last {
		close(s.stopped)
	}
	if gone := s.wait(); gone != nil {
		return nil, gone
	}
	if !done {
		answer, err = s.to.RoundTrip(r)
	}
	return answer, err
}

// wait holds whatever goes on after the stop.
func (s *stall) wait() error {
	select {
	case <-s.stopped:
	default:
		return nil
	}
	if s.dead {
		return errDead
	}
	<-s.let
	return nil
}

// stopAt runs the import on a host until it is stopped, or is at its end before.
// after is what the host does when it is let go on.
func (w *world) stopAt(ctx context.Context, h *host, s *stall) (stopped bool, after func() error) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	h.state.OnOp(func(vfs.Op) error { return s.wait() })
	go func() { ended <- w.run(ctx, h, h.state, &Wire{Store: s}) }()
	end := func() error {
		defer cancel()
		close(s.let)
		err := <-ended
		h.state.OnOp(nil)
		return err
	}
	select {
	case <-s.stopped:
	case err := <-ended:
		ended <- err
		return false, end
	}
	if s.dead {
		cancel()
		err := <-ended
		ended <- err
	}
	return true, end
}

// takeover is a host with an empty state folder that takes a run from another one.
func (w *world) takeover(run string) *host {
	h := newHost(run)
	h.takes = true
	w.hosts = append(w.hosts, h)
	return h
}

// otherHost has another host go on where one is dead, with its state folder, or frozen.
func (w *world) otherHost(ctx context.Context, h *host, dice *rand.Rand) error {
	s := newStall(w.store(), len(w.objects()), dice)
	stopped, goOn := w.stopAt(ctx, h, s)
	next := w.takeover(h.run)
	err := w.run(ctx, next, next.state, w.quiet())
	late := goOn()
	w.met[OtherHost]++
	w.say("the host %s (%v): %v; the other: %v", s, stopped, late, err)
	if errors.Is(err, errTouched) {
		return err
	}
	return w.replaced(s, stopped, late, target.CodeTakenOver, target.CodeStateLocked)
}

// replaced: a frozen host that goes on says that another one has the run, and nothing
// else, unless all that it had to look at the target for was done.
func (w *world) replaced(s *stall, stopped bool, err error, codes ...target.Code) error {
	if stopped && s.dead && !errors.Is(err, errTouched) {
		return nil // nobody sees how it ends
	}
	if errors.Is(err, errTouched) || !stopped || s.dead || w.lost || err == nil || w.bucket.Traits.NoConditions {
		return w.survived(err)
	}
	if !slices.ContainsFunc(codes, func(c target.Code) bool { return coded(err, c) }) {
		return fmt.Errorf("%w: one that %s, and was replaced, ended as: %w", errHosts, s, err)
	}
	return nil
}

// otherCancel has another host give the run up, and the operator begin a new one.
func (w *world) otherCancel(ctx context.Context, h *host, dice *rand.Rand) error {
	remove := dice.IntN(2) == 0
	s := newStall(w.store(), len(w.objects()), dice)
	stopped, goOn := w.stopAt(ctx, h, s)
	next := w.takeover(h.run)
	if remove {
		w.bucket.GiveUp(h.run)
	}
	_, err := w.cancel(ctx, next, remove)
	late := goOn()
	w.met[OtherCancel]++
	w.say("the host %s (%v): %v; the other cancels, remove %v: %v", s, stopped, late, remove, err)
	if errors.Is(err, errTouched) {
		return err
	}
	// A cancel removes what a probe has left, also from under one at work: whose second
	// conditional write then succeeds, and who trusts the target with nothing.
	if err := w.replaced(s, stopped, late, target.CodeTakenOver, target.CodeStateLocked, target.CodeCanceled, target.CodeNoConditions); err != nil {
		return err
	}
	if w.lost || w.bucket.Traits.NoConditions {
		w.another()
		return w.survived(err)
	}
	if coded(err, target.CodeStateMismatch) && s.dead && !w.begunInTarget(h.run) {
		w.another() // it died before it had begun: there is nothing to cancel
		return nil
	}
	out, err := w.cancel(ctx, next, remove) // what was on its way may have come late
	if err != nil {
		return fmt.Errorf("%w: cancel: %w", errHosts, err)
	}
	if err := w.givenUp(h.run, out, remove); err != nil {
		return err
	}
	third := w.takeover(h.run)
	if err := w.run(ctx, third, third.state, w.quiet()); !coded(err, target.CodeCanceled) {
		return fmt.Errorf("%w: a run that was canceled was not refused as such: %w", errHosts, orDone(err))
	}
	w.another()
	return nil
}

// begunInTarget tells whether the target has anything of a run's journal.
func (w *world) begunInTarget(run string) bool {
	for key := range w.bucket.Objects() {
		if strings.Contains(key, importer.JournalPrefix+run+"/") {
			return true
		}
	}
	return false
}

// cancel gives a run up on a host.
func (w *world) cancel(ctx context.Context, h *host, remove bool) (*importer.Canceled, error) {
	wire := w.quiet()
	source, target, o, end, err := w.begin(ctx, h, h.state, wire)
	if err != nil {
		return nil, err
	}
	defer end()
	out, err := importer.Cancel(ctx, source, target, o, remove)
	return out, w.touched(err)
}

// givenUp holds what a cancel says against what is left of the run.
func (w *world) givenUp(run string, out *importer.Canceled, remove bool) error {
	var bad []string
	journal := 0
	for key, o := range w.bucket.Objects() {
		switch {
		case strings.Contains(key, importer.JournalPrefix+run+"/"):
			if journal++; out.Journal != key && out.Failed == 0 {
				bad = append(bad, fmt.Sprintf("%q is left of the journal", key))
			}
		case isProbe(key):
			if _, rest, _ := strings.Cut(key, probe.Prefix+run); rest != "" && strings.ContainsAny(rest[:1], "-.") && !w.probeLeft(key) {
				bad = append(bad, fmt.Sprintf("%q is left of a probe", key))
			}
		case o.run() != run:
		case remove && out.Changed+out.Failed == 0:
			bad = append(bad, fmt.Sprintf("%q was not removed", key))
		}
	}
	if journal == 0 {
		bad = append(bad, "nothing tells other hosts that the run was given up")
	}
	if left := slices.DeleteFunc(w.bucket.Uploads(), w.probeLeft); len(left) > 0 && out.Uploads == 0 && !w.stateLost && w.exclusive {
		bad = append(bad, fmt.Sprintf("uploads of %q were left behind unnamed", left))
	}
	if len(bad) == 0 {
		return nil
	}
	return fmt.Errorf("canceled from another host: %w", list(bad))
}

// journalLeft: of a journal in the target a complete run leaves what tells other hosts
// that it has ended, and nothing else.
func (w *world) journalLeft(h *host) (bad []string) {
	if !w.mirrored || !h.result.Complete {
		return nil
	}
	prefix := keyPrefix + importer.JournalPrefix + h.run + "/"
	for key := range w.bucket.Objects() {
		rest, ours := strings.CutPrefix(key, prefix)
		_, name, _ := strings.Cut(rest, "/")
		if ours && name != "header" && !strings.HasPrefix(name, "leases/") {
			bad = append(bad, fmt.Sprintf("%q is left of the journal", key))
		}
	}
	return bad
}
