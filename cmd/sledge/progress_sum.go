package main

import (
	"fmt"
	"sync"

	"github.com/sledge-io/sledge/importer"
)

// progressSum shows the sum of several devices that are at work side by side.
type progressSum struct {
	meter *meter
	of    int // devices in all

	mu      sync.Mutex
	members []*member
}

func newProgressSum(m *meter, of int) *progressSum { return &progressSum{meter: m, of: of} }

// End takes the line away.
func (c *progressSum) End() { c.meter.End() }

// member is one device's part of the meter.
type member struct {
	sum  *progressSum
	last sample
}

// member is for one more device, which has begun.
func (c *progressSum) member() *member {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := &member{sum: c}
	c.members = append(c.members, m)
	return m
}

// Tell shows the sum. The totals are of the devices that have begun; none are told
// while one of these does not know its own.
func (m *member) Tell(s sample) {
	c := m.sum
	c.mu.Lock()
	defer c.mu.Unlock()
	m.last = s
	sum := sample{phase: s.phase, more: fmt.Sprintf("device %d of %d", len(c.members), c.of)}
	unknown := false
	var pace importer.Pace
	for _, one := range c.members {
		unknown = unknown || one.last.totalFiles == 0 && one.last.files > 0
		sum.bytes, sum.totalBytes = sum.bytes+one.last.bytes, sum.totalBytes+one.last.totalBytes
		sum.files, sum.totalFiles = sum.files+one.last.files, sum.totalFiles+one.last.totalFiles
		if one.last.pace != nil {
			pace.BytesPerSecond, pace.EntriesPerSecond = pace.BytesPerSecond+one.last.pace.BytesPerSecond, pace.EntriesPerSecond+one.last.pace.EntriesPerSecond
		}
		if one.last.more != "" {
			sum.more += ", " + one.last.more
		}
	}
	if unknown {
		sum.totalBytes, sum.totalFiles = 0, 0
	} else {
		pace.Left = importer.TimeLeft(sum.totalBytes-sum.bytes, sum.totalFiles-sum.files, pace.BytesPerSecond, pace.EntriesPerSecond)
	}
	sum.pace = &pace
	c.meter.Tell(sum)
}

// End is of one device; what it did stays in the sum.
func (m *member) End() {
	m.sum.mu.Lock()
	defer m.sum.mu.Unlock()
	m.last.more, m.last.pace = "", nil
}
