package ingest

import (
	"errors"
	"time"

	"github.com/sledge-io/sledge/manifest"
)

// Device is what writers ask of the open device.
type Device interface {
	// Reserve keeps room for one pack, and says how many bytes of a body it may take.
	Reserve() (limit int64, err error)
	Release(limit int64)
	OpenPack() (*Pack, error)
	// Commit makes a batch durable, with the pack whose entry is given; both are nil for
	// records without one.
	Commit(p *Pack, entry *manifest.Pack, b *Batch, source manifest.ID) error
	Now() time.Time
	// PackAge is how long what was accepted may wait for its commit.
	PackAge() time.Duration
}

// Writer puts content and records into packs of its own. A closed pack is made
// durable in the background by the writer's closer, one after another, so that commits
// of one writer keep their order and a long file's packs have their numbers when its
// record is written.
type Writer struct {
	to     Device
	source manifest.ID
	pack   *Pack
	batch  Batch // records without a pack yet; moves into the next pack
	since  time.Time
	limit  int64 // body bytes of the open pack
	closes chan closing
	closed chan error
	failed chan struct{} // closed when the closer has met an error
	turn   uint64        // how often Flush handed something on
}

type closing struct {
	pack  *Pack // nil: records without bytes
	batch Batch
}

// NewWriter is for one goroutine; source is whose records it commits. Close it.
func NewWriter(to Device, source manifest.ID) *Writer {
	w := &Writer{to: to, source: source, closes: make(chan closing, 1), closed: make(chan error, 1), failed: make(chan struct{}), since: to.Now()}
	go func() { w.closed <- w.closer() }()
	return w
}

// closer commits what the writer closed. After an error it only drains: nothing
// later may commit, for a long file's packs must commit in order.
func (w *Writer) closer() (failed error) {
	for c := range w.closes {
		if failed == nil {
			if failed = w.commit(&c); failed != nil {
				close(w.failed) // the writer need not go on
			}
		} else if c.pack != nil {
			c.pack.drop()
		}
		if c.pack != nil {
			w.to.Release(c.pack.reserved)
		}
		c.batch.end(failed)
	}
	return failed
}

func (w *Writer) commit(c *closing) error {
	var entry *manifest.Pack
	if c.pack != nil {
		var err error
		if entry, err = c.pack.CommitEntry(); err != nil {
			return err
		}
	}
	return w.to.Commit(c.pack, entry, &c.batch, w.source)
}

// ErrCloser stands for the error of a writer's closer, which Close returns.
var ErrCloser = errors.New("a pack could not be committed")

// ErrGivenUp: what was accepted was never flushed, and is not on the device.
var ErrGivenUp = errors.New("given up before it was durable")

// Failing is closed when the closer has met an error.
func (w *Writer) Failing() <-chan struct{} { return w.failed }

// HasFailed reports whether going on is pointless.
func (w *Writer) HasFailed() bool {
	select {
	case <-w.failed:
		return true
	default:
		return false
	}
}

// Close waits for the closer. What was not flushed is given up.
func (w *Writer) Close() error {
	if w.pack != nil { // after an error: give buffers back, commit nothing
		w.pack.GiveUp()
		w.to.Release(w.pack.reserved)
		w.pack = nil
	}
	w.batch.end(ErrGivenUp)
	close(w.closes)
	return <-w.closed
}

// Flush hands the open pack, or records without bytes, to the closer.
func (w *Writer) Flush() error {
	w.turn++
	if w.pack == nil {
		if !w.batch.Empty() {
			w.closes <- closing{batch: w.batch}
			w.batch = Batch{}
		}
		w.since = w.to.Now()
		return nil
	}
	p := w.pack
	w.pack = nil
	if err := p.Drain(); err != nil {
		w.to.Release(p.reserved)
		w.batch.end(err)
		w.batch = Batch{}
		return err
	}
	w.closes <- closing{pack: p, batch: w.batch}
	w.batch = Batch{}
	w.since = w.to.Now()
	return nil
}

// Holds reports whether anything waits for a flush.
func (w *Writer) Holds() bool { return w.pack != nil || !w.batch.Empty() }

// Due reports whether what is open should be committed: by size, by time, or
// because its records alone make a large frame.
func (w *Writer) Due() bool {
	if w.pack != nil && w.pack.offset() >= w.limit || w.batch.Full() {
		return true
	}
	return w.to.Now().Sub(w.since) >= w.to.PackAge()
}

// open makes sure that a pack is open.
func (w *Writer) open() error {
	if w.pack != nil {
		return nil
	}
	limit, err := w.to.Reserve()
	if err != nil {
		return err
	}
	if w.pack, err = w.to.OpenPack(); err != nil {
		w.to.Release(limit)
		return err
	}
	w.pack.reserved, w.limit = limit, limit
	if w.batch.Empty() {
		w.since = w.to.Now()
	}
	return nil
}

// Room is where the next content may be put, never empty. It opens a pack.
func (w *Writer) Room() ([]byte, error) {
	if err := w.open(); err != nil {
		return nil, err
	}
	return w.pack.room()
}

// Took says that n bytes of content were put into Room, and where they lie. d takes
// them before the pack closes, or by Settle.
func (w *Writer) Took(n int, d *Digest) Extent {
	e := Extent{length: int64(n), pack: w.pack, packOffset: w.pack.offset()}
	w.pack.took(n, d)
	return e
}

// Settle brings digests up to what was taken.
func (w *Writer) Settle() {
	if w.pack != nil {
		w.pack.settle()
	}
}

// Add adds a record of about a path's length to what the next flush commits.
func (w *Writer) Add(p *Pending) { w.batch.Add(p) }

// AddLarge adds a record of any length. It commits those before if a frame has no room
// for all: the content of the record may be durable before it.
func (w *Writer) AddLarge(p *Pending) error {
	if err := w.fit(p); err != nil {
		return err
	}
	w.batch.Add(p)
	return nil
}

// fit commits the records before p if a frame has no room for all.
func (w *Writer) fit(p *Pending) error {
	if w.batch.Empty() || w.batch.size+p.size() <= recordBudget {
		return nil
	}
	return w.Flush()
}

// AddEntry adds a record that is on no scan list. ended hears what became of it, from
// another goroutine.
func (w *Writer) AddEntry(p *Pending, ended func(error)) error {
	if err := w.fit(p); err != nil {
		return err
	}
	w.batch.addEntry(p, ended)
	return nil
}

// Full reports whether the records alone make a large frame.
func (w *Writer) Full() bool { return w.batch.Full() }
