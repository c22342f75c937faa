package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// storefront stands before a real store, as a busy one would be: it asks to slow
// down, takes only the access key that is valid at the moment, and keeps writes waiting
// until the test has seen what it wants to see.
type storefront struct {
	*httptest.Server
	behind http.RoundTripper

	mu    sync.Mutex
	key   string // the only access key that is valid
	busy  int    // writes of objects that are still to be asked to slow down
	gates []*gate

	closed bool // for all requests
}

// gate lets some requests of a kind pass and keeps the next ones.
type gate struct {
	fits    func(*http.Request) bool
	left    int // that still pass
	reached chan struct{}
	opened  chan struct{}
}

func startStorefront(t testing.TB, to, key string) *storefront {
	t.Helper()
	behind := &http.Transport{MaxIdleConnsPerHost: 64}
	f := &storefront{behind: behind, key: key}
	f.Server = newFaultProxy(to, f)
	t.Cleanup(func() {
		for _, g := range f.gates {
			g.open()
		}
		f.CloseClientConnections()
		behind.CloseIdleConnections()
	})
	return f
}

// writes tells a request that makes an object, or a part of one.
func writes(r *http.Request) bool {
	return (r.Method == http.MethodPut || r.Method == http.MethodPost) && !strings.Contains(r.URL.Path, "/.sledge-")
}

// partTwo tells the upload of a second part.
func partTwo(r *http.Request) bool { return r.URL.Query().Get("partNumber") == "2" }

// tire has the next n writes asked to slow down.
func (f *storefront) tire(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.busy += n
}

// expire has another access key be the only valid one.
func (f *storefront) expire(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.key = key
}

// after keeps what fits once so many have passed.
func (f *storefront) after(n int, fits func(*http.Request) bool) *gate {
	g := &gate{fits: fits, left: n, reached: make(chan struct{}), opened: make(chan struct{})}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gates = append(f.gates, g)
	return g
}

// open lets all go that the gate keeps, and all to come.
func (g *gate) open() {
	if !g.isOpen() {
		close(g.opened)
	}
}

func (g *gate) isOpen() bool {
	select {
	case <-g.opened:
		return true
	default:
		return false
	}
}

// tired takes one of the refusals, if there is one for this request.
func (f *storefront) tired(r *http.Request) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.busy == 0 || !writes(r) {
		return false
	}
	f.busy--
	return true
}

// kept is the gate at which the request has to wait.
func (f *storefront) kept(r *http.Request) *gate {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, g := range f.gates {
		if g.isOpen() || !g.fits(r) {
			continue
		}
		if g.left > 0 {
			g.left--
			continue
		}
		select {
		case <-g.reached:
		default:
			close(g.reached)
		}
		return g
	}
	return nil
}

func (f *storefront) valid(r *http.Request) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Contains(r.Header.Get("Authorization"), "Credential="+f.key+"/")
}

// RoundTrip implements http.RoundTripper.
func (f *storefront) RoundTrip(r *http.Request) (*http.Response, error) {
	if f.tired(r) {
		return refuse(r, http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate."), nil
	}
	if g := f.kept(r); g != nil {
		select {
		case <-g.opened:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if answer := f.isClosed(r); answer != nil {
		return answer, nil
	}
	if !f.valid(r) {
		return refuse(r, http.StatusForbidden, "ExpiredToken", "The provided token has expired."), nil
	}
	return f.behind.RoundTrip(r)
}

// refuse is how S3 says no.
func refuse(r *http.Request, status int, code, message string) *http.Response {
	text := fmt.Sprintf("<Error><Code>%s</Code><Message>%s</Message></Error>", code, message)
	return &http.Response{StatusCode: status, Request: r, Header: http.Header{"Content-Type": {"application/xml"}}, Body: io.NopCloser(strings.NewReader(text))}
}
