package simulator

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/request"
)

// How a life's import is steered is drawn from its seed, beside its troubles: whether it
// publishes all or nothing, under a bandwidth limit, in hours.

// deferredLife draws whether nothing is to be visible before all is uploaded.
func deferredLife(seed uint64) bool { return hash(seed, "published at once")%3 == 0 }

// statusEvery is how often a run hears its operator here.
const statusEvery = 2 * time.Millisecond

// steer sets what an operator says with a start.
func (w *world) steer(h *host, o *importer.Options) {
	if w.deferred {
		o.DeferComplete = 1 << 20
	}
	if hash(w.plan.Seed, "bandwidth")%4 == 0 {
		o.Bandwidth = request.Timetable{{Minute: 0, Bytes: 256 << 20}}
	}
	o.HaltWait = h.patience
	if h.hold != nil {
		h.hold.steer(o, w.clock.Now())
	}
}

// steered is what becomes of one host's run.
type steered struct {
	patience time.Duration // to wait for its operator
	asked    time.Time     // of its run, last
	hold     *hold
}

// store is what requests come to.
func (w *world) store() http.RoundTripper {
	if w.deferred {
		return w.screen
	}
	return w.bucket
}

// lose forgets an upload under way. Nothing is known of that before all others are shown.
func (w *world) lose(key string) {
	w.screen.lift()
	w.bucket.Lose(key)
}

// publishable are the objects that a run can store.
func (w *world) publishable() map[string]string {
	want := w.objects()
	for key := range want {
		if path := strings.TrimSuffix(strings.TrimPrefix(key, keyPrefix), "/"); noKey(path, w.held[path]) {
			delete(want, key)
		}
	}
	return want
}

// publishAlone: entries have failed, so that nothing is published. The operator gives that
// run up, which leaves nothing, and imports what can be with another one.
func (w *world) publishAlone(ctx context.Context, h *host, why error) (*host, error) {
	w.say("ended by: %v", why)
	if _, err := w.cancel(ctx, h, false); err != nil {
		return h, fmt.Errorf("%w: what was not published could not be given up: %w", errSteered, err)
	}
	w.screen.lift()
	w.deferred = false
	h = w.another()
	return h, w.run(ctx, h, h.state, w.quiet())
}

// hoursAround are all of the day but for two hours, half a day from a time.
func hoursAround(now time.Time) request.Hours {
	now = now.Local()
	minute := now.Hour()*60 + now.Minute()
	return request.Hours{{From: (minute + 13*60) % (24 * 60), To: (minute + 11*60) % (24 * 60)}}
}

// screen stands before a store while a run publishes all or nothing, and finds what shows
// before all of it can be shown.
type screen struct {
	store *Bucket
	want  func() map[string]string // what the run will publish, by key

	mu     sync.Mutex
	open   bool                     // something shows, and may
	sizes  map[string]map[int]int64 // of the parts of an upload, by its id
	found  []string
	begins map[string][]string // ids of the uploads of a key
}

func newScreen(store *Bucket, want func() map[string]string) *screen {
	return &screen{store: store, want: want, sizes: map[string]map[int]int64{}, begins: map[string][]string{}}
}

// RoundTrip implements http.RoundTripper.
func (s *screen) RoundTrip(r *http.Request) (*http.Response, error) {
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	q := r.URL.Query()
	part := q.Get("partNumber")
	writes := r.Method == http.MethodPut && part == "" || r.Method == http.MethodPost && q.Has("uploadId")
	if _, ours := s.want()[key]; writes && ours {
		s.mu.Lock()
		defer s.mu.Unlock()
		before := s.store.Objects()[key]
		answer, err := s.store.RoundTrip(r)
		if o := s.store.Objects()[key]; o != nil && before == nil && !s.open {
			s.raise(key)
		}
		return answer, err
	}
	answer, err := s.store.RoundTrip(r)
	if number, bad := strconv.Atoi(part); err == nil && bad == nil && answer.StatusCode == http.StatusOK && r.Method == http.MethodPut {
		s.mu.Lock()
		defer s.mu.Unlock()
		id := q.Get("uploadId")
		if s.sizes[id] == nil {
			s.sizes[id] = map[int]int64{}
			s.begins[key] = append(s.begins[key], id)
		}
		s.sizes[id][number] = r.ContentLength
	}
	return answer, err
}

// raise: the first object shows. All others are there, or uploaded.
func (s *screen) raise(key string) {
	s.open = true
	have := s.store.Objects()
	for other, content := range s.want() {
		if len(content) > 0 && have[other] == nil && !s.uploaded(other, int64(len(content))) {
			s.found = append(s.found, fmt.Sprintf("%q is published, and %q is not uploaded", key, other))
		}
	}
}

func (s *screen) uploaded(key string, size int64) bool {
	return slices.ContainsFunc(s.begins[key], func(id string) bool {
		sum := int64(0)
		for _, n := range s.sizes[id] {
			sum += n
		}
		return sum == size
	})
}

// findings are what was visible too early.
func (s *screen) findings() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.found)
}

// lift takes the screen away: from now on anything may show.
func (s *screen) lift() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = true
}
