package pace

import (
	"testing"
	"time"
)

// answer lets a source answer for some time whose calls take delay, and that makes no
// more than rate calls a second.
func answer(p *Pace, now *time.Time, delay time.Duration, rate float64, duration time.Duration) {
	for end := now.Add(duration); now.Before(end); {
		took := max(delay, time.Duration(float64(p.limit)/rate*float64(time.Second)))
		*now = now.Add(took / time.Duration(p.limit))
		p.Took(*now, 1, took, true)
	}
}

// The number of calls in flight grows with latency, ends where the source is at its
// limit, and stays least on a local disk.
func TestPace(t *testing.T) {
	for name, c := range map[string]struct {
		delay   time.Duration
		rate    float64
		low, hi int
	}{
		"local":       {3 * time.Microsecond, 600e3, 0, 0},
		"1 ms":        {time.Millisecond, 1e9, Most * 3 / 4, Most},
		"1 ms, 20k/s": {time.Millisecond, 20e3, 14, 48},
		"slow disk":   {5 * time.Millisecond, 400, 0, 8},
	} {
		p := New(0)
		now := time.Unix(0, 0)
		answer(&p, &now, c.delay, c.rate, 2*time.Second)
		if limit := p.limit; limit < max(c.low, p.least) || limit > max(c.hi, p.least) {
			t.Errorf("%s: %d calls in flight", name, limit)
		}
	}
}

// A source that gets slower has fewer calls, and more again when it recovers.
func TestPaceRecovers(t *testing.T) {
	p := New(0)
	now := time.Unix(0, 0)
	answer(&p, &now, time.Millisecond, 1e9, 1*time.Second)
	before := p.limit
	answer(&p, &now, time.Millisecond, 1000, 6*time.Second)
	slow := p.limit
	answer(&p, &now, time.Millisecond, 1e9, 12*time.Second)
	if slow >= before/2 || p.limit < before/2 {
		t.Errorf("%d calls in flight before, %d while it was slow, %d afterwards", before, slow, p.limit)
	}
}

// A pinned number stays.
func TestPacePinned(t *testing.T) {
	p := New(7)
	now := time.Unix(0, 0)
	if answer(&p, &now, time.Millisecond, 1e9, 1*time.Second); p.limit != 7 {
		t.Errorf("%d calls in flight", p.limit)
	}
}
