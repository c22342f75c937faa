package e2e

import (
	"bytes"
	"encoding/binary"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/s3test"
)

// TestHoursEndAndBegin: the hours of a run end while it writes, and begin again: it finishes
// what is under way, begins nothing, says so, and goes on by itself. Hours are whole minutes,
// and nobody waits for one: the clock of the run's time zone jumps out of them and back. On
// a machine that does not come so far in time the jumps are later.
func TestHoursEndAndBegin(t *testing.T) {
	t.Parallel()
	server := s3test.Start(t)
	src := makeTree(t, 9, 40)
	w := newWorld(t, options{geometry: "2+1", disks: 3, server: server, job: []string{"--fips"}})
	w.sealed(src)
	for after := 2 * time.Second; !hoursEndAndBegin(t, w, after); after *= 2 {
		if after > time.Minute {
			t.Fatalf("a run does not come to its end of hours, or does not tell of it, in %s", after)
		}
	}
	w.compareObjects(src)
}

// inHours is how many writes of that test pass before its hours end.
const inHours = 6

// hoursEndAndBegin runs the import; the hours end after a time and begin again after the same
// time. It returns false where the machine was too slow for that to show.
func hoursEndAndBegin(t *testing.T, w *world, after time.Duration) bool {
	end := time.Now().Add(after).Truncate(time.Second).Add(time.Second)
	begin := end.Add(after)
	front := &turnstile{behind: &http.Transport{}, left: inHours, begin: begin,
		reached: make(chan struct{}), let: make(chan struct{}), told: make(chan struct{})}
	proxy := newFaultProxy(w.server.Endpoint, front)
	defer proxy.Close()
	defer front.open()
	other := *w
	other.env = append(w.env[:len(w.env):len(w.env)], "TZ="+jumpingZone(t, end, begin))
	run := other.start(w.importArgs("--endpoint", proxy.URL, "--hours", "11:00-13:00", "--concurrency", "2")...)
	shown := front.comesTo(t, run, end)
	if shown {
		time.Sleep(time.Until(end))
		close(front.let)
		for time.Now().Before(begin) && !strings.Contains(run.stderr.String(), "outside of the run's hours") {
			if n := front.between(end, begin); n > 2 { // what came to its worker before the end may come to the store after it
				t.Fatalf("%d writes have begun outside of the hours", n)
			}
			time.Sleep(20 * time.Millisecond)
		}
		shown = strings.Contains(run.stderr.String(), "outside of the run's hours")
	}
	if !shown {
		run.signal(syscall.SIGKILL)
		<-run.done
		for _, left := range []string{w.path("import"), w.prefixFolder()} {
			if err := os.RemoveAll(left); err != nil {
				t.Fatal(err)
			}
		}
		return false
	}
	run.tells(t, "the run's hours have begun: it goes on")
	close(front.told)
	run.completes(t)
	if n := front.between(end, begin); n > 2 {
		t.Errorf("%d writes have begun outside of the hours", n)
	}
	if n := front.between(begin, time.Now()); n < 20 {
		t.Errorf("%d writes came after the hours had begun again", n)
	}
	return true
}

// turnstile lets some writes pass, keeps the next ones until let is closed, and those after
// begin until told is closed. It notes when each came.
type turnstile struct {
	behind http.RoundTripper
	begin  time.Time

	mu   sync.Mutex
	left int
	came []time.Time

	reached, let, told chan struct{}
}

// RoundTrip implements http.RoundTripper.
func (s *turnstile) RoundTrip(r *http.Request) (*http.Response, error) {
	if until := s.keeps(r); until != nil {
		select {
		case <-until:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	return s.behind.RoundTrip(r)
}

// keeps notes a write, and tells until when it has to wait.
func (s *turnstile) keeps(r *http.Request) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !writes(r) {
		return nil
	}
	now := time.Now()
	s.came = append(s.came, now)
	if s.left--; s.left == -1 {
		close(s.reached)
	}
	switch {
	case !now.Before(s.begin):
		return s.told
	case s.left < 0:
		return s.let
	}
	return nil
}

// open lets go whatever is kept.
func (s *turnstile) open() {
	for _, c := range []chan struct{}{s.let, s.told} {
		select {
		case <-c:
		default:
			close(c)
		}
	}
}

// comesTo tells whether a write is kept before a time.
func (s *turnstile) comesTo(t *testing.T, run *background, end time.Time) bool {
	t.Helper()
	select {
	case <-s.reached:
		return time.Now().Before(end)
	case <-run.done:
		t.Fatalf("the run has ended: %s", &run.stderr)
	case <-time.After(time.Until(end)):
	}
	return false
}

// between counts the writes that came in a time.
func (s *turnstile) between(from, to time.Time) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, at := range s.came {
		if !at.Before(from) && at.Before(to) {
			n++
		}
	}
	return n
}

// jumpingZone writes a time zone (RFC 9636, version 1) in which noon is at end; there the
// clock jumps by six hours, and back at begin.
func jumpingZone(t *testing.T, end, begin time.Time) string {
	t.Helper()
	noon := 12*60*60 - int32(end.Unix()%(24*60*60))
	var file bytes.Buffer
	file.WriteString("TZif")
	file.Write(make([]byte, 16)) // version 1, and what is reserved
	for _, part := range []any{
		[]uint32{0, 0, 0, 3, 2, 8}, // transitions, types, characters
		[]int32{int32(end.Unix()) - 24*60*60, int32(end.Unix()), int32(begin.Unix())},
		[]byte{0, 1, 0}, // the type after each
		noon, []byte{0, 0}, noon + 6*60*60, []byte{0, 4},
		[]byte("OPN\x00SHT\x00"),
	} {
		if err := binary.Write(&file, binary.BigEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	name := t.TempDir() + "/zone"
	write(t, name, file.String())
	return name
}
