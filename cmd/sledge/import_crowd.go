package main

import (
	"sync"
	"sync/atomic"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/internal/metrics"
	"github.com/sledge-io/sledge/internal/progress"
)

// crowd is what devices that are imported in one command have in common: one
// meter, that shows their sum, and one server of metrics.
type crowd struct {
	sum     *progress.Sum
	metrics *metrics.Server // nil without --metrics
	waiting atomic.Int64    // devices whose turn is still to come
	planned *plannedUnion   // of a plan; else nil

	mu    sync.Mutex
	first *appliance.Reader // whose memory all share
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

// server is nil where each import has its own.
func (c *crowd) server() *metrics.Server {
	if c == nil {
		return nil
	}
	return c.metrics
}

func (c *crowd) end() {
	c.sum.End()
	if c.metrics != nil {
		c.metrics.Close()
	}
}
