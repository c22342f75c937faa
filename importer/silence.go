package importer

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
	silentBytes  = 1 << 20 // a payload above this takes its own time
)

// silence tells of calls that have no answer, so that whoever waits sees for what.
type silence struct {
	tell func(Silence) // nil: nobody listens

	mu   sync.Mutex
	last time.Time
	why  error // a call has found no answer in all its attempts
}

// listen waits beside a call until the returned function is called.
func (s *silence) listen(what call) (over func()) {
	if s.tell == nil || what.payload > silentBytes && what.name != callComplete {
		return func() {}
	}
	began := time.Now()
	var mu sync.Mutex
	var timer *time.Timer
	var done bool
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(silenceFirst, func() {
		mu.Lock()
		defer mu.Unlock()
		if done {
			return
		}
		s.say(Silence{what.name, time.Since(began).Round(time.Second)})
		timer.Reset(silenceEvery)
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		done = true
		timer.Stop()
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
	var late *timeOut
	if !errors.As(err, &late) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.why = err
}

// err is why a store that answers nobody is asked no more questions; nil if it answers.
func (s *silence) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.why
}
