package progress

import (
	"fmt"
	"sync"

	"github.com/sledge-io/sledge/importer/status"
)

// Sum shows the sum of several devices that are at work side by side.
type Sum struct {
	meter *Meter
	of    int // devices in all

	mu      sync.Mutex
	members []*Member
}

// NewSum shows the sum of several devices by one meter.
func NewSum(m *Meter, of int) *Sum { return &Sum{meter: m, of: of} }

// End takes the line away.
func (c *Sum) End() { c.meter.End() }

// Member is one device's part of the meter.
type Member struct {
	sum  *Sum
	last Sample
}

// Member is for one more device, which has begun.
func (c *Sum) Member() *Member {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := &Member{sum: c}
	c.members = append(c.members, m)
	return m
}

// Tell shows the sum. The totals are of the devices that have begun; none are told
// while one of these does not know its own.
func (m *Member) Tell(s Sample) {
	c := m.sum
	c.mu.Lock()
	defer c.mu.Unlock()
	m.last = s
	sum := Sample{Phase: s.Phase, More: fmt.Sprintf("device %d of %d", len(c.members), c.of)}
	unknown := false
	var pace status.Pace
	for _, one := range c.members {
		unknown = unknown || one.last.TotalFiles == 0 && one.last.Files > 0
		sum.Bytes, sum.TotalBytes = sum.Bytes+one.last.Bytes, sum.TotalBytes+one.last.TotalBytes
		sum.Files, sum.TotalFiles = sum.Files+one.last.Files, sum.TotalFiles+one.last.TotalFiles
		if one.last.Pace != nil {
			pace.BytesPerSecond, pace.EntriesPerSecond = pace.BytesPerSecond+one.last.Pace.BytesPerSecond, pace.EntriesPerSecond+one.last.Pace.EntriesPerSecond
		}
		if one.last.More != "" {
			sum.More += ", " + one.last.More
		}
	}
	if unknown {
		sum.TotalBytes, sum.TotalFiles = 0, 0
	} else {
		pace.Left = status.TimeLeft(sum.TotalBytes-sum.Bytes, sum.TotalFiles-sum.Files, pace.BytesPerSecond, pace.EntriesPerSecond)
	}
	sum.Pace = &pace
	c.meter.Tell(sum)
}

// End is of one device; what it did stays in the sum.
func (m *Member) End() {
	m.sum.mu.Lock()
	defer m.sum.mu.Unlock()
	m.last.More, m.last.Pace = "", nil
}
