package s3

import (
	"context"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// dialFunc opens a connection, as a net.Dialer does.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// spares opens connections ahead for a store that closes each one: a handshake then runs beside the
// request before, which it does not delay. Connections that are used, ready and being opened
// ahead are no more than the bound together, so that they need no more files than requests
// do. A store that keeps its connections gets none of them.
type spares struct {
	dial    dialFunc
	closing *closing
	most    int

	mu      sync.Mutex
	open    int                 // used, or being opened for who waits for it
	opening []*opening          // ahead
	ready   map[string][]*spare // by address, the oldest first
	count   int                 // of ready
}

// opening is a connection on its way, which is given up where somebody else needs its place.
type opening struct{ cancel context.CancelFunc }

// spare is a connection that nobody uses yet.
type spare struct {
	net.Conn
	expires *time.Timer
}

const (
	fewSpares    = 8               // are opened ahead however few are used: a run begins with few, and then asks for many
	spareLife    = 2 * time.Second // a store or a proxy gives up one that asks for nothing
	closingSoon  = time.Second     // after its answer
	spareTimeout = 5 * time.Second // of a handshake that nobody waits for
)

func newSpares(dial dialFunc, c *closing, most int) *spares {
	return &spares{dial: dial, closing: c, most: most, ready: map[string][]*spare{}}
}

// DialContext gives a connection that is ready, or opens one. Where the store closes each
// connection another one is opened for whoever comes next.
func (s *spares) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn := s.take(address)
	s.ahead(network, address)
	if conn != nil {
		return s.use(conn), nil
	}
	s.begin()
	conn, err := s.dial(ctx, network, address)
	if err != nil {
		s.over()
		return nil, err
	}
	return s.use(conn), nil
}

// begin counts a connection that somebody waits for. It comes before those that are opened ahead.
func (s *spares) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open++
	if last := len(s.opening) - 1; last >= 0 && s.open+s.count+last+1 > s.most {
		s.opening[last].cancel()
		s.opening = s.opening[:last]
	}
}

func (s *spares) over() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
}

// take is a connection that is ready and alive; nil if there is none. It counts as used.
func (s *spares) take(address string) net.Conn {
	for {
		s.mu.Lock()
		list := s.ready[address]
		if len(list) == 0 {
			s.mu.Unlock()
			return nil
		}
		first := list[0]
		s.remove(address, 0)
		s.open++
		s.mu.Unlock()
		first.expires.Stop()
		if alive(first.Conn) {
			return first.Conn
		}
		_ = first.Close() // the other side has
		s.over()
	}
}

// remove takes the i-th of an address out, for who has the lock.
func (s *spares) remove(address string, i int) {
	list := append(s.ready[address][:i], s.ready[address][i+1:]...)
	if s.count--; len(list) == 0 {
		delete(s.ready, address)
		return
	}
	s.ready[address] = list
}

// ahead begins to open connections, if the store rewards it and the bound allows it: half of
// the connections serve, and the other half are on their way.
func (s *spares) ahead(network, address string) {
	if !s.closing.each() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for ahead := len(s.opening) + s.count; ahead < max(fewSpares, s.open+1) && s.open+ahead < s.most-1; ahead++ {
		ctx, cancel := context.WithTimeout(context.Background(), spareTimeout)
		one := &opening{cancel}
		s.opening = append(s.opening, one)
		go s.openAhead(ctx, one, network, address)
	}
}

func (s *spares) openAhead(ctx context.Context, mine *opening, network, address string) {
	defer mine.cancel()
	conn, err := s.dial(ctx, network, address)
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.Index(s.opening, mine)
	if at >= 0 {
		s.opening = slices.Delete(s.opening, at, at+1)
	}
	switch {
	case err != nil:
		return // whoever needs one meets the same, and says so
	case at < 0:
		_ = conn.Close() // another one has its place
		return
	}
	one := &spare{Conn: conn}
	s.ready[address], s.count = append(s.ready[address], one), s.count+1
	one.expires = time.AfterFunc(spareLife, func() { s.expire(address, one) })
}

// expire closes a connection that nobody has used.
func (s *spares) expire(address string, one *spare) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, other := range s.ready[address] {
		if other == one {
			s.remove(address, i)
			_ = one.Close()
			return
		}
	}
}

// use makes a connection tell of its end.
func (s *spares) use(conn net.Conn) net.Conn { return &usedConn{Conn: conn, spares: s} }

// usedConn is a connection that requests go by.
type usedConn struct {
	net.Conn
	spares *spares
	ended  atomic.Bool

	mu    sync.Mutex
	heard time.Time // when its last request was served; zero: it was not, or the end was counted
	gone  time.Time // when it has ended
}

// asked notes a request, whose answer may be no success.
func (c *usedConn) asked() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = time.Time{}
}

// served notes a success. Its connection may have ended by then.
func (c *usedConn) served() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = time.Now()
	c.count()
}

// count tells of an end that a success has brought, once, for who has the lock.
func (c *usedConn) count() {
	if c.heard.IsZero() || c.gone.IsZero() || c.gone.Sub(c.heard) > closingSoon {
		return
	}
	c.heard = time.Time{}
	c.spares.closing.end()
}

// Close tells of the end, once. One that ends long after its answer, or without any, was not closed
// because of it.
func (c *usedConn) Close() error {
	if !c.ended.Swap(true) {
		c.mu.Lock()
		c.gone = time.Now()
		c.count()
		c.mu.Unlock()
		c.spares.over()
	}
	return c.Conn.Close()
}

// alive reports whether the other side has neither closed a connection nor said anything by it.
// Who is asked for nothing has nothing to say.
func alive(conn net.Conn) bool {
	inner, ok := conn.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := inner.SyscallConn()
	if err != nil {
		return false
	}
	quiet := false
	err = raw.Read(func(fd uintptr) bool {
		_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = err == syscall.EAGAIN
		return true
	})
	return err == nil && quiet
}
