package s3

import (
	"net/http"
	"sync"
	"time"
)

// closing finds out whether a store closes each connection after its answer. Every connection that
// ends is held against the requests that were made.
type closing struct {
	mu    sync.Mutex
	share float64 // of the last requests that took a connection with them, smoothed
	since time.Time
	now   func() time.Time // nil is time.Now
}

const (
	closingMemory = 32               // requests that the share is smoothed over
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
	c.share -= c.share / closingMemory
}

// end notes a connection that is no more.
func (c *closing) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.share += 1.0 / closingMemory
	if c.share > closingShare && c.since.IsZero() {
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
	c.since, c.share = time.Time{}, 0
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
	if o.closing.each() && !r.Close {
		r = r.Clone(r.Context())
		r.Close = true
	}
	answer, err := o.RoundTripper.RoundTrip(r)
	if err == nil {
		o.closing.request()
	}
	return answer, err
}
