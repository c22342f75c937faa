package e2e

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/simulator"
)

// steering is how a run of make import-faults is steered, drawn from its seed beside its
// faults: whether it publishes all or nothing, under a bandwidth limit; and for each start
// whether it is paused, its hours end, or the store or the credentials are away for longer
// than all retries.
type steering struct {
	dice      *rand.Rand
	deferred  bool
	bandwidth string // "" is none
	curtain   *curtain
	paused    bool // in this start
}

// until is the context of a start. A power cut ends one that is paused: nobody can resume it.
func (s *steering) until(power context.Context) context.Context {
	if s.paused {
		return power
	}
	return context.Background()
}

func newSteering(seed uint64) *steering {
	dice := rand.New(rand.NewPCG(seed, 0x7374656572))
	s := &steering{dice: dice, deferred: dice.IntN(3) == 0}
	if dice.IntN(4) == 0 {
		s.bandwidth = "16M"
	}
	return s
}

// curtain stands before a real store, behind all faults: the first object of a run that
// publishes all or nothing passes when all others are there, or uploaded.
type curtain struct {
	to   http.RoundTripper
	look plain
	want map[string][]byte

	mu    sync.Mutex
	open  bool
	found string
	lacks string // the key that is not uploaded
}

func (c *curtain) RoundTrip(r *http.Request) (*http.Response, error) {
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	q := r.URL.Query()
	publishes := r.Method == http.MethodPut && !q.Has("partNumber") || r.Method == http.MethodPost && q.Has("uploadId")
	if _, ours := c.want[key]; ours && publishes {
		c.raise(key)
	}
	return c.to.RoundTrip(r)
}

func (c *curtain) raise(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open {
		return
	}
	c.open = true
	for other, data := range c.want {
		if len(data) > 0 && !c.there(other, len(data)) {
			c.found, c.lacks = fmt.Sprintf("%q is published, and %q is not uploaded", key, other), other
		}
	}
}

// there reports whether a key has an object, or an upload with all its bytes.
func (c *curtain) there(key string, size int) bool {
	if _, err := c.look.ask(http.MethodHead, key, nil, nil); err == nil {
		return true
	}
	ids, _ := c.look.uploads(key)
	for _, id := range ids {
		text, err := c.look.ask(http.MethodGet, key, map[string]string{"uploadId": id}, nil)
		var in struct{ Part []struct{ Size int } }
		if err != nil || xml.Unmarshal(text, &in) != nil {
			continue
		}
		sum := 0
		for _, p := range in.Part {
			sum += p.Size
		}
		if sum == size {
			return true
		}
	}
	return false
}

// behind is the store that the wire leads to.
func (f *faultRun) behind(store http.RoundTripper) http.RoundTripper {
	f.other.to = store
	store = f.other
	if !f.steer.deferred {
		return store
	}
	if f.steer.curtain == nil {
		f.steer.curtain = &curtain{look: f.look, want: f.want}
	}
	f.steer.curtain.to = store
	return f.steer.curtain
}

// visible: nothing showed too early. Where the network had refused the Complete of what is
// not uploaded, publishing had begun before the store saw it, and that one is uploaded anew.
func (f *faultRun) visible() {
	c := f.steer.curtain
	if c == nil || c.found == "" {
		return
	}
	begun := times(f.attempt(), func(m simulator.Meeting) bool { return m.Call == "CompleteMultipartUpload" && m.Key == c.lacks })
	if begun == 0 {
		f.found("%s", c.found)
	}
	c.found = ""
}

// outage is a wire to a store that is away for a time, from one of the requests on.
type outage struct {
	to     http.RoundTripper
	fault  *simulator.Wire // what it answers meanwhile; nil: it is never away
	from   int64
	lasts  time.Duration
	seen   atomic.Int64
	begins sync.Once
	since  time.Time
	known  atomic.Bool // before it was away, the store has given a good answer
}

func (o *outage) RoundTrip(r *http.Request) (*http.Response, error) {
	if o.fault == nil || o.seen.Add(1) < o.from {
		answer, err := o.to.RoundTrip(r)
		if err == nil && answer.StatusCode < http.StatusMultipleChoices {
			o.known.Store(true)
		}
		return answer, err
	}
	o.begins.Do(func() { o.since = time.Now() })
	if time.Since(o.since) < o.lasts {
		return o.fault.RoundTrip(r)
	}
	return o.to.RoundTrip(r)
}

// away draws an outage of one start, in which nothing else goes wrong meanwhile.
func (s *steering) away(to http.RoundTripper) *outage {
	o := &outage{to: to, from: 1 + s.dice.Int64N(60), lasts: time.Second}
	fault := []simulator.Fault{simulator.Refused, simulator.Unavailable, simulator.Expired}[s.dice.IntN(3)]
	o.fault = &simulator.Wire{Store: to, Choose: func(*http.Request, int) simulator.Fault { return fault }}
	return o
}

