package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/manifest"
)

// SmallBody is the size up to which content goes into the journal's next frame: nobody
// waits for a pack because of it.
const SmallBody = 64 << 10

// Session is a Sink of an open device.
type Session struct {
	door *Door
	lane *lane

	mu      sync.Mutex
	tickets []*ticket // accepted since the last flush
}

var _ Sink = (*Session)(nil)

// Put implements Sink.
func (s *Session) Put(ctx context.Context, e Entry, body io.Reader) (Ref, error) {
	if err := e.Check(); err != nil {
		return Ref{}, err
	}
	if e.Kind != manifest.KindFile {
		return s.putSmall(ctx, &content{path: e.Path, record: e.record(e.Kind)})
	}
	if err := s.door.open(e.Kind, e.Path); err != nil { // before the body is read
		return Ref{}, err
	}
	if body == nil {
		body = eof{}
	}
	buf := s.door.buffers.Get().(*[]byte)
	defer s.door.buffers.Put(buf)
	head := *buf
	n, err := io.ReadFull(body, head)
	switch {
	case err == nil:
		return s.putLong(ctx, &e, head, body)
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return Ref{}, err
	}
	c := &content{path: e.Path, record: e.record(e.Kind), body: bytes.Clone(head[:n])}
	if err := c.digest(&e); err != nil {
		return Ref{}, err
	}
	return s.putSmall(ctx, c)
}

// eof is a body of no bytes.
type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// open refuses a path before its content is read.
func (d *Door) open(kind manifest.Kind, path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return d.err
	}
	return d.names.mayPut(kind, path)
}

// digest hashes a small body.
func (c *content) digest(e *Entry) error {
	size := int64(len(c.body))
	if err := e.Ended(size); err != nil {
		return err
	}
	h := newPartHash(e.Parts)
	h.write(c.body)
	d := NewDigest(size, true)
	d.Write(c.body)
	d.Fill(&c.record)
	c.record.Size, c.parts = size, h.list()
	return nil
}

// Ended compares content with what was said of it.
func (e *Entry) Ended(size int64) error {
	want := e.Size
	if len(e.Parts) > 0 {
		want = 0
		for _, n := range e.Parts {
			want += n
		}
	}
	if want >= 0 && want != size {
		return fmt.Errorf("%w: %q: %d bytes, not %d", ErrSize, e.Path, size, want)
	}
	return nil
}

// putSmall puts an entry into the journal's next frame.
func (s *Session) putSmall(ctx context.Context, c *content) (Ref, error) {
	encoded, err := journal.EncodeTaken(c.record)
	if err != nil {
		return Ref{}, fmt.Errorf("%w: %w", ErrEntry, err)
	}
	taken := &journal.Taken{Record: encoded, Body: c.body, Parts: c.parts}
	for {
		d := s.door
		d.mu.Lock()
		t, blocker, err := d.admit(c.record.Kind, c.path, nil)
		if t != nil {
			d.queue = append(d.queue, queued{taken: taken, ticket: t})
		}
		d.mu.Unlock()
		if t != nil {
			c.taken = t
			s.accepted(t)
			return Ref{c}, nil
		}
		if err == nil {
			err = d.settle(ctx, blocker)
		}
		if err != nil {
			return Ref{}, err
		}
	}
}

func (s *Session) accepted(t *ticket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tickets = append(s.tickets, t)
}

// putLong streams content into the session's lane, by way of head, whose content was read
// already.
func (s *Session) putLong(ctx context.Context, e *Entry, head []byte, body io.Reader) (Ref, error) {
	whole := s.door.to.HashWhole()
	digest := NewOpenDigest(whole)
	if e.Size >= 0 {
		digest = NewDigest(e.Size, whole)
	}
	in := &passing{lane: s.lane, to: s.lane.w.BeginPass(digest), parts: newPartHash(e.Parts), entry: e}
	if err := in.write(head); err != nil {
		return Ref{}, err
	}
	if err := in.rest(ctx, body, head); err != nil {
		return Ref{}, err
	}
	if err := e.Ended(in.to.Off); err != nil {
		return Ref{}, err
	}
	c := &content{path: e.Path, record: e.record(e.Kind), packed: in.to.Extents(), parts: in.parts.list()}
	c.record.Size = in.to.Off
	in.lane.mu.Lock()
	in.lane.w.Settle()
	in.lane.mu.Unlock()
	digest.Fill(&c.record)
	if _, err := journal.EncodeTaken(c.record); err != nil {
		return Ref{}, fmt.Errorf("%w: %w", ErrEntry, err)
	}
	return s.addLong(ctx, c)
}

// addLong adds the record of content that is in the lane.
func (s *Session) addLong(ctx context.Context, c *content) (Ref, error) {
	d, l := s.door, s.lane
	p := &Pending{Record: c.record, Extents: c.packed, Parts: c.parts}
	for {
		l.mu.Lock()
		d.mu.Lock()
		t, blocker, err := d.admit(c.record.Kind, c.path, l)
		d.mu.Unlock()
		if t != nil {
			c.taken = t
			err = l.w.AddEntry(p, func(err error) { d.end(t, err) })
			t.turn = l.w.turn
		}
		l.mu.Unlock()
		switch {
		case t != nil && err != nil:
			d.end(t, err)
			return Ref{}, err
		case t != nil:
			s.accepted(t)
			return Ref{c}, nil
		case err == nil:
			err = d.settle(ctx, blocker)
		}
		if err != nil {
			return Ref{}, err
		}
	}
}

