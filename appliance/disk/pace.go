package disk

import (
	"slices"
	"time"
)

// pace is how fast a disk took its writes. The time in which none was under way does not
// count.
type pace struct {
	first, since time.Time // when the first write began; when the writes began that are under way
	flying       int
	busy         time.Duration // without that since
	bytes        int64
}

func (p *pace) begin(now time.Time) {
	if p.first.IsZero() {
		p.first = now
	}
	if p.flying == 0 {
		p.since = now
	}
	p.flying++
}

func (p *pace) end(now time.Time, n int) {
	p.bytes += int64(n)
	if p.flying--; p.flying == 0 {
		p.busy += now.Sub(p.since)
	}
}

// Pace is how fast a disk takes what is written to it.
type Pace struct {
	Disk string
	Rate float64 // bytes a second, while a write was under way
	Busy float64 // share of the time since its first write in which one was
}

// minPaced is how much a disk takes before its rate says anything.
const minPaced = 16 << 20

// pace is the bay's; nil while little was written.
func (b *Bay) pace(now time.Time) *Pace {
	w := b.io
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	busy, all := w.pace.busy, now.Sub(w.pace.first)
	if w.pace.flying > 0 {
		busy += now.Sub(w.pace.since)
	}
	if w.pace.bytes < minPaced || busy <= 0 {
		return nil
	}
	return &Pace{b.Disk.Name, float64(w.pace.bytes) / busy.Seconds(), float64(busy) / float64(max(all, busy))}
}

// A disk is what the others wait for if it was busy for most of the time, with a rate
// that is well below that of the disk in the middle.
const (
	limitBusy  = 0.6
	limitShare = 0.75
)

// Slowest is the disk that the others wait for; nil if there is none. It may be asked
// after the writers have stopped, too.
func (s Bays) Slowest(now time.Time) *Pace {
	var paces []*Pace
	for _, b := range s.Healthy() {
		if p := b.pace(now); p != nil {
			paces = append(paces, p)
		}
	}
	if len(paces) < 2 {
		return nil
	}
	slices.SortFunc(paces, func(a, b *Pace) int {
		if a.Rate < b.Rate {
			return -1
		}
		return 1
	})
	slowest := paces[0]
	if slowest.Busy < limitBusy || slowest.Rate > limitShare*paces[len(paces)/2].Rate {
		return nil
	}
	return slowest
}
