package s3

import (
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

// closing finds out whether a store closes each connection after its answer: connections that end
// soon after a success are compared with the successes. Many a store closes after an error alone.
type closing struct {
	mu    sync.Mutex
	known int     // requests so far, up to closingMemory
	share float64 // of the last requests that took a connection with them, smoothed
	since time.Time
	now   func() time.Time // nil is time.Now
}

const (
	closingMemory = 32               // requests that the share is smoothed over
	closingFirst  = 3                // after so few it may be told
	closingShare  = 0.5              // more of them: the store keeps no connection
	closingHolds  = 30 * time.Second // then it is asked again
)

func (c *closing) time() time.Time {
	if c.now != nil {
		return c.now()
	}
	return time.Now()
}

// request notes a request that was answered.
func (c *closing) request() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known = min(closingMemory, c.known+1)
	c.share -= c.share / float64(c.known)
}

// end notes a connection that is no more.
func (c *closing) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.share += 1 / float64(max(1, c.known))
	if c.known >= closingFirst && c.share > closingShare && c.since.IsZero() {
		c.since = c.time()
	}
}

// each reports whether the store closes each connection. What was found out holds for a while,
// since nobody keeps a connection of such a store to see it kept.
func (c *closing) each() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.since.IsZero() {
		return false
	}
	if c.time().Sub(c.since) < closingHolds {
		return true
	}
	c.since, c.share, c.known = time.Time{}, 0, 0
	return false
}

// oneEach sends each request to a store that closes its connections by one of its own. A connection
// that the store is about to close without a word would break the next request, and whether a
// write that is broken was done nobody knows.
type oneEach struct {
	http.RoundTripper
	closing *closing
}

func (o oneEach) RoundTrip(r *http.Request) (*http.Response, error) {
	var by *usedConn
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) {
		if by = usedBelow(got.Conn); by != nil {
			by.asked()
		}
	}}))
	r.Close = r.Close || o.closing.each()
	answer, err := o.RoundTripper.RoundTrip(r)
	if err == nil && answer.StatusCode < 300 && by != nil {
		o.closing.request()
		by.served()
	}
	return answer, err
}

// usedBelow is our connection below TLS, or as it is; nil if it is none of ours.
func usedBelow(conn net.Conn) *usedConn {
	if secured, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secured.NetConn()
	}
	used, _ := conn.(*usedConn)
	return used
}
