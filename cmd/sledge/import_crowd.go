package main

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/importer"
)

// crowd is what devices that are imported in one command have in common: one
// meter, that shows their sum, and one server of metrics.
type crowd struct {
	meter   *meter
	metrics *metricsServer // nil without --metrics
	of      int            // devices in all
	waiting atomic.Int64   // devices whose turn is still to come
	planned *plannedUnion  // of a plan; else nil

	mu      sync.Mutex
	members []*member
	first   *appliance.Reader // whose memory all share
}

// member is one device's part of the meter.
type member struct {
	crowd *crowd
	last  sample
}

// shareMemory lets a device keep decoded bytes in the same memory as the others.
func (c *crowd) shareMemory(r *appliance.Reader) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first == nil {
		c.first = r
		return
	}
	r.ShareMemory(c.first)
}

func (c *crowd) member() *member {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := &member{crowd: c}
	c.members = append(c.members, m)
	return m
}

// server is nil where each import has its own.
func (c *crowd) server() *metricsServer {
	if c == nil {
		return nil
	}
	return c.metrics
}

// tell shows the sum. The totals are of the devices that have begun; none are told
// while one of these does not know its own.
func (m *member) tell(s sample) {
	c := m.crowd
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
	c.meter.tell(sum)
}

// end is of one device; what it did stays in the sum.
func (m *member) end() {
	m.crowd.mu.Lock()
	defer m.crowd.mu.Unlock()
	m.last.more, m.last.pace = "", nil
}

func (c *crowd) end() {
	c.meter.end()
	if c.metrics != nil {
		c.metrics.close()
	}
}
