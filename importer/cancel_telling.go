package importer

import (
	"time"

	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
)

// cancelTeller tells whoever watches what a cancel has done so far. The run's own numbers stay
// those of its last start.
type cancelTeller struct {
	c       *canceler
	earlier map[target.Code]uint64 // problems of before this call
	status  status.Status
}

// telling tells that the run is canceled, and every second how far that is, until the returned
// function is called: the command is through then.
func (c *canceler) telling() (end func()) {
	r := c.run
	if r.opts.StatusEvery <= 0 {
		return func() {}
	}
	was, _ := r.folder().Last()
	t := &cancelTeller{c: c, earlier: was.Problems, status: r.tellCanceled()}
	t.status.Cancel = &status.Cancel{Started: r.opts.Now().UTC(), Deletes: c.remove}
	t.tell(false)
	stop, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(r.tellEvery())
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				t.tell(false)
			case <-stop:
				return
			}
		}
	}()
	return func() {
		close(stop)
		<-gone
		t.tell(true)
	}
}

// tell tells this moment. Whoever has taken the folder tells by himself.
func (t *cancelTeller) tell(ended bool) {
	c, r := t.c, t.c.run
	if heldBy(r.opts.StateDir)() != nil {
		return
	}
	now := *t.status.Cancel
	c.list.counted(&c.out, &now)
	now.Ended = ended
	s := t.status
	s.Cancel, s.Updated, s.Problems = &now, r.opts.Now().UTC(), r.met()
	for code, n := range t.earlier {
		s.Problems[code] += n
	}
	(&teller{run: r}).write(s)
}

// counted copies what is counted until now.
func (l *canceledList) counted(from *Canceled, to *status.Cancel) {
	l.mu.Lock()
	defer l.mu.Unlock()
	to.Aborted, to.Deleted, to.Left = from.Aborted, from.Deleted, from.Left
	to.Changed, to.Failed, to.Gone = from.Changed, from.Failed, from.Gone
}
