package request

import (
	"math"
	"math/bits"
	"slices"
	"time"
)

// controller finds how many requests at once the target rewards. What a request takes is compared to
// the quickest of its kind. While answers are about as quick as that, the way there is the limit
// and more requests pay. Where they take longer, what a change of the limit has done to the
// throughput leads: by Little's law that is the requests at once by the time that each takes.
// More of them are tried, kept where it has grown, and taken back where it has not.
//
// Below the floor nothing but "slow down" leads.
type controller struct {
	floor, most float64
	calm        time.Duration // at most one cut in this time

	kinds   map[kind]time.Duration // the quickest of each
	quick   time.Time              // when a call was about as quick as that last
	round   round
	doubles bool      // until the first round that does not pay, or the first refusal
	cutAt   time.Time // the last refusal that was heeded
	shrunk  time.Time // calls that began before say nothing
	trial   trial
	rest    time.Time // nothing is tried before
	why     Limit
	made    decisions
}

// round are calls that have ended since the last decision.
type round struct {
	ratios []float64
	large  int // of them, with much payload
}

// trial is a change of the limit whose effect is not known yet.
type trial struct {
	from, ratio float64 // the limit before, and what a call took then; from 0: none
	at          time.Time
	settled     bool // all calls of the round began after it
}

// kind are the calls that take about as long as one another on an idle way.
type kind struct {
	name string
	size int // the payload's order of magnitude; all small ones are alike
}

// sample is how long a call took; zero says nothing.
type sample struct {
	kind
	began time.Time
	took  time.Duration
}

func sampleOf(what Call, began, ended time.Time) sample {
	return sample{kind{what.Name, bits.Len64(uint64(max(0, what.Payload) / smallPayload))}, began, ended.Sub(began)}
}

const (
	FirstAtOnce = 16 // requests, with which a run begins; it never has fewer because of answers that take long

	payingRatio  = 2.0              // times the quickest: more requests pay
	queuingRatio = 3.0              // so many do not, unless the throughput says so
	graveRatio   = 8.0              // whatever it says: a target in distress gets fewer
	payingGain   = 0.5              // of a change of the limit, that the throughput has followed by
	vainGain     = 0.25             // less: more requests do no more
	tryAgain     = 10 * time.Second // after a trial that was in vain
	nearQuickest = 1.25             // as good as the quickest
	staleAfter   = 30 * time.Second // without a quick one: the way itself may be another
	soberAfter   = 5 * time.Second  // without a refusal more is dared
)

func newController(most int, calm time.Duration) *controller {
	return &controller{floor: float64(min(FirstAtOnce, most)), most: float64(most), calm: calm, kinds: map[kind]time.Duration{}, doubles: true}
}

// refused is the limit after "slow down".
func (c *controller) refused(limit float64, now time.Time) float64 {
	c.why = LimitSlowDown
	if now.Sub(c.cutAt) < c.calm {
		return limit
	}
	c.cutAt, c.doubles, c.round, c.trial = now, false, round{}, trial{}
	limit = max(1, limit/2)
	c.made.note(now, int(limit), c.why)
	return limit
}

// succeeded is the limit after a call that took so long. full tells that the limit held calls back,
// or nearly: else more places would teach nothing.
func (c *controller) succeeded(limit float64, s sample, full bool) float64 {
	if limit < c.floor {
		limit = min(c.floor, limit+1/limit)
		c.made.note(s.began.Add(s.took), int(limit), c.why)
		return limit
	}
	if s.took <= 0 || s.began.Before(c.shrunk) {
		return limit
	}
	now := s.began.Add(s.took)
	c.round.ratios = append(c.round.ratios, c.ratio(s, now))
	if s.size > 0 {
		c.round.large++
	}
	if len(c.round.ratios) < int(limit) {
		return limit
	}
	// The quicker ones of a round tell: a pause of ours is no word of the target's.
	slices.Sort(c.round.ratios)
	ratio := c.round.ratios[len(c.round.ratios)/4]
	limit = c.decide(limit, ratio, now, full)
	c.round.ratios, c.round.large = c.round.ratios[:0], 0
	c.made.note(now, int(limit), c.why)
	return limit
}

