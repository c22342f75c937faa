package request

import (
	"fmt"
	"time"
)

// Limit is what bounds the requests at once.
type Limit string

// The limits.
const (
	LimitUnknown   Limit = ""          // too few calls have ended
	LimitGrowing   Limit = "growing"   // nothing yet: more of them do more
	LimitStore     Limit = "store"     // more small requests do not make it answer more
	LimitLink      Limit = "link"      // more large payloads do not bring more bytes
	LimitSlowDown  Limit = "slow-down" // the store asks for fewer
	LimitDisks     Limit = "disks"     // the source brings no more
	LimitCeiling   Limit = "ceiling"   // the bound of requests
	LimitMemory    Limit = "memory"
	LimitBandwidth Limit = "bandwidth" // the operator's
)

var limitWords = map[Limit]string{
	LimitGrowing:   "more requests still make it faster",
	LimitStore:     "the store answers no more requests at once",
	LimitLink:      "the link to the store, or its disks, take no more bytes",
	LimitSlowDown:  "the store asks to slow down",
	LimitDisks:     "the device's disks, or this machine, give no more objects",
	LimitCeiling:   "the ceiling (--concurrency, --memory)",
	LimitMemory:    "the memory for payloads (--memory)",
	LimitBandwidth: "the bandwidth limit (--bwlimit)",
}

// Words says it to an operator; "" where it is not known.
func (l Limit) Words() string { return limitWords[l] }

// Decision is so many requests at once from a moment on, and what they are limited by.
type Decision struct {
	At       time.Time `json:"at"`
	Requests int       `json:"requests"`
	Limit    Limit     `json:"limit,omitempty"`
}

func (d Decision) String() string { return fmt.Sprintf("%d %s", d.Requests, d.Limit) }

// decisions are the last ones, and how many there were in all.
type decisions struct {
	ring  [maxDecisions]Decision
	total uint64
}

// maxDecisions bounds what is kept until somebody asks.
const maxDecisions = 128

// note keeps a decision that is another one than the last.
func (d *decisions) note(at time.Time, requests int, limit Limit) {
	if last := d.ring[(d.total+maxDecisions-1)%maxDecisions]; d.total > 0 && last.Requests == requests && last.Limit == limit {
		return
	}
	d.ring[d.total%maxDecisions] = Decision{at, requests, limit}
	d.total++
}

// since are those after the first n, as far as they are kept, and how many there were in all.
func (d *decisions) since(n uint64) (list []Decision, total uint64) {
	for i := max(n, d.total-min(d.total, maxDecisions)); i < d.total; i++ {
		list = append(list, d.ring[i%maxDecisions])
	}
	return list, d.total
}

// Decisions are those that were made after the first n, as far as they are kept, and how many were
// made in all.
func (c *Caller) Decisions(n uint64) (list []Decision, total uint64) {
	l := c.limits.all
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.control.made.since(n)
}

// Limit is what bounds the requests at once now.
func (c *Caller) Limit() Limit {
	l := c.limits.all
	l.mu.Lock()
	why := l.control.why
	l.mu.Unlock()
	switch {
	case why == LimitSlowDown:
		return why
	case c.limits.room.crowded():
		return LimitMemory
	case (why == LimitDisks || why == LimitLink) && c.Pacer.Limits():
		return LimitBandwidth
	}
	return why
}
