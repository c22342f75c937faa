package ingest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/appliance/staging"
	"github.com/sledge-io/sledge/manifest"
)

// OpenDevice is what a door asks of the open device.
type OpenDevice interface {
	Device
	// CommitTaken makes a message of small entries, withdrawals and cursors durable.
	CommitTaken(m *journal.Message) error
	// Staged lists what is in the journal and in no pack.
	Staged() []*staging.Entry
	StagedBytes() int64
	// Cursor is the last one of a source that is durable; nil if there is none.
	Cursor(source SourceID) []byte
	// Lanes is how many packs may be open beside the one that staged entries move into.
	Lanes() int
	// HashWhole reports whether content of more than one part gets a SHA-256 of the whole.
	HashWhole() bool
	// End is the door's last call.
	End(ctx context.Context) error
}

// Door is an open device's door. It has as many sessions as there are clients; they share
// packs and frames.
type Door struct {
	to      OpenDevice
	lanes   []*lane
	next    atomic.Uint64 // lane
	wake    chan struct{} // somebody waits for the queue
	move    chan struct{} // much is staged
	stop    chan struct{}
	moving  sync.Mutex
	running sync.WaitGroup
	buffers sync.Pool // of one body each

	mu       sync.Mutex
	names    *Names
	inFlight map[string]*ticket // accepted and not durable, by path
	queue    []queued
	err      error // nothing more is taken
}

// lane is a writer that sessions share. Its lock is taken before the door's.
type lane struct {
	mu sync.Mutex
	w  *Writer
}

// ticket is what became of something that was accepted.
type ticket struct {
	path      string
	withdraws bool
	lane      *lane  // nil: it is in the queue
	turn      uint64 // the lane's when it was added; guarded by the lane's lock
	done      chan struct{}
	err       error // once done is closed
}

// Open opens a device's door; names are what it has. Close it.
func Open(to OpenDevice, names *Names) *Door {
	d := &Door{to: to, names: names, wake: make(chan struct{}, 1), move: make(chan struct{}, 1), stop: make(chan struct{}), inFlight: map[string]*ticket{}}
	d.buffers.New = func() any { b := make([]byte, SmallBody+1); return &b }
	for range to.Lanes() {
		d.lanes = append(d.lanes, &lane{w: NewWriter(to, journal.Doors)})
	}
	d.running.Go(d.commits)
	d.running.Go(d.moves)
	return d
}

// Session is a Sink for one client, or for several that flush together.
func (d *Door) Session() *Session {
	n := d.next.Add(1) - 1
	return &Session{door: d, lane: d.lanes[n%uint64(len(d.lanes))]}
}

// Close gives up what no flush asked for, and moves what is staged into packs. Sessions
// take nothing more.
func (d *Door) Close(ctx context.Context) error {
	failed := d.shut(ErrClosed)
	var errs []error
	for _, l := range d.lanes {
		l.mu.Lock()
		errs = append(errs, l.w.Close())
		l.mu.Unlock()
	}
	close(d.stop)
	d.running.Wait()
	if errors.Is(failed, ErrClosed) && errors.Join(errs...) == nil { // else the device opens again, and has it
		errs = append(errs, d.moveStaged(0))
	}
	return errors.Join(append(errs, d.to.End(ctx))...)
}

// shut ends the taking of entries, unless it has ended, and returns why it has.
func (d *Door) shut(err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil {
		d.err = err
	}
	return d.err
}

// why is the error of who comes after shut.
func (d *Door) why() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// blocked returns what has to be durable before an entry of the path is accepted, so that
// the journal has both in their order. The caller holds mu.
func (d *Door) blocked(path string) *ticket {
	if t := d.inFlight[path]; t != nil {
		return t
	}
	for i := strings.LastIndexByte(path, '/'); i > 0; i = strings.LastIndexByte(path[:i], '/') {
		if t := d.inFlight[path[:i]]; t != nil && t.withdraws {
			return t
		}
	}
	return nil
}

// admit accepts an entry of a path, into a lane or the queue, or returns what it has to
// wait for. The caller holds mu, and before it the lane's lock until the entry is added.
func (d *Door) admit(kind manifest.Kind, path string, l *lane) (t, blocker *ticket, err error) {
	if d.err != nil {
		return nil, nil, d.err
	}
	if blocker = d.blocked(path); blocker != nil {
		return nil, blocker, nil
	}
	if err := d.names.mayPut(kind, path); err != nil {
		return nil, nil, err
	}
	if err := d.names.Add(kind, path, true); err != nil {
		return nil, nil, err
	}
	return d.ticket(path, l), nil, nil
}

// ticket is a new one; the caller holds mu.
func (d *Door) ticket(path string, l *lane) *ticket {
	t := &ticket{path: path, lane: l, done: make(chan struct{})}
	d.inFlight[path] = t
	return t
}

// end says what became of something. After an error nothing more is taken: what a reader
// finds is for the next one that opens the device to say.
func (d *Door) end(t *ticket, err error) {
	d.mu.Lock()
	if d.inFlight[t.path] == t {
		delete(d.inFlight, t.path)
	}
	if err != nil && d.err == nil {
		d.err = fmt.Errorf("the door takes nothing more: %w", err)
	}
	d.mu.Unlock()
	t.err = err
	close(t.done)
}

// ask has a ticket's entry made durable soon.
func (d *Door) ask(t *ticket) error {
	if t.lane == nil {
		select {
		case d.wake <- struct{}{}:
		default:
		}
		return nil
	}
	t.lane.mu.Lock()
	defer t.lane.mu.Unlock()
	if t.turn != t.lane.w.turn {
		return nil
	}
	return t.lane.w.Flush()
}

// settle makes a ticket's entry durable.
func (d *Door) settle(ctx context.Context, t *ticket) error {
	if err := d.why(); err != nil {
		return err
	}
	if err := d.ask(t); err != nil {
		return err
	}
	return t.wait(ctx)
}

func (t *ticket) wait(ctx context.Context) error {
	select {
	case <-t.done:
		return t.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
