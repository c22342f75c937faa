package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/s3test"
)

// holding stands before a store and holds one request back: the first one that fits,
// until it is let go.
type holding struct {
	*httptest.Server
	fits    func(*http.Request) bool
	front   func(http.ResponseWriter, *http.Request) bool // answers itself what it returns true for; nil: nothing
	taken   atomic.Bool
	reached chan struct{} // closed when the request is there
	let     chan struct{} // closed by whoever lets it go
}

func startHolding(t *testing.T, to string, fits func(*http.Request) bool) *holding {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	h := &holding{fits: fits, reached: make(chan struct{}), let: make(chan struct{})}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // the signature covers it
	}}
	h.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if h.fits(r) && h.taken.CompareAndSwap(false, true) {
			close(h.reached)
			<-h.let
		}
		if h.front != nil && h.front(rw, r) {
			return
		}
		forward.ServeHTTP(rw, r)
	}))
	t.Cleanup(h.CloseClientConnections)
	return h
}

// background is a command that a test stops and wakes.
type background struct {
	w      *world
	cmd    *exec.Cmd
	stderr screen
	done   chan struct{}
}

func (w *world) start(args ...string) *background {
	w.t.Helper()
	b := &background{w: w, cmd: w.command(args...), done: make(chan struct{})}
	b.cmd.Stderr = &b.stderr
	if err := b.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	go func() {
		b.cmd.Wait()
		close(b.done)
	}()
	w.t.Cleanup(func() { b.cmd.Process.Kill() })
	return b
}

func (b *background) signal(s syscall.Signal) { b.cmd.Process.Signal(s) }

// wantReplaced wakes a process that was frozen and sees it end as one that was replaced.
func (b *background) wantReplaced() {
	b.w.t.Helper()
	b.signal(syscall.SIGCONT)
	<-b.done // or never, if it goes on
	if code := b.cmd.ProcessState.ExitCode(); code != exitTarget || !strings.Contains(b.stderr.String(), "taken-over") {
		b.w.t.Errorf("a process that was replaced ended with exit code %d: %s", code, &b.stderr)
	}
}

// sees waits for something that the process does, or for its end.
func (b *background) sees(seen func() bool) {
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for !seen() {
		select {
		case <-b.done:
			return
		case <-look.C:
		}
	}
}

// worksOn is the process that the state folder of the world's import names; 0: none.
func (w *world) worksOn() int {
	var status struct{ PID int }
	if text, err := os.ReadFile(filepath.Join(w.path("state", w.prefix), "status.json")); err == nil {
		json.Unmarshal(text, &status) // it is replaced at once: never half of it
	}
	return status.PID
}

// noUploads looks for uploads in the store's own folder.
func (w *world) noUploads() {
	w.t.Helper()
	err := filepath.WalkDir(filepath.Join(w.server.BucketFolder(), ".sgwtmp"), func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			w.t.Errorf("left behind: %s", name)
		}
		return nil
	})
	if err != nil {
		w.t.Error(err)
	}
}

// target is where the world's import goes, which the job need not say.
func (w *world) target() string { return "s3://" + w.server.Bucket + "/" + w.prefix }

func (w *world) verifyReceipts(receipts, endpoint string) {
	w.t.Helper()
	w.must(append([]string{"verify", "import", receipts, "--target", w.target(), "--by", "read-back", "--endpoint", endpoint, "--path-style"}, w.trust()...)...)
}

// into is another import of the same device, with a prefix and a state of its own.
func (w *world) into(n int) *world {
	other := *w
	other.prefix = fmt.Sprintf("%stake-%d/", w.prefix, n)
	return &other
}

func (w *world) takeArgs(endpoint string, more ...string) []string {
	args := append([]string{"import", "run", "--target", "s3://" + w.server.Bucket + "/" + w.prefix, "--profile", "versitygw",
		"--state", w.path("state", w.prefix), "--endpoint", endpoint, "--path-style", "--exclusive-prefix"}, w.centre()...)
	return append(args, more...)
}

