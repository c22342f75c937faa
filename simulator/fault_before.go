package simulator

import (
	"bytes"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"syscall"
	"time"
)

// What a client is told of a connection that it did not get, or lost.
var (
	errRefused = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	errNoName  = &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "store.invalid", IsNotFound: true}}
	errAlert   = &net.OpError{Op: "remote error", Net: "tcp", Err: tls.AlertError(80)} // internal error

	// ErrHeadersCut is an answer that ends in its headers. A proxy makes it true.
	ErrHeadersCut = errors.New("the connection broke in the headers of an answer")
)

func reset(op string) error { return &net.OpError{Op: op, Net: "tcp", Err: syscall.ECONNRESET} }

// early is a fault on the way to the store.
type early = func(*Wire, *http.Request, []byte) (*http.Response, error)

func breaks(err error) early {
	return func(*Wire, *http.Request, []byte) (*http.Response, error) { return nil, err }
}

func says(status int, code string) early {
	return func(_ *Wire, r *http.Request, _ []byte) (*http.Response, error) { return failed(r, status, code), nil }
}

// space keeps a connection alive while a store joins parts: its status was sent before.
const space = " \n \n "

// saysLate refuses in the body of an answer whose status was sent before.
func saysLate(code string) early {
	return func(_ *Wire, r *http.Request, _ []byte) (*http.Response, error) {
		return spaceFirst(r, failed(r, http.StatusOK, code))
	}
}

func page(status int) early {
	return func(_ *Wire, r *http.Request, _ []byte) (*http.Response, error) {
		text := fmt.Sprintf("<html><body>%d %s</body></html>", status, http.StatusText(status))
		return respond(r, status, "text/html", []byte(text)), nil
	}
}

func empty(status int) early {
	return func(_ *Wire, r *http.Request, _ []byte) (*http.Response, error) {
		return respond(r, status, "application/xml", nil), nil
	}
}

func retryAfter(_ *Wire, r *http.Request, _ []byte) (*http.Response, error) {
	answer := failed(r, http.StatusServiceUnavailable, "SlowDown")
	answer.Header.Set("Retry-After", "1")
	return answer, nil
}

func slow(*Wire, *http.Request, []byte) (*http.Response, error) {
	time.Sleep(time.Millisecond)
	return nil, nil
}

// tooSlow answers nobody: the client has gone.
func tooSlow(w *Wire, r *http.Request, body []byte) (*http.Response, error) {
	w.deliver(r, body)
	var enough <-chan time.Time
	if w.Patience > 0 {
		enough = time.After(w.Patience)
	}
	select {
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case <-enough:
		return nil, reset("read")
	}
}

// cutBody lets half of a request through.
func cutBody(w *Wire, r *http.Request, body []byte) (*http.Response, error) {
	cut := r.Clone(r.Context())
	cut.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body[:len(body)/2]), broken{}))
	if answer, err := w.Store.RoundTrip(cut); err == nil {
		answer.Body.Close()
	}
	return nil, reset("write")
}

// uploadLost forgets the upload before the request comes to the store.
func uploadLost(w *Wire, r *http.Request, _ []byte) (*http.Response, error) {
	w.Lose(keyOf(r))
	return nil, nil
}

// twice lets the store have the request once before it comes.
func twice(w *Wire, r *http.Request, body []byte) (*http.Response, error) {
	w.deliver(r, body)
	return nil, nil
}

// late keeps a request back until a later one of the same key was answered.
func late(w *Wire, r *http.Request, body []byte) (*http.Response, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kept = append(w.kept, kept{r, body})
	return nil, reset("read")
}

// flippedIn changes one bit of the body.
func flippedIn(w *Wire, r *http.Request, body []byte) (*http.Response, error) {
	wrong := slices.Clone(body)
	wrong[hash(w.Seed, r.URL.Path)%uint64(len(wrong))] ^= 1
	return w.pass(r, wrong)
}

func failed(r *http.Request, status int, code string) *http.Response {
	text, err := xml.Marshal(errorBody{Code: code, Message: code})
	if err != nil || r.Method == http.MethodHead {
		text = nil
	}
	return respond(r, status, "application/xml", text)
}

func respond(r *http.Request, status int, kind string, text []byte) *http.Response {
	if r.Method == http.MethodHead {
		text = nil
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {kind}}, ContentLength: int64(len(text)), Body: io.NopCloser(bytes.NewReader(text)), Request: r,
	}
}
