// Package slownet is a TCP proxy on loopback that stands for a long way: a round
// trip takes time, a connection has a bandwidth, and some connections break. It
// counts connections and turns. Tests and the benchmark put it before a store; it
// imports pause alone and is no part of sledge itself.
//
//	far, err := slownet.Start(ctx, "127.0.0.1:0", server.Address, slownet.Options{RoundTrip: 50 * time.Millisecond})
//	defer far.Close()
//	… far.Address() …
package slownet

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sledge-io/sledge/internal/pause"
)

// Window is how many bytes of one direction of a connection are under way at most:
// what a receive window is to TCP. Half a round trip later they make room for more.
const Window = 4 << 20

const piece = 64 << 10

// Options are the way. The zero value adds nothing.
type Options struct {
	RoundTrip time.Duration // half of it for each direction; opening a connection takes a whole one
	Rate      int64         // bytes a second of each direction of a connection; 0: no limit
	// CloseEach closes a connection after its first answer, and says so in the
	// answer's header, as a store does that keeps no connection. The server must
	// speak HTTP/1.1.
	CloseEach bool
	// CutEvery resets every so many-th connection once CutAfter bytes of the client
	// have passed; 0: none.
	CutEvery int
	CutAfter int64
	// OnTurn is told of each message that a client begins after it has heard an
	// answer, or first of all: the connection by its number from 1, and the message's
	// first line. It must not block.
	OnTurn func(connection int, line string)
}

// Stats are counts since the start.
type Stats struct {
	Connections, Open, Most int   // accepted, open now, open at once at most
	Turns                   int   // messages of clients, each of which waits for an answer
	Cut                     int   // connections that were reset on purpose
	Up, Down                int64 // bytes from clients and to them
}

// Proxy is a running one.
type Proxy struct {
	options  Options
	server   string
	listener net.Listener
	ctx      context.Context
	end      context.CancelCauseFunc
	all      sync.WaitGroup
	trip     atomic.Int64 // nanoseconds
	rate     atomic.Int64
	line     pause.Line // of the parcels on their way

	mu    sync.Mutex
	stats Stats
}

var errClosed = errors.New("the proxy is closed")

// Start listens at an address of loopback until ctx ends or Close, and passes what
// comes on to server.
func Start(ctx context.Context, listen, server string, o Options) (*Proxy, error) {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, err
	}
	p := &Proxy{options: o, server: server, listener: l}
	p.ctx, p.end = context.WithCancelCause(ctx)
	p.SetRoundTrip(o.RoundTrip)
	p.SetRate(o.Rate)
	context.AfterFunc(p.ctx, func() { _ = l.Close() })
	p.all.Go(p.accept)
	return p, nil
}

// Address is where it listens.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Close breaks all connections.
func (p *Proxy) Close() {
	p.end(errClosed)
	p.all.Wait()
}

// SetRoundTrip changes the round trip for what arrives from now on.
func (p *Proxy) SetRoundTrip(d time.Duration) { p.trip.Store(int64(d)) }

// SetRate changes the bandwidth of every connection from now on.
func (p *Proxy) SetRate(bytesPerSecond int64) { p.rate.Store(bytesPerSecond) }

// Stats are the counts so far.
func (p *Proxy) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stats
}

func (p *Proxy) note(f func(s *Stats)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(&p.stats)
}

func (p *Proxy) accept() {
	for number := 1; ; number++ {
		client, err := p.listener.Accept()
		if err != nil {
			if p.ctx.Err() != nil {
				return
			}
			_ = pause.For(p.ctx, 10*time.Millisecond) // out of files, perhaps: tried again
			continue
		}
		p.note(func(s *Stats) {
			s.Connections++
			s.Open++
			s.Most = max(s.Most, s.Open)
		})
		p.all.Go(func() {
			newConnection(p, number, client).serve()
			p.note(func(s *Stats) { s.Open-- })
		})
	}
}

// parcel is what arrives at the other end at a time.
type parcel struct {
	bytes []byte
	due   time.Time
}

// way is one direction of a connection: Write takes bytes until the window is full,
// carry brings them to the other end when they are due.
type way struct {
	p       *Proxy
	ctx     context.Context // of the connection
	parcels chan parcel
	opened  time.Time // nothing leaves before
	free    time.Time // when the wire has taken all that was written
}

func newWay(ctx context.Context, p *Proxy, opened time.Time) *way {
	return &way{p: p, ctx: ctx, parcels: make(chan parcel, Window/piece), opened: opened}
}

// Write copies b. It returns before b has arrived.
func (w *way) Write(b []byte) (n int, err error) {
	for len(b) > 0 {
		part := b[:min(len(b), piece)]
		now := time.Now()
		if now.Before(w.opened) {
			now = w.opened
		}
		if w.free.Before(now) {
			w.free = now
		}
		if rate := w.p.rate.Load(); rate > 0 {
			w.free = w.free.Add(time.Duration(float64(len(part)) / float64(rate) * float64(time.Second)))
		}
		select {
		case w.parcels <- parcel{append([]byte(nil), part...), w.free.Add(time.Duration(w.p.trip.Load() / 2))}:
		case <-w.ctx.Done():
			return n, context.Cause(w.ctx)
		}
		n += len(part)
		b = b[len(part):]
	}
	return n, nil
}

// carry ends when the parcels are closed and delivered, with the end of the
// connection, or with an error of the receiver.
func (w *way) carry(to io.Writer) error {
	for {
		select {
		case next, ok := <-w.parcels:
			if !ok {
				return nil
			}
			if err := w.p.line.Until(w.ctx, next.due); err != nil {
				return err
			}
			if _, err := to.Write(next.bytes); err != nil {
				return err
			}
		case <-w.ctx.Done():
			return context.Cause(w.ctx)
		}
	}
}