// held is a start that is paused, or whose hours end, at one of its requests, for a while.
type held struct {
	to    http.RoundTripper
	from  int64
	begin func()
	seen  atomic.Int64
}

func (h *held) RoundTrip(r *http.Request) (*http.Response, error) {
	if h.seen.Add(1) == h.from {
		h.begin()
	}
	return h.to.RoundTrip(r)
}

// steerStart draws what an operator does with one start.
func (f *faultRun) steerStart(o *importer.Options, state vfs.FS, to http.RoundTripper) http.RoundTripper {
	s := f.steer
	if s.deferred {
		o.DeferComplete = 1000
	}
	o.Bandwidth, _ = request.ParseTimetable(s.bandwidth)
	h := &held{to: to, from: 1 + s.dice.Int64N(60)}
	s.paused = false
	switch s.dice.IntN(6) {
	case 0:
		o.Retries = 2
		return s.away(to)
	case 1:
		s.paused = true
		o.StatusEvery = 20 * time.Millisecond
		f.ask(state, status.WantRun) // a pause before a power cut was lifted since
		h.begin = func() {
			f.ask(state, status.WantPause)
			time.AfterFunc(300*time.Millisecond, func() { f.ask(state, status.WantRun) })
		}
		return h
	case 2:
		var ahead atomic.Int64
		o.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		minute := time.Now().Hour()*60 + time.Now().Minute()
		o.Hours = request.Hours{{From: (minute + 13*60) % (24 * 60), To: (minute + 11*60) % (24 * 60)}}
		h.begin = func() {
			ahead.Store(int64(12 * time.Hour))
			time.AfterFunc(300*time.Millisecond, func() { ahead.Store(0) })
		}
		return h
	}
	return to
}

// ask writes what an operator wants. The state folder may have lost its power.
func (f *faultRun) ask(state vfs.FS, want status.Want) {
	status.WriteControl(state, "", status.Control{Want: want, At: time.Now(), By: "another process"})
}

// giveUp ends a run of which nothing is published, because a key is taken.
func (f *faultRun) giveUp(goods *simulator.Goods, o importer.Options) {
	if c := f.steer.curtain; c == nil || !c.open {
		for key := range f.want {
			if _, err := f.look.ask(http.MethodHead, key, nil, nil); err == nil && f.planted[key] == nil {
				f.found("%q is visible, and nothing was published", key)
			}
		}
	}
	o.Transport, o.Hours, o.Bandwidth, o.StatusEvery = nil, nil, nil, 0
	target, err := importer.NewS3(context.Background(), o)
	if err == nil {
		_, err = importer.Cancel(context.Background(), goods, target, o, false)
	}
	if err != nil {
		f.found("what was not published could not be given up: %v", err)
	}
}

// flags are the steering's of the real program.
func (s *steering) flags() (flags []string) {
	if s.deferred {
		flags = append(flags, "--defer-complete", "1000")
	}
	if s.bandwidth != "" {
		flags = append(flags, "--bwlimit", s.bandwidth)
	}
	return flags
}

// steerProgram pauses the real program from another process for a moment, in one start of
// three, by the command.
func (f *faultRun) steerProgram(w *world, state string) (wait func()) {
	s := f.steer
	if s.dice.IntN(3) > 0 {
		return func() {}
	}
	after := time.Duration(s.dice.IntN(1000)) * time.Millisecond
	done := make(chan struct{})
	go func() {
		defer close(done)
		heard := false
		for _, verb := range []string{"pause", "resume"} {
			time.Sleep(after)
			heard = f.command(w, verb, state)
			after = 500 * time.Millisecond
		}
		if !heard {
			f.lift(state)
		}
	}()
	return func() { <-done }
}

// lift takes back a pause that a killed run has heard, or whose command was killed: who starts
// the run again finds it paused, and resumes it.
func (f *faultRun) lift(state string) {
	if disk, err := vfs.OS(state); err == nil {
		f.ask(disk, status.WantRun)
		vfs.Close(disk)
	}
}

// command steers the program. There may be none to be steered, or one that does not hear.
func (f *faultRun) command(w *world, verb, state string) (heard bool) {
	cmd := w.command("import", verb, state)
	defer time.AfterFunc(3*time.Second, func() { cmd.Process.Kill() }).Stop()
	out, err := cmd.CombinedOutput()
	if bytes.Contains(out, []byte("panic:")) {
		f.found("import %s: %s", verb, out)
	}
	return err == nil
}
