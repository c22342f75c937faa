package request

import (
	"errors"
	"sync"
	"time"
)

// Silence is a call that has no answer yet.
type Silence struct {
	Call string // as S3 calls it
	For  time.Duration
}

// When a call without an answer is told of, and how far apart: a store that answers nobody is
// told of once for all.
const (
	silenceFirst = 10 * time.Second
	silenceEvery = 30 * time.Second
	silentBytes  = 1 << 20 // a payload above this takes its own time before its answer is due
)

// silence tells of calls that have no answer, so that whoever waits sees for what.
type silence struct {
	tell func(Silence) // nil: nobody listens

	mu   sync.Mutex
	last time.Time
	why  error // a call has found no answer in all its attempts
}

// hearing is one call of which is told when it has no answer: a small one from its beginning,
// one with a payload while its answer is due, as its clock says. nil hears nothing.
type hearing struct {
	silence *silence
	name    string
	small   bool

	mu    sync.Mutex
	since time.Time   // the answer is waited for; zero: it is not
	timer *time.Timer // nil: not yet
}

// listen begins to wait beside a call, until over.
func (s *silence) listen(what Call) *hearing {
	if s.tell == nil {
		return nil
	}
	h := &hearing{silence: s, name: what.Name, small: what.Payload <= silentBytes || what.Name == CompleteMultipartUpload}
	if h.small {
		h.wait()
	}
	return h
}

func (h *hearing) wait() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.since = time.Now()
	if h.timer == nil {
		h.timer = time.AfterFunc(silenceFirst, h.late)
	} else {
		h.timer.Reset(silenceFirst)
	}
}

// late tells of a wait. One that has begun anew meanwhile is not that long.
func (h *hearing) late() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.since.IsZero() || time.Since(h.since) < silenceFirst {
		return
	}
	h.silence.say(Silence{h.name, time.Since(h.since).Round(time.Second)})
	h.timer.Reset(silenceEvery)
}

// due says that the payload of the request is sent.
func (h *hearing) due() {
	if h != nil && !h.small {
		h.wait()
	}
}

// Moved says that a byte of a payload moves.
func (h *hearing) moved() {
	if h != nil && !h.small {
		h.over()
	}
}

func (h *hearing) over() {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.since = time.Time{}
	if h.timer != nil {
		h.timer.Stop()
	}
}

func (s *silence) say(what Silence) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.last) >= silenceEvery {
		s.last = now
		s.tell(what)
	}
}

// ended notes a call that is over, with all its attempts.
func (s *silence) ended(err error) {
	var late *TimeOut
	if !errors.As(err, &late) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.why = err
}

// Deaf is why a store that answers nobody is asked no more questions; nil if it answers.
func (c *Caller) Deaf() error { return c.silence.err() }

// err is why a store that answers nobody is asked no more questions; nil if it answers.
func (s *silence) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.why
}
