// Package pace decides how many calls on a source are in flight at once. It makes none itself:
// who makes them says how long they took.
package pace

import (
	"runtime"
	"time"
)

// Pace decides how many calls on a source are in flight. It grows their number while
// more of them answer sooner in sum, falls back to the last number that did, and tries
// anew, upwards and downwards, now and then. A source whose calls take no longer than
// fastCall is local and cached: more in flight than processors only cost there.
//
// It has no clock of its own and no lock: its user gives it both.
type Pace struct {
	limit  int // calls in flight at most
	least  int
	most   int
	period period
	delay  time.Duration // of a call, lately

	best      float64       // calls a second at limit, as last measured
	bestAt    int           // the limit that gave best
	trying    bool          // limit differs from bestAt, to compare
	held      int           // periods since the last try
	down      bool          // the next try is a smaller number
	suffered  int           // periods in which calls took far longer
	bestDelay time.Duration // that a call took at bestAt
}

// period is what is measured before the next decision.
type period struct {
	began time.Time
	calls int
	took  time.Duration // of the calls, in sum
	full  int           // calls that began when no further one was allowed
}

const (
	fastCall    = 100 * time.Microsecond
	leastPeriod = 20 * time.Millisecond
	holdPeriods = 24
	growth      = 1.25 // by which doubling must raise the rate
	enough      = 0.95 // of the rate, that a smaller number must keep

	// MaxConcurrency bounds the calls on a source that are in flight: each takes a thread.
	MaxConcurrency = 1024

	// Most is what the controller chooses by itself at most.
	Most = 256
)

// New begins at what is best on a local disk. pinned above 0 stays as it is.
func New(pinned int) Pace {
	least := max(1, min(runtime.GOMAXPROCS(0), 8))
	if pinned > 0 {
		pinned = min(pinned, MaxConcurrency)
		return Pace{limit: pinned, least: pinned, most: pinned}
	}
	return Pace{limit: least, least: least, most: Most}
}

// Limit is how many calls may be in flight.
func (p *Pace) Limit() int { return p.limit }

// Slow reports whether calls, lately, took so long that several in flight are worth their
// threads.
func (p *Pace) Slow() bool { return p.delay > fastCall }

// Onward begins anew with other calls on the same source, at the number that p has found.
func (p *Pace) Onward() Pace {
	return Pace{limit: p.limit, least: p.least, most: p.most, delay: p.delay}
}

// Took counts calls that took so long in sum; full says that no further call was
// allowed meanwhile. It reports whether the limit has changed.
func (p *Pace) Took(now time.Time, calls int, d time.Duration, full bool) bool {
	m := &p.period
	if m.calls == 0 && m.began.IsZero() {
		m.began = now.Add(-d)
	}
	m.calls += calls
	m.took += d
	p.delay += (d/time.Duration(max(1, calls)) - p.delay) / 8
	if full {
		m.full += calls
	}
	if p.least == p.most || m.calls < 4*p.limit || now.Sub(m.began) < leastPeriod {
		return false
	}
	was := p.limit
	p.decide(float64(m.calls)/now.Sub(m.began).Seconds(), m.took/time.Duration(m.calls), m.full*2 > m.calls)
	*m = period{began: now}
	return p.limit != was
}

// decide takes one period's rate and delay of a call. busy says that the limit held
// calls back.
func (p *Pace) decide(rate float64, delay time.Duration, busy bool) {
	switch {
	case !busy: // the limit did not matter, so the rate tells nothing of it
		if p.trying {
			p.limit, p.trying = p.bestAt, false
		}
	case p.bestAt == 0:
		p.settle(rate, delay)
		if delay > fastCall {
			p.try(p.limit * 2)
		}
	case p.trying && p.limit > p.bestAt:
		if rate >= p.best*p.wanted() {
			p.settle(rate, delay)
			p.try(p.limit * 2)
		} else {
			p.limit, p.trying, p.held = p.bestAt, false, 0
		}
	case p.trying:
		p.held = 0
		if rate >= p.best*enough {
			p.settle(rate, delay)
			p.try(p.limit * 3 / 4)
		} else {
			p.limit, p.trying = p.bestAt, false
		}
	default:
		p.hold(rate, delay)
	}
}

// wanted is by how much the present try must raise the rate.
func (p *Pace) wanted() float64 { return 1 + (growth-1)*float64(p.limit-p.bestAt)/float64(p.bestAt) }

func (p *Pace) settle(rate float64, delay time.Duration) {
	p.best, p.bestAt, p.bestDelay, p.trying = rate, p.limit, delay, false
}

// try changes the limit for one period.
func (p *Pace) try(limit int) {
	limit = max(p.least, min(limit, p.most))
	p.trying = limit != p.limit
	p.limit = limit
}

// hold keeps the limit, and follows what the source gives now. Calls that take three
// times as long give way to the source's other users.
func (p *Pace) hold(rate float64, delay time.Duration) {
	if p.held++; delay > 3*p.bestDelay && rate < p.best/2 {
		if p.suffered++; p.suffered > 1 { // the first period may have begun before
			p.suffered, p.best, p.bestDelay = 0, rate, delay
			p.try(p.limit / 2)
		}
		return
	}
	p.suffered = 0
	p.best += (rate - p.best) / 4
	p.bestDelay += (delay - p.bestDelay) / 4
	switch {
	case p.held < holdPeriods || delay <= fastCall && p.limit == p.least:
	case p.down:
		p.down = false
		p.try(p.limit * 3 / 4)
	default:
		p.down = true
		p.try(p.limit + max(1, p.limit/2))
	}
}

// Chunk is how many of the calls that are left one goroutine makes before it asks for
// more: handing calls out one by one costs more than fast calls take.
func (p *Pace) Chunk(left int) int {
	if p.delay <= 0 {
		return 1
	}
	return int(max(1, min(fastCall/p.delay, 64, time.Duration(left/p.limit))))
}
