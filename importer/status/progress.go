package status

import (
	"sync/atomic"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/request"
)

// Progress is a moment of a run. Totals are 0 while they are not known. What
// earlier starts have done is in the numbers, and apart in Earlier….
type Progress struct {
	Entries        uint64        `json:"entries"`
	TotalEntries   uint64        `json:"total_entries"`
	Bytes          int64         `json:"bytes"`
	TotalBytes     int64         `json:"total_bytes"`
	Objects        uint64        `json:"objects"` // stored or found
	EarlierEntries uint64        `json:"earlier_entries"`
	EarlierBytes   int64         `json:"earlier_bytes"`
	Failed         uint64        `json:"failed"`
	Retries        int64         `json:"retries"`
	Throttled      int64         `json:"throttled"`
	Requests       int           `json:"requests"`        // that the target bears at once, as far as is known
	Limit          request.Limit `json:"limit,omitempty"` // what bounds them
	Elapsed        time.Duration `json:"elapsed_ns"`
	State          request.State `json:"-"`
	Halt           *request.Halt `json:"-"`
	Pace           Pace          `json:"-"`
	Opens          time.Time     `json:"opens,omitzero"` // when requests may begin again; zero within the run's hours
}

// Counter gathers what Progress tells.
type Counter struct {
	Entries, Objects, Failed atomic.Uint64
	Bytes                    atomic.Int64
	EarlyEntries             atomic.Uint64
	EarlyBytes               atomic.Int64
	TotalEntries             uint64
	TotalBytes               int64
	Started                  time.Time
}

// Early counts an entry of an earlier start. Its bytes are in the target already.
func (p *Counter) Early(e entry.Entry, outcome entry.Outcome) {
	p.EarlyEntries.Add(1)
	if outcome == entry.OutcomeStored || outcome == entry.OutcomeAlreadyThere {
		p.Bytes.Add(e.Record.DataLength())
		p.EarlyBytes.Add(e.Record.DataLength())
	}
}

// Page counts a page of an earlier start.
func (p *Counter) Page(t entry.Tally) {
	p.Entries.Add(t.Entries())
	p.Objects.Add(t.Outcomes[entry.OutcomeStored] + t.Outcomes[entry.OutcomeAlreadyThere])
	p.EarlyEntries.Add(t.Entries())
	p.Bytes.Add(t.Bytes)
	p.EarlyBytes.Add(t.Bytes)
}

// Again forgets what was counted: nothing is on its way.
func (p *Counter) Again() {
	p.Entries.Store(0)
	p.Objects.Store(0)
	p.Failed.Store(0)
	p.Bytes.Store(0)
	p.EarlyEntries.Store(0)
	p.EarlyBytes.Store(0)
}
