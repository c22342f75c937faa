package e2e

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sledge-io/sledge/simulator"
)

// What the real stores of the lane do not do, and others do.
const (
	repeatedComplete simulator.Fault = "a repeated Complete, answered as the first one was"
	noListBucket     simulator.Fault = "no s3:ListBucket"
)

// otherStore has a real store behave as another one does, behind all faults: it answers a
// repeated Complete as it has answered the first one, or knows no right to list, so that
// neither a list nor a key that is free is answered.
type otherStore struct {
	to      http.RoundTripper
	repeats bool

	mu       sync.Mutex
	listless bool
	answers  map[string]completeAnswer // by path and upload
	met      []simulator.Meeting       // since the last look
	done     map[simulator.Fault]int
}

// completeAnswer is how the store has answered the first Complete of an upload.
type completeAnswer struct {
	header http.Header
	text   []byte
}

func newOtherStore(seed uint64) *otherStore {
	dice := rand.New(rand.NewPCG(seed, 0x73746f72))
	return &otherStore{repeats: dice.IntN(3) == 0, listless: dice.IntN(6) == 0,
		answers: map[string]completeAnswer{}, done: map[simulator.Fault]int{}}
}

// grant gives the right to list, as an operator does whose import is halted without.
func (o *otherStore) grant() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.listless = false
}

// meets notes what a request came to. A start is judged by it.
func (o *otherStore) meets(r *http.Request, fault simulator.Fault) {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if key == "" {
		key = r.URL.Query().Get("prefix")
	}
	o.met = append(o.met, simulator.Meeting{Fault: fault, Call: simulator.CallOf(r), Key: key})
	o.done[fault]++
}

// tell gives what was met since the last time, and how often in all.
func (o *otherStore) tell() (met []simulator.Meeting, done map[simulator.Fault]int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	met, done = o.met, o.done
	o.met, o.done = nil, map[simulator.Fault]int{}
	return met, done
}

// RoundTrip implements http.RoundTripper.
func (o *otherStore) RoundTrip(r *http.Request) (*http.Response, error) {
	o.mu.Lock()
	listless := o.listless
	o.mu.Unlock()
	switch call := simulator.CallOf(r); {
	case listless && call == "ListObjectsV2":
		o.meets(r, noListBucket)
		return refuse(r, http.StatusForbidden, "AccessDenied", "No s3:ListBucket."), nil
	case o.repeats && call == "CompleteMultipartUpload":
		return o.complete(r)
	case listless && (call == "HeadObject" || call == "GetObject"):
		answer, err := o.to.RoundTrip(r)
		if err != nil || answer.StatusCode != http.StatusNotFound {
			return answer, err
		}
		answer.Body.Close()
		o.meets(r, noListBucket)
		return refuse(r, http.StatusForbidden, "AccessDenied", "No s3:ListBucket."), nil
	}
	return o.to.RoundTrip(r)
}

// complete passes the first Complete that succeeds, and repeats its answer from then on.
func (o *otherStore) complete(r *http.Request) (*http.Response, error) {
	name := r.URL.Path + "?" + r.URL.Query().Get("uploadId")
	o.mu.Lock()
	first, ended := o.answers[name]
	o.mu.Unlock()
	if ended {
		o.meets(r, repeatedComplete)
		return first.response(r), nil
	}
	answer, err := o.to.RoundTrip(r)
	if err != nil || answer.StatusCode != http.StatusOK {
		return answer, err
	}
	text, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil {
		return nil, err
	}
	first = completeAnswer{answer.Header.Clone(), text}
	if bytes.Contains(text, []byte("CompleteMultipartUploadResult")) {
		o.mu.Lock()
		o.answers[name] = first
		o.mu.Unlock()
	}
	return first.response(r), nil
}

func (c completeAnswer) response(r *http.Request) *http.Response {
	return &http.Response{Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: c.header.Clone(), ContentLength: int64(len(c.text)), Body: io.NopCloser(bytes.NewReader(c.text))}
}

// retriesOfOutage are those of a start whose store is away: it is, for longer.
const (
	retriesOfOutage = 1
	lastsForProgram = 2 * time.Second
)

// outageOfProgram draws, for one start of the real program in three, an outage that is longer
// than all its retries; nothing else goes wrong with its requests then. expires tells that the
// credentials have expired, after which a process does not go on by itself.
func (s *steering) outageOfProgram(to http.RoundTripper) (o *outage, expires bool) {
	if s.dice.IntN(3) > 0 {
		return nil, false
	}
	fault := []simulator.Fault{simulator.Refused, simulator.Unavailable, simulator.TooSlow, simulator.Expired}[s.dice.IntN(4)]
	o = &outage{to: to, from: 1 + s.dice.Int64N(40), lasts: lastsForProgram}
	o.fault = &simulator.Wire{Store: to, Patience: 300 * time.Millisecond, Choose: func(*http.Request, int) simulator.Fault { return fault }}
	return o, fault == simulator.Expired
}

// countAway adds up what an outage has refused.
func (f *faultRun) countAway(s *start, o *outage) {
	if o == nil || o.fault == nil {
		return
	}
	o.fault.Flush()
	s.met = append(s.met, o.fault.Met()...)
	for fault, n := range o.fault.Done() {
		f.done["away: "+fault] += n
	}
}

// countOther adds up what the store did otherwise.
func (f *faultRun) countOther(s *start) {
	met, done := f.other.tell()
	s.met = append(s.met, met...)
	for _, fault := range slices.Sorted(maps.Keys(done)) {
		f.done[fault] += done[fault]
	}
}

// judgeOutage: a start that was only kept waiting has ended well by itself. Expired keys in
// the environment end a process, which names them; and so does a store that is away before it
// has given this start a good answer, for its address may be mistyped.
func (f *faultRun) judgeOutage(s *start, r *ran, o *outage, expires bool) {
	refused := o.fault.Met()
	over := r.code == 0 || f.taken() && (r.code == exitConflict || strings.Contains(r.stderr, "not-published"))
	named := r.code == exitTarget && len(refused) > 0 && len(s.said) > 0
	if s.cut || over || named && (expires || !o.known.Load()) || len(s.met) > len(refused) {
		return
	}
	f.found("an outage of %s from request %d on, %d requests refused, a good answer before %v, and the run has not gone on by itself: %s",
		lastsForProgram, o.from, len(refused), o.known.Load(), r)
}

// String is for who looks into a finding.
func (o *otherStore) String() string {
	return fmt.Sprintf("repeats Completes %v, without a right to list %v", o.repeats, o.listless)
}
