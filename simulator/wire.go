package simulator

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

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

	// Patience bounds how long TooSlow holds an answer; 0 is as long as the client waits.
	Patience time.Duration

	// Choose decides instead of the seed, where it is given: what becomes of the nth
	// time that this request is made.
	Choose func(r *http.Request, n int) Fault

	mu   sync.Mutex
	seen map[string]int
	done map[Fault]int
	met  []Meeting
	kept []kept // that are delivered late
}

// Meeting is a fault and the request that it met.
type Meeting struct {
	Fault Fault
	Call  string
	Key   string // or the prefix that a list asks for
}

// kept is a request on a long way.
type kept struct {
	request *http.Request
	body    []byte
}

const maxInARow = 3

// Done counts what went wrong.
func (w *Wire) Done() map[Fault]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.done)
}

// Met lists what went wrong, in the order of the requests.
func (w *Wire) Met() []Meeting {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.met)
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
	if n%(maxInARow+1) == 0 || float64(hash(w.Seed, name, fmt.Sprint(n))%10000) >= w.Rate*10000 {
		return ""
	}
	fit := slices.DeleteFunc(slices.Clone(w.Faults), func(f Fault) bool { return !f.fits(r) })
	if len(fit) == 0 {
		return ""
	}
	return w.count(fit[hash(w.Seed, name, fmt.Sprint(n), "kind")%uint64(len(fit))], r)
}

// count notes a fault, if it can meet this request.
func (w *Wire) count(f Fault, r *http.Request) Fault {
	if f == "" || !f.fits(r) || f == UploadLost && w.Lose == nil {
		return ""
	}
	w.done[f]++
	w.met = append(w.met, Meeting{f, CallOf(r), keyOf(r)})
	return f
}

// RoundTrip implements http.RoundTripper.
func (w *Wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	body, err := wholeBody(r)
	if err != nil {
		return nil, err
	}
	fault := w.choose(r).kind()
	if fault.before != nil {
		if answer, err := fault.before(w, r, body); answer != nil || err != nil {
			return answer, err
		}
	}
	answer, err := w.pass(r, body)
	if err != nil {
		return nil, err
	}
	w.release(r.URL.Path)
	if fault.after == nil {
		return answer, nil
	}
	return fault.after(r, answer)
}

// wholeBody reads a request's body, in one piece where its length is known.
func wholeBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	defer r.Body.Close()
	text := bytes.NewBuffer(make([]byte, 0, min(max(r.ContentLength, 0), maxBody)+bytes.MinRead))
	_, err := text.ReadFrom(io.LimitReader(r.Body, maxBody+1))
	return text.Bytes(), err
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

// deliver hands a request to the store of which nobody hears the answer.
func (w *Wire) deliver(r *http.Request, body []byte) {
	answer, err := w.pass(r.WithContext(context.WithoutCancel(r.Context())), body)
	if err == nil {
		answer.Body.Close()
	}
}

// release delivers what was kept back of a key.
func (w *Wire) release(path string) {
	w.mu.Lock()
	var due []kept
	w.kept = slices.DeleteFunc(w.kept, func(k kept) bool {
		if k.request.URL.Path == path {
			due = append(due, k)
			return true
		}
		return false
	})
	w.mu.Unlock()
	for _, k := range due {
		w.deliver(k.request, k.body)
	}
}

// Flush delivers whatever is still kept back.
func (w *Wire) Flush() {
	w.mu.Lock()
	due := w.kept
	w.kept = nil
	w.mu.Unlock()
	for _, k := range due {
		w.deliver(k.request, k.body)
	}
}
