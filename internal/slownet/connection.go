package slownet

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// connection is one client's, with the server's beside it.
type connection struct {
	p      *Proxy
	number int
	client net.Conn
	ctx    context.Context
	end    context.CancelCauseFunc

	heard  atomic.Bool            // the client has had an answer since its last message began
	method atomic.Pointer[string] // of its first request
}

var (
	errOver = errors.New("the connection is over")
	errCut  = errors.New("the connection is cut")
)

func newConnection(p *Proxy, number int, client net.Conn) *connection {
	c := &connection{p: p, number: number, client: client}
	c.ctx, c.end = context.WithCancelCause(p.ctx)
	c.heard.Store(true)
	return c
}

// serve passes bytes both ways until either side has closed and all has arrived.
func (c *connection) serve() {
	defer c.client.Close()
	opened := time.Now().Add(time.Duration(c.p.trip.Load()))
	var dialer net.Dialer
	server, err := dialer.DialContext(c.ctx, "tcp", c.p.server)
	if err != nil {
		c.reset()
		return
	}
	defer server.Close()
	stop := context.AfterFunc(c.ctx, func() {
		if errors.Is(context.Cause(c.ctx), errCut) {
			c.reset()
		}
		c.client.Close()
		server.Close()
	})
	defer stop()
	up, down := newWay(c.ctx, c.p, opened), newWay(c.ctx, c.p, time.Time{})
	var all sync.WaitGroup
	all.Go(func() { defer close(up.parcels); c.hear(up) })
	all.Go(func() {
		if up.carry(server) == nil {
			closeWrite(server)
		}
	})
	all.Go(func() { defer close(down.parcels); c.answer(server, down) })
	all.Go(func() {
		if down.carry(toClient{c}) == nil {
			closeWrite(c.client)
		}
		c.end(errOver) // a server that has ended its answer hears no more
	})
	all.Wait()
}

// reset makes the close of the client's connection a reset.
func (c *connection) reset() {
	if tcp, ok := c.client.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}

func closeWrite(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
}

// buffers outlive the many short connections of some clients.
var buffers = sync.Pool{New: func() any { return new([piece]byte) }}

// hear takes what the client sends.
func (c *connection) hear(up io.Writer) {
	cut, passed := c.p.options.CutEvery > 0 && c.number%c.p.options.CutEvery == 0, int64(0)
	buf := buffers.Get().(*[piece]byte)[:]
	defer func() { buffers.Put((*[piece]byte)(buf)) }()
	for {
		n, err := c.client.Read(buf)
		if n > 0 {
			c.turn(buf[:n])
			passed += int64(n)
			c.p.note(func(s *Stats) { s.Up += int64(n) })
			if _, err := up.Write(buf[:n]); err != nil {
				return
			}
		}
		if cut && passed >= c.p.options.CutAfter {
			c.p.note(func(s *Stats) { s.Cut++ })
			c.end(errCut)
			return
		}
		if err != nil {
			return
		}
	}
}

// turn notes the beginning of a message.
func (c *connection) turn(b []byte) {
	if !c.heard.Swap(false) {
		return
	}
	line, _, _ := bytes.Cut(b, []byte("\r\n"))
	if method, _, ok := bytes.Cut(line, []byte(" ")); ok && c.method.Load() == nil {
		text := string(method)
		c.method.Store(&text)
	}
	c.p.note(func(s *Stats) { s.Turns++ })
	if c.p.options.OnTurn != nil {
		c.p.options.OnTurn(c.number, string(line))
	}
}

// toClient delivers an answer.
type toClient struct{ c *connection }

func (t toClient) Write(b []byte) (int, error) {
	t.c.heard.Store(true)
	n, err := t.c.client.Write(b)
	t.c.p.note(func(s *Stats) { s.Down += int64(n) })
	return n, err
}

// answer takes what the server sends.
func (c *connection) answer(server io.Reader, down io.Writer) {
	if !c.p.options.CloseEach {
		buf := buffers.Get().(*[piece]byte)
		defer buffers.Put(buf)
		_, _ = io.CopyBuffer(struct{ io.Writer }{down}, struct{ io.Reader }{server}, buf[:])
		return
	}
	for r := bufio.NewReader(server); ; {
		if _, err := r.Peek(1); err != nil { // an answer has begun: the request is known
			return
		}
		request := &http.Request{}
		if method := c.method.Load(); method != nil {
			request.Method = *method
		}
		answer, err := http.ReadResponse(r, request)
		if err != nil {
			return
		}
		if answer.StatusCode >= 200 {
			answer.Close = true
			_ = answer.Write(down)
			return
		}
		if answer.Write(down) != nil { // 100 Continue
			return
		}
	}
}
