package simulator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
)

// errSteered is a finding: a run did not obey who steers it.
var errSteered = errors.New("steered")

// underWay is how many requests of a run may be on their way at once.
const underWay = 24

// hold is the wire of a host that an operator pauses at one of its requests, or whose hours
// end there, until it is let go on.
type hold struct {
	to     http.RoundTripper
	host   *host
	asleep bool // its hours end; else it is paused
	last   int64
	seen   atomic.Int64
	later  atomic.Int64 // requests that began while it was held
	state  request.State
	held   chan struct{} // closed when the run says that it is
	once   sync.Once
	let    atomic.Bool
	ahead  atomic.Int64 // of the host's clock
	err    error
}

func (w *world) newHold(h *host, asleep bool, dice *rand.Rand) *hold {
	s := &hold{to: w.store(), host: h, asleep: asleep, last: 1 + dice.Int64N(int64(40+3*len(w.objects()))), held: make(chan struct{}), state: request.StatePaused}
	if asleep {
		s.state = request.StateAsleep
	}
	return s
}

func (s *hold) String() string {
	return fmt.Sprintf("%s at request %d", s.state, s.last)
}

// steer lets the hold hear how the run does. Its clock goes as it should, so that its hours
// end, and begin again, when the hold says so.
func (s *hold) steer(o *importer.Options, at time.Time) {
	begun := time.Now()
	o.Now = func() time.Time { return at.Add(time.Since(begun) + time.Duration(s.ahead.Load())) }
	if s.asleep {
		o.Hours = hoursAround(at)
	}
	o.StatusEvery = statusEvery
	o.Progress = func(p status.Progress) {
		if p.State == s.state {
			s.once.Do(func() { close(s.held) })
		}
	}
}

// RoundTrip implements http.RoundTripper.
func (s *hold) RoundTrip(r *http.Request) (*http.Response, error) {
	n := s.seen.Add(1)
	if n == s.last {
		s.ask(true)
	}
	if isHeld(s.held) && !s.let.Load() && !isJournal(r.URL.Path) { // who has the run may be looked at
		s.later.Add(1)
	}
	return s.to.RoundTrip(r)
}

func isHeld(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// ask pauses the host, or ends its hours; or the contrary.
func (s *hold) ask(yes bool) {
	if s.asleep {
		s.ahead.Store(map[bool]int64{true: int64(12 * time.Hour), false: 0}[yes])
		return
	}
	want := map[bool]status.Want{true: status.WantPause, false: status.WantRun}[yes]
	// The clock of a life may stand, or be put back: what is asked later is later.
	s.host.asked = s.host.asked.Add(time.Second)
	s.err = errors.Join(s.err, status.WriteControl(s.host.state, "", status.Control{Want: want, At: s.host.asked, By: "another process"}))
}

// heldUp runs the import on a host until it is held, does something meanwhile, and lets it
// go on. It returns how the run ended, and whether it was held at all.
func (w *world) heldUp(ctx context.Context, h *host, s *hold, meanwhile func() error) (held bool, late, err error) {
	h.hold = s
	defer func() { h.hold = nil }()
	ended := make(chan error, 1)
	go func() { ended <- w.run(ctx, h, h.state, &Wire{Store: s}) }()
	select {
	case <-s.held:
	case late = <-ended:
		s.ask(false) // it was not heard, and is not meant for the next start
		return false, late, s.err
	}
	err = meanwhile()
	n := s.later.Load()
	s.let.Store(true)
	s.ask(false)
	late = <-ended
	if n > underWay {
		err = errors.Join(err, fmt.Errorf("%w: %d requests were begun by a run that was %s", errSteered, n, s.state))
	}
	return true, late, errors.Join(err, s.err)
}

// heldOnce has an operator pause the run, or its hours end, and nobody else do anything.
func (w *world) heldOnce(ctx context.Context, e Event, h *host, dice *rand.Rand) error {
	s := w.newHold(h, e.What == HoursEnd, dice)
	held, late, err := w.heldUp(ctx, h, s, func() error {
		time.Sleep(20 * statusEvery)
		return nil
	})
	if held {
		w.met[e.What]++
	}
	w.say("%s (%v): %v", s, held, late)
	if err != nil {
		return err
	}
	return w.survived(late)
}

// heldHost has another host take the run over from one that is paused, or asleep. When that
// one is let go on it says that it was replaced.
func (w *world) heldHost(ctx context.Context, e Event, h *host, dice *rand.Rand) error {
	s := w.newHold(h, e.What == AsleepHost, dice)
	var other error
	held, late, err := w.heldUp(ctx, h, s, func() error {
		next := w.takeover(h.run)
		other = w.run(ctx, next, next.state, w.quiet())
		return nil
	})
	w.say("the host is %s (%v): %v; the other: %v", s, held, late, other)
	if held {
		w.met[e.What]++
	}
	if err = errors.Join(err, w.touched(nil)); err != nil {
		return err
	}
	if held && late != nil && other == nil && !w.lost && !w.bucket.Traits.NoConditions &&
		!coded(late, target.CodeTakenOver) && !coded(late, target.CodeStateLocked) {
		return fmt.Errorf("%w: one that was %s, and was replaced, ended as: %w", errHosts, s.state, late)
	}
	return errors.Join(w.survived(late), w.survived(other))
}
