package findings

import (
	"sync"
	"sync/atomic"
	"time"
)

// Status tells how far a check is. Bytes are bytes on disks.
type Status struct {
	Phase      string `json:"phase"` // "manifest", "pages" or "disks"
	BytesDone  int64  `json:"bytes_done"`
	BytesTotal int64  `json:"bytes_total"`
	PacksDone  int64  `json:"packs_done"`
	PacksTotal int64  `json:"packs_total"`
}

const progressInterval = 250 * time.Millisecond

// Progress holds counters that workers add to and one goroutine shows.
type Progress struct {
	phase                          atomic.Value // string
	Done, Total, Packs, PacksTotal atomic.Int64
}

func (p *Progress) Enter(phase string) { p.phase.Store(phase) }

func (p *Progress) status() Status {
	phase, _ := p.phase.Load().(string)
	return Status{Phase: phase, BytesDone: p.Done.Load(), BytesTotal: p.Total.Load(),
		PacksDone: p.Packs.Load(), PacksTotal: p.PacksTotal.Load()}
}

// Start shows the status until the returned function is called, and once at the end.
func (p *Progress) Start(show func(Status)) (stop func()) {
	if show == nil {
		return func() {}
	}
	end := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(progressInterval)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				show(p.status())
			case <-end:
				show(p.status())
				return
			}
		}
	})
	return func() { close(end); wg.Wait() }
}