// passing is long content on its way into a lane, among that of others.
type passing struct {
	lane  *lane
	to    *Content
	parts *partHash
	entry *Entry
}

func (p *passing) write(b []byte) error {
	if p.entry.Size < 0 && p.to.Off+int64(len(b)) > MaxOpen {
		return fmt.Errorf("%w: %q", ErrTooLong, p.entry.Path)
	}
	if p.entry.Size >= 0 && p.to.Off+int64(len(b)) > p.entry.Size {
		return fmt.Errorf("%w: %q: more than %d bytes", ErrSize, p.entry.Path, p.entry.Size)
	}
	p.parts.write(b)
	p.lane.mu.Lock()
	defer p.lane.mu.Unlock()
	if p.lane.w.HasFailed() {
		return ErrCloser
	}
	return p.to.Write(b)
}

// rest reads the body to its end.
func (p *passing) rest(ctx context.Context, body io.Reader, buf []byte) error {
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := body.Read(buf)
		if n > 0 {
			if err := p.write(buf[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Link implements Sink.
func (s *Session) Link(ctx context.Context, e Entry, to Ref) error {
	if err := e.Check(); err != nil {
		return err
	}
	if to.of == nil || to.of.record.Kind != manifest.KindFile {
		return fmt.Errorf("%w: %q: a further name of what is no file", ErrEntry, e.Path)
	}
	if err := s.door.settle(ctx, to.of.taken); err != nil { // its packs have numbers then
		return err
	}
	c := &content{path: e.Path, record: e.record(manifest.KindFile), body: to.of.body, parts: to.of.parts}
	from := &to.of.record
	c.record.Size, c.record.SHA256, c.record.CRC, c.record.HasCRC, c.record.PartSize, c.record.Parts, c.record.UnitCRCs = from.Size, from.SHA256, from.CRC, from.HasCRC, from.PartSize, from.Parts, from.UnitCRCs
	if to.of.packed == nil {
		_, err := s.putSmall(ctx, c)
		return err
	}
	for _, x := range to.of.packed {
		c.packed = append(c.packed, x.fixed())
	}
	_, err := s.addLong(ctx, c)
	return err
}

// Withdraw implements Sink.
func (s *Session) Withdraw(ctx context.Context, path string) error {
	if err := manifest.CheckPath(path); err != nil {
		return fmt.Errorf("%w: %w", ErrEntry, err)
	}
	for {
		d := s.door
		t, blocker, err := d.withdraw(path)
		if t != nil {
			s.accepted(t)
		}
		if blocker == nil || err != nil {
			return err
		}
		if err := d.settle(ctx, blocker); err != nil {
			return err
		}
	}
}

func (d *Door) withdraw(path string) (t, blocker *ticket, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return nil, nil, d.err
	}
	if blocker := d.blocked(path); blocker != nil {
		return nil, blocker, nil
	}
	if err := d.names.mayWithdraw(path); err != nil || !d.names.withdraw(path) {
		return nil, nil, err
	}
	t = d.ticket(path, nil)
	t.withdraws = true
	d.queue = append(d.queue, queued{taken: &journal.Taken{Withdrawn: path}, ticket: t})
	return t, nil, nil
}

// Flush implements Sink.
func (s *Session) Flush(ctx context.Context, c Cursor) error {
	if len(c.At) > MaxCursor {
		return fmt.Errorf("%w: a cursor of %d bytes", ErrEntry, len(c.At))
	}
	s.mu.Lock()
	tickets := s.tickets
	s.tickets = nil
	s.mu.Unlock()
	err := s.door.flush(ctx, tickets, c)
	if err != nil { // a later flush waits for them, too
		s.mu.Lock()
		s.tickets = append(tickets, s.tickets...)
		s.mu.Unlock()
	}
	return err
}

// flush makes packs durable, then what is queued, and the cursor with that.
func (d *Door) flush(ctx context.Context, tickets []*ticket, c Cursor) error {
	var long, small []*ticket
	for _, t := range tickets {
		if t.lane != nil {
			long = append(long, t)
		} else {
			small = append(small, t)
		}
	}
	for _, t := range long {
		if err := d.ask(t); err != nil {
			return err
		}
	}
	if err := waitAll(ctx, long); err != nil {
		return err
	}
	if !c.Source.IsZero() {
		t, err := d.keep(c)
		if err != nil {
			return err
		}
		small = append(small, t)
	}
	if len(small) == 0 {
		return nil
	}
	if err := d.ask(small[0]); err != nil {
		return err
	}
	return waitAll(ctx, small)
}

func waitAll(ctx context.Context, tickets []*ticket) error {
	for _, t := range tickets {
		if err := t.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// keep queues a cursor.
func (d *Door) keep(c Cursor) (*ticket, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return nil, d.err
	}
	t := &ticket{done: make(chan struct{})}
	d.queue = append(d.queue, queued{cursor: &journal.Cursor{Source: c.Source, At: append([]byte(nil), c.At...)}, ticket: t})
	return t, nil
}

// Resume implements Sink.
func (s *Session) Resume(_ context.Context, source SourceID) (Cursor, error) {
	if err := s.door.why(); err != nil {
		return Cursor{}, err
	}
	at := s.door.to.Cursor(source)
	if at == nil {
		return Cursor{}, nil
	}
	return Cursor{Source: source, At: at}, nil
}
