package request

import (
	"math/bits"
	"slices"
	"time"
)

// controller finds how many requests at once the target rewards. More of them pay while the answers
// take no longer: so many are under way then that the way there is the limit. Where they take long
// the requests stand in a queue, and fewer do as much. What a request takes is compared to the
// quickest of its kind.
//
// Below the floor nothing but "slow down" leads.
type controller struct {
	floor, most float64
	calm        time.Duration // at most one cut in this time

	kinds   map[kind]time.Duration // the quickest of each
	quick   time.Time              // when a call was about as quick as that last
	ratios  []float64              // of this round
	doubles bool                   // until the first round that does not pay, or the first refusal
	cutAt   time.Time              // the last refusal that was heeded
	shrunk  time.Time              // calls that began before say nothing
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
	queuingRatio = 3.0              // so many do not
	nearQuickest = 1.25             // as good as the quickest
	staleAfter   = 30 * time.Second // without a quick one: the way itself may be another
	soberAfter   = 5 * time.Second  // without a refusal more is dared
)

func newController(most int, calm time.Duration) *controller {
	return &controller{floor: float64(min(FirstAtOnce, most)), most: float64(most), calm: calm, kinds: map[kind]time.Duration{}, doubles: true}
}

// refused is the limit after "slow down".
func (c *controller) refused(limit float64, now time.Time) float64 {
	if now.Sub(c.cutAt) < c.calm {
		return limit
	}
	c.cutAt, c.doubles, c.ratios = now, false, c.ratios[:0]
	return max(1, limit/2)
}

// succeeded is the limit after a call that took so long. full tells that the limit held calls back,
// or nearly: else more places would teach nothing.
func (c *controller) succeeded(limit float64, s sample, full bool) float64 {
	if limit < c.floor {
		return min(c.floor, limit+1/limit)
	}
	if s.took <= 0 || s.began.Before(c.shrunk) {
		return limit
	}
	now := s.began.Add(s.took)
	c.ratios = append(c.ratios, c.ratio(s, now))
	if len(c.ratios) < int(limit) {
		return limit
	}
	// The quicker ones of a round tell: a new connection, or a pause of ours, is no word of the target's.
	slices.Sort(c.ratios)
	ratio := c.ratios[len(c.ratios)/4]
	c.ratios = c.ratios[:0]
	return c.decide(limit, ratio, now, full)
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
	case ratio > queuingRatio && limit > c.floor:
		c.doubles, c.shrunk = false, now
		return max(c.floor, limit*max(0.5, payingRatio/ratio))
	case ratio >= payingRatio:
		c.doubles = false
		return limit
	case !full:
		return limit
	case c.doubles:
		return min(c.most, limit*2)
	case now.Sub(c.cutAt) >= soberAfter:
		return min(c.most, limit+max(1, limit/8))
	}
	return min(c.most, limit+1)
}

// anew finds out again how quick the target is: with few requests at once.
func (c *controller) anew(now time.Time) float64 {
	clear(c.kinds)
	c.quick, c.shrunk, c.doubles = now, now, true
	return c.floor
}