// ratio compares a call with the quickest of its kind.
func (c *controller) ratio(s sample, now time.Time) float64 {
	quickest, ok := c.kinds[s.kind]
	if !ok || s.took < quickest {
		quickest = s.took
		c.kinds[s.kind] = quickest
	}
	ratio := float64(s.took) / float64(quickest)
	if ratio <= nearQuickest {
		c.quick = now
	}
	return ratio
}

// decide is the limit after a whole round.
func (c *controller) decide(limit, ratio float64, now time.Time, full bool) float64 {
	switch {
	case now.Sub(c.quick) >= staleAfter && now.Sub(c.cutAt) >= staleAfter:
		return c.anew(now)
	case ratio >= payingRatio:
		return c.byThroughput(limit, ratio, now, full)
	case !full:
		c.why, c.trial = LimitDisks, trial{}
		return limit
	}
	return c.grow(limit, ratio, now)
}

// byThroughput decides where calls take longer than the way there does.
func (c *controller) byThroughput(limit, ratio float64, now time.Time, full bool) float64 {
	if c.trial.from > 0 && !c.trial.settled {
		c.trial.settled, c.shrunk = true, c.trial.at
		return limit
	}
	last := c.trial
	c.trial = trial{}
	if last.from > 0 {
		return c.afterTrial(last, limit, ratio, now, full)
	}
	c.why = c.target()
	tired := now.Before(c.rest)
	switch {
	case ratio > graveRatio && limit > c.floor, ratio > queuingRatio && limit > c.floor && !tired:
		return c.shrink(limit, ratio, now)
	case full && !tired && ratio <= graveRatio: // at the ceiling it says so
		return c.grow(limit, ratio, now)
	}
	c.doubles = false
	return limit
}

// afterTrial keeps a change of the limit, or takes it back, by what it has done to the throughput.
func (c *controller) afterTrial(last trial, limit, ratio float64, now time.Time, full bool) float64 {
	gain := 1 - math.Log(ratio/last.ratio)/math.Log(limit/last.from)
	grown := limit > last.from
	switch {
	case grown && gain >= payingGain && full && ratio <= graveRatio:
		return c.grow(limit, ratio, now)
	case grown && gain >= vainGain:
		c.doubles, c.why = false, c.target()
		return limit
	case grown, gain >= payingGain && ratio <= graveRatio: // the throughput is that of before, or it was better
		c.doubles, c.why, c.rest, c.shrunk = false, c.target(), now.Add(tryAgain), now
		return max(c.floor, last.from)
	case ratio > queuingRatio && limit > c.floor:
		return c.shrink(limit, ratio, now)
	}
	c.why = c.target()
	return limit
}

// grow tries more requests.
func (c *controller) grow(limit, ratio float64, now time.Time) float64 {
	if limit >= c.most {
		c.why, c.trial = LimitCeiling, trial{}
		return limit
	}
	c.why, c.trial = LimitGrowing, trial{from: limit, ratio: ratio, at: now}
	switch {
	case c.doubles && ratio <= nearQuickest:
		return min(c.most, limit*4) // no queue in sight: a far store costs a round trip for each step
	case c.doubles:
		return min(c.most, limit*2)
	case now.Sub(c.cutAt) < soberAfter:
		return min(c.most, limit+1)
	case ratio < payingRatio:
		return min(c.most, limit+max(1, limit/8))
	}
	return min(c.most, limit+max(1, limit/4)) // so much that its effect shows
}

// shrink has fewer requests stand in the queue.
func (c *controller) shrink(limit, ratio float64, now time.Time) float64 {
	c.doubles, c.shrunk, c.why = false, now, c.target()
	c.trial = trial{from: limit, ratio: ratio, at: now, settled: true}
	return max(c.floor, limit*max(0.5, payingRatio/ratio))
}

// target is what answers late: with large payloads it is the link.
func (c *controller) target() Limit {
	if 2*c.round.large > len(c.round.ratios) {
		return LimitLink
	}
	return LimitStore
}

// anew finds out again how quick the target is: with few requests at once.
func (c *controller) anew(now time.Time) float64 {
	clear(c.kinds)
	c.quick, c.shrunk, c.doubles, c.trial, c.why = now, now, true, trial{}, LimitUnknown
	return c.floor
}
