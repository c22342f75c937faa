package ingest

import (
	"errors"

	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/appliance/staging"
)

// queued is what waits for the next frame of the journal.
type queued struct {
	taken  *journal.Taken  // nil: a cursor alone
	cursor *journal.Cursor // nil: none
	ticket *ticket
}

func (q *queued) size() int {
	n := 64
	if q.taken != nil {
		n += len(q.taken.Body)
		for _, r := range q.taken.Record {
			n += len(r)
		}
	}
	return n
}

// groupBytes is about how much one frame takes.
const groupBytes = 4 << 20

// commits writes frames for those who wait. All that is queued meanwhile goes into the
// next one: one fsync is for many.
func (d *Door) commits() {
	for {
		select {
		case <-d.wake:
			for group := d.group(); len(group) > 0; group = d.group() {
				d.commitGroup(group)
			}
		case <-d.stop:
			for _, q := range d.group() {
				d.end(q.ticket, ErrGivenUp)
			}
			return
		}
	}
}

func (d *Door) commitGroup(group []queued) {
	err := d.moveStaged(staging.Most)
	if err == nil {
		err = d.why()
	}
	if err == nil {
		err = d.to.CommitTaken(message(group))
	}
	for _, q := range group {
		d.end(q.ticket, err)
	}
	if err == nil && d.to.StagedBytes() >= staging.MoveAt {
		select {
		case d.move <- struct{}{}:
		default:
		}
	}
}

// group takes what one frame has room for off the queue; all of it from a door that is
// shut.
func (d *Door) group() []queued {
	d.mu.Lock()
	defer d.mu.Unlock()
	size, n := 0, 0
	for n < len(d.queue) && (size < groupBytes || d.err != nil) {
		size += d.queue[n].size()
		n++
	}
	group := d.queue[:n:n]
	d.queue = d.queue[n:]
	return group
}

func message(group []queued) *journal.Message {
	m := &journal.Message{List: journal.Doors}
	for _, q := range group {
		if q.taken != nil {
			m.Taken = append(m.Taken, *q.taken)
		}
		if q.cursor != nil {
			m.Cursors = append(m.Cursors, *q.cursor)
		}
	}
	return m
}

// moves moves what is staged into packs, beside the frames.
func (d *Door) moves() {
	for {
		select {
		case <-d.move:
			if err := d.moveStaged(staging.MoveAt); err != nil {
				d.shut(err)
			}
		case <-d.stop:
			return
		}
	}
}

// moveStaged moves what is staged, if that is so much.
func (d *Door) moveStaged(least int64) error {
	if d.to.StagedBytes() < least {
		return nil
	}
	d.moving.Lock()
	defer d.moving.Unlock()
	if d.to.StagedBytes() < least {
		return nil
	}
	return Move(d.to, d.to.Staged())
}

// Move puts staged entries into packs. Those whose place something else has taken
// meanwhile are left out.
func Move(to Device, staged []*staging.Entry) error {
	if len(staged) == 0 {
		return nil
	}
	w := NewWriter(to, journal.Doors)
	err := moveAll(w, staged)
	if err == nil {
		err = w.Flush()
	}
	if cerr := w.Close(); cerr != nil && (err == nil || errors.Is(err, ErrCloser)) {
		err = cerr
	}
	return err
}

func moveAll(w *Writer, staged []*staging.Entry) error {
	places := map[string][]Extent{} // by SHA-256: names of one content share them
	for _, e := range staged {
		if w.HasFailed() {
			return ErrCloser
		}
		sum := string(e.Record.SHA256)
		extents := places[sum]
		if extents == nil && len(e.Body) > 0 {
			c := w.BeginPass(nil)
			if err := c.Write(e.Body); err != nil {
				return err
			}
			extents = c.Extents()
			places[sum] = extents
		}
		p := &Pending{Record: e.Record, Extents: extents, Parts: e.Parts, Staged: e}
		if err := w.AddEntry(p, nil); err != nil {
			return err
		}
		if w.Due() {
			if err := w.Flush(); err != nil {
				return err
			}
		}
	}
	return nil
}
