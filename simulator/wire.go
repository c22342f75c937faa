package simulator

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Fault is what may become of a request on the wire or in the store.
type Fault string

// The faults. "After" means that the store has done what was asked.
const (
	Slow          Fault = "slow answer"
	SlowDown      Fault = "503 SlowDown"
	ErrorBefore   Fault = "500 before"
	ErrorAfter    Fault = "500 after"
	ResetBefore   Fault = "reset before"
	ResetAfter    Fault = "reset after" // a lost reply
	CutBody       Fault = "request cut off"
	CutAnswer     Fault = "answer cut off"
	OKErrorBefore Fault = "200 with an error, before" // of Complete
	OKErrorAfter  Fault = "200 with an error, after"
	Conflict409   Fault = "409 on a conditional write"
	UploadLost    Fault = "upload forgotten" // 404 from then on
	Unreadable    Fault = "page of a proxy"  // 502 with HTML
)

// WireFaults are all of them.
func WireFaults() []Fault {
	return []Fault{Slow, SlowDown, ErrorBefore, ErrorAfter, ResetBefore, ResetAfter, CutBody, CutAnswer, OKErrorBefore, OKErrorAfter, Conflict409, UploadLost, Unreadable}
}

// Wire carries requests to a store and lets some of them go wrong.
// What goes wrong depends on the seed, the request and how often it was made, not
// on the order of different requests. After maxInARow attempts a request gets
// through.
type Wire struct {
	Store  http.RoundTripper // a Bucket, or a transport to a real store
	Lose   func(key string)  // forgets uploads of a key; nil: UploadLost does not happen
	Seed   uint64
	Rate   float64 // of requests that go wrong, 0…1
	Faults []Fault

	// Choose decides instead of the seed, where it is given: what becomes of the nth
	// time that this request is made.
	Choose func(r *http.Request, n int) Fault

	mu   sync.Mutex
	seen map[string]int
	done map[Fault]int
}

const maxInARow = 3

// Done counts what went wrong.
func (w *Wire) Done() map[Fault]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.done)
}

// choose draws what becomes of a request; "" is nothing.
func (w *Wire) choose(r *http.Request) Fault {
	name := r.Method + " " + r.URL.RequestURI()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen == nil {
		w.seen, w.done = map[string]int{}, map[Fault]int{}
	}
	w.seen[name]++
	n := w.seen[name]
	if w.Choose != nil {
		return w.count(w.Choose(r, n), r)
	}
	if n%(maxInARow+1) == 0 || len(w.Faults) == 0 || float64(hash(w.Seed, name, fmt.Sprint(n))%10000) >= w.Rate*10000 {
		return ""
	}
	f := w.Faults[hash(w.Seed, name, fmt.Sprint(n), "kind")%uint64(len(w.Faults))]
	return w.count(f, r)
}

// count notes a fault, if it can meet this request.
func (w *Wire) count(f Fault, r *http.Request) Fault {
	if f == "" || !f.fits(r) || f == UploadLost && w.Lose == nil {
		return ""
	}
	w.done[f]++
	return f
}

// fits tells whether a fault can meet this request.
func (f Fault) fits(r *http.Request) bool {
	q := r.URL.Query()
	complete := r.Method == http.MethodPost && q.Get("uploadId") != ""
	switch f {
	case OKErrorBefore, OKErrorAfter:
		return complete
	case Conflict409:
		return r.Header.Get("If-None-Match") != ""
	case UploadLost:
		return q.Get("uploadId") != "" && r.Method != http.MethodDelete
	case CutBody:
		return r.ContentLength > 1
	}
	return true
}

// RoundTrip implements http.RoundTripper.
func (w *Wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	var body []byte
	if r.Body != nil {
		var err error
		body, err = io.ReadAll(io.LimitReader(r.Body, maxBody+1))
		r.Body.Close()
		if err != nil {
			return nil, err
		}
	}
	fault := w.choose(r)
	if answer, err := w.before(fault, r, body); answer != nil || err != nil {
		return answer, err
	}
	answer, err := w.pass(r, body)
	if err != nil {
		return nil, err
	}
	return w.after(fault, r, answer)
}

// pass hands the request to the store.
func (w *Wire) pass(r *http.Request, body []byte) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.Body, in.ContentLength = http.NoBody, int64(len(body))
	if len(body) > 0 {
		in.Body = io.NopCloser(bytes.NewReader(body))
	}
	return w.Store.RoundTrip(in)
}

func reset(op string) error { return &net.OpError{Op: op, Net: "tcp", Err: syscall.ECONNRESET} }

// before is what goes wrong before the store has done anything.
func (w *Wire) before(f Fault, r *http.Request, body []byte) (*http.Response, error) {
	switch f {
	case Slow:
		time.Sleep(time.Millisecond)
	case SlowDown:
		return failed(r, http.StatusServiceUnavailable, "SlowDown"), nil
	case ErrorBefore:
		return failed(r, http.StatusInternalServerError, "InternalError"), nil
	case ResetBefore:
		return nil, reset("write")
	case CutBody:
		cut := r.Clone(r.Context())
		cut.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body[:len(body)/2]), broken{}))
		if answer, err := w.Store.RoundTrip(cut); err == nil {
			answer.Body.Close()
		}
		return nil, reset("write")
	case OKErrorBefore:
		return failed(r, http.StatusOK, "InternalError"), nil
	case Conflict409:
		return failed(r, http.StatusConflict, "ConditionalRequestConflict"), nil
	case UploadLost:
		_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		w.Lose(key)
	case Unreadable:
		return respond(r, http.StatusBadGateway, "text/html", []byte("<html><body>502 Bad Gateway</body></html>")), nil
	}
	return nil, nil
}

// after is what goes wrong on the way back.
func (w *Wire) after(f Fault, r *http.Request, answer *http.Response) (*http.Response, error) {
	switch f {
	case ErrorAfter:
		answer.Body.Close()
		return failed(r, http.StatusInternalServerError, "InternalError"), nil
	case ResetAfter:
		answer.Body.Close()
		return nil, reset("read")
	case OKErrorAfter:
		answer.Body.Close()
		return failed(r, http.StatusOK, "InternalError"), nil
	case CutAnswer:
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			return nil, err
		}
		answer.Body = io.NopCloser(io.MultiReader(bytes.NewReader(text[:len(text)/2]), broken{}))
	}
	return answer, nil
}

// broken is a body whose connection broke.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

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