// TestTakeOver freezes an import (SIGSTOP) with one request under way, has a second
// process take it over, and then lets the request arrive late and the first one wake.
func TestTakeOver(t *testing.T) {
	t.Parallel() // it waits for disks and the store most of the time
	src := makeTree(t, 11, 30, 40<<20+3)
	server := s3test.Start(t)
	w := newWorld(t, options{server: server, job: []string{"--fips"}})
	w.sealed(src)
	object := func(r *http.Request) bool { return !strings.Contains(r.URL.Path, ".sledge-") }
	cases := []struct {
		name string
		fits func(*http.Request) bool
	}{
		{"PUT", func(r *http.Request) bool { return r.Method == "PUT" && r.URL.RawQuery == "x-id=PutObject" }},
		{"Create", func(r *http.Request) bool { return r.Method == "POST" && r.URL.Query().Has("uploads") }},
		{"part", func(r *http.Request) bool { return r.URL.Query().Get("partNumber") == "2" }},
		{"Complete", func(r *http.Request) bool { return r.Method == "POST" && r.URL.Query().Has("uploadId") }},
	}
	for i, c := range cases {
		for j, late := range []bool{false, true} { // the request arrives before or after the second has ended
			t.Run(fmt.Sprintf("%s/late=%v", c.name, late), func(t *testing.T) {
				w := w.into(2*i + j)
				w.t = t
				h := startHolding(t, server.Endpoint, func(r *http.Request) bool { return object(r) && c.fits(r) })
				first := w.start(w.takeArgs(h.URL)...)
				select {
				case <-h.reached:
				case <-first.done:
					t.Fatalf("the import ended: %s", &first.stderr)
				}
				first.signal(syscall.SIGSTOP)
				w.refused(t, exitBusy, "state-locked", w.takeArgs(h.URL)...)
				if !late {
					close(h.let)
				}
				var second importAnswer
				w.must(w.takeArgs(h.URL, "--takeover=1s", "--json")...).result(t, &second)
				if late {
					close(h.let)
				}
				first.wantReplaced()
				if !second.Complete {
					t.Errorf("the second: %+v", second)
				}
				w.compareObjects(src)
				w.verifyReceipts(second.Receipts, h.URL)
				w.noUploads()
			})
		}
	}
}

// namedLeft is what a process says of an object of its probe that it could not remove.
var namedLeft = regexp.MustCompile(`"([^"]+/\.sledge-probe/[^"]+)": probe-left: `)

// removeNamed removes by hand what a process that was replaced has named. Requests that were on
// their way when it was frozen arrive when it wakes, and it may remove nothing any more. What is
// left and not named stays, for compareObjects to find.
func (w *world) removeNamed(said string) {
	w.t.Helper()
	for _, m := range namedLeft.FindAllStringSubmatch(said, -1) {
		name := filepath.Join(w.prefixFolder(), filepath.FromSlash(strings.TrimPrefix(m[1], w.prefix)))
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			w.t.Error(err)
		}
		os.Remove(filepath.Dir(name))
		os.Remove(filepath.Dir(filepath.Dir(name))) // folders, once they are empty
	}
}

// TestTakeOverKills has one process after another take an import over; each is frozen
// or killed (kill -9) at a random request, until one is let through. Then all that are
// frozen wake at once.
func TestTakeOverKills(t *testing.T) {
	t.Parallel() // it waits for disks and the store most of the time
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 3))
	src := makeTree(t, 12, 60, 40<<20+3, 17<<20)
	server := s3test.Start(t)
	w := newWorld(t, options{server: server, job: []string{"--fips"}})
	w.sealed(src)
	var requests atomic.Int64
	slow := startHolding(t, server.Endpoint, func(*http.Request) bool { requests.Add(1); return false })
	stops, dead := 0, 0
	for round := range 3 {
		w := w.into(100 + round)
		args := w.takeArgs(slow.URL, "--takeover=100ms", "--concurrency", "4")
		var frozen []*background
		for range 5 {
			if err := os.MkdirAll(w.path("state", w.prefix), 0o700); err != nil {
				t.Fatal(err)
			}
			b := w.start(args...)
			b.sees(func() bool { return w.worksOn() == b.cmd.Process.Pid })
			stop := requests.Load() + int64(1+rng.IntN(60))
			b.sees(func() bool { return requests.Load() >= stop })
			if rng.IntN(2) == 0 {
				b.signal(syscall.SIGKILL)
				<-b.done
				dead++
			} else {
				b.signal(syscall.SIGSTOP)
				frozen = append(frozen, b)
				stops++
			}
		}
		var last importAnswer
		w.must(append(args, "--json")...).result(t, &last)
		for _, b := range frozen {
			b.signal(syscall.SIGCONT)
		}
		for _, b := range frozen {
			<-b.done
			w.removeNamed(b.stderr.String())
			if code := b.cmd.ProcessState.ExitCode(); code != 0 && !strings.Contains(b.stderr.String(), "taken-over") {
				t.Errorf("one that was replaced: exit code %d: %s", code, &b.stderr)
			}
		}
		w.compareObjects(src)
		w.verifyReceipts(last.Receipts, slow.URL)
		w.noUploads()
	}
	t.Logf("figure: %d takeovers from processes that were frozen, %d from ones that were killed", stops, dead)
}
