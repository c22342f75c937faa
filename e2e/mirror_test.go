package e2e

import (
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/s3test"
)

// host is the import of one host, with a state folder of its own.
func (w *world) host(name, endpoint string, more ...string) []string {
	args := append([]string{"import", "run", "--target", "s3://" + w.server.Bucket + "/" + w.prefix, "--profile", "versitygw", "--journal", "target",
		"--state", w.path("state", w.prefix, name), "--endpoint", endpoint, "--path-style", "--exclusive-prefix"}, w.centre()...)
	return append(args, more...)
}

// journal are the files of the journal in the target, below its run's folder.
func (w *world) journal() (files []string) {
	w.t.Helper()
	root := filepath.Join(w.prefixFolder(), ".sledge-journal")
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rest, _ := filepath.Rel(root, name)
			parts := strings.SplitN(filepath.ToSlash(rest), "/", 3) // run, device
			files = append(files, parts[len(parts)-1])
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return files
}

// wantJournal sees what is left of the journal, and takes it away.
func (w *world) wantJournal(want ...string) {
	w.t.Helper()
	if got := w.journal(); fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Errorf("left of the journal: %q, want %q", got, want)
	}
	if err := os.RemoveAll(filepath.Join(w.prefixFolder(), ".sledge-journal")); err != nil {
		w.t.Error(err)
	}
}

// midway is an import of host a that has a page behind it, and whose Complete of a large
// object is held back.
type midway struct {
	*holding
	first *background

	after atomic.Bool // what the second host sends is counted
	mu    sync.Mutex
	sent  map[string]int // PUTs with payload, by key
}

func (w *world) midway(t *testing.T) *midway {
	w.t.Helper()
	m := &midway{sent: map[string]int{}}
	m.holding = startHolding(t, w.server.Endpoint, func(r *http.Request) bool {
		if m.after.Load() && r.Method == "PUT" && !strings.Contains(r.URL.Path, "/.sledge-") {
			m.mu.Lock()
			m.sent[strings.TrimPrefix(r.URL.Path, "/"+w.server.Bucket+"/"+w.prefix)]++
			m.mu.Unlock()
		}
		return r.Method == "POST" && r.URL.Query().Has("uploadId") && !strings.Contains(r.URL.Path, "/.sledge-")
	})
	m.first = w.start(w.host("a", m.URL)...)
	for reached, end := m.reached, time.After(20*time.Minute); ; {
		select {
		case <-reached:
			reached = nil
		case <-m.first.done:
			w.t.Fatalf("the import ended: %s", &m.first.stderr)
		case <-end:
			w.t.Fatalf("no page is done: %q", w.journal())
		case <-time.After(20 * time.Millisecond):
			if reached == nil && strings.Contains(strings.Join(w.journal(), " "), "pages/") {
				return m
			}
		}
	}
}

// TestTakeOverHosts: host a is frozen, or dead with its state folder, in the middle of an
// import whose journal is in the target, too. Host b goes on with an empty folder.
func TestTakeOverHosts(t *testing.T) {
	t.Parallel() // it waits for disks and the store most of the time
	src := pagesTree(t)
	server := s3test.Start(t)
	w := newWorld(t, options{server: server, job: []string{"--fips"}})
	w.sealed(src)
	t.Run("frozen", func(t *testing.T) { w.into(201).hostFrozen(t, src) })
	t.Run("dead", func(t *testing.T) { w.into(202).hostDead(t, src) })
	t.Run("canceled", func(t *testing.T) { w.into(203).hostCanceled(t) })
}

// pagesTree is a source of two pages: the first one has a large object, which is held back, and
// the other one is done before. Links with long targets fill a page, and are no objects.
func pagesTree(t *testing.T) string {
	t.Helper()
	src := makeTree(t, 21, 150, 40<<20+3)
	for i := range 300 {
		target := strings.Repeat(strings.Repeat("t", 200)+"/", 19) + fmt.Sprint(i)
		if err := os.Symlink(target, filepath.Join(src, fmt.Sprintf("link-%03d", i))); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 50 {
		write(t, filepath.Join(src, fmt.Sprintf("early-%02d", i)), fmt.Sprint("early ", i))
	}
	return src
}

// goOn has host b finish the import.
func (w *world) goOn(t *testing.T, m *midway) (second importAnswer) {
	w.t.Helper()
	w.refused(t, exitBusy, "state-locked", w.host("b", m.URL)...)
	m.after.Store(true)
	w.must(w.host("b", m.URL, "--takeover=1s", "--json")...).result(w.t, &second)
	m.after.Store(false)
	if !second.Complete || second.Run != "run-1.2" {
		w.t.Errorf("the second: %+v", second)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, n := range m.sent {
		if strings.HasPrefix(key, "large-") || strings.HasPrefix(key, "many/06/") { // parts that are there; the page that is done
			w.t.Errorf("%s was sent again, %d times", key, n)
		}
	}
	return second
}

func (w *world) hostFrozen(t *testing.T, src string) {
	w.t = t
	m := w.midway(t)
	m.first.signal(syscall.SIGSTOP)
	second := w.goOn(t, m)
	close(m.let) // its Complete arrives late
	m.first.wantReplaced()
	if _, err := os.Stat(w.path("state", w.prefix, "a", "receipts", "total.dsse")); err == nil {
		t.Error("the first host has signed receipts")
	}
	w.verifyReceipts(second.Receipts, m.URL)
	w.must(append([]string{"verify", "import", second.Receipts, "--target", w.target(), "--extras", "--endpoint", m.URL, "--path-style"}, w.trust()...)...)
	w.wantJournal("header", "leases/00000001", "leases/00000002", "leases/00000002.signed")
	w.compareObjects(src)
	w.noUploads()
}

func (w *world) hostDead(t *testing.T, src string) {
	w.t = t
	m := w.midway(t)
	m.first.signal(syscall.SIGKILL)
	<-m.first.done
	close(m.let)
	if err := os.RemoveAll(w.path("state", w.prefix, "a")); err != nil {
		t.Fatal(err)
	}
	second := w.goOn(t, m)
	w.verifyReceipts(second.Receipts, m.URL)
	w.wantJournal("header", "leases/00000001", "leases/00000002", "leases/00000002.signed")
	w.compareObjects(src)
	w.noUploads()
}

// hostCanceled gives the run up from another host.
func (w *world) hostCanceled(t *testing.T) {
	w.t = t
	m := w.midway(t)
	m.first.signal(syscall.SIGSTOP)
	cancel := func(more ...string) []string {
		args := w.host("b", m.URL, append(more, "--delete-objects")...)
		args[1] = "cancel"
		return args
	}
	var answer struct {
		Deleted     int
		JournalLeft string `json:"journal_left"`
		Late        []struct{ Key, Call string }
	}
	first := w.run(cancel("--takeover=1s", "--json")...)
	if first.result(t, &answer); first.code != exitTarget || answer.Deleted == 0 || answer.JournalLeft == "" ||
		len(answer.Late) != 1 || answer.Late[0].Call != "CompleteMultipartUpload" {
		t.Errorf("the Complete that is on its way: %s", first)
	}
	close(m.let)
	m.first.wantReplaced()
	// What was on its way when the first host froze has come late: the same once more finds it, and
	// for a while nobody can tell that nothing comes any more.
	if again := w.run(cancel("--takeover=1s")...); again.code != exitTarget || !strings.Contains(again.stderr, "may yet appear") {
		t.Errorf("once more: %s", again)
	}
	w.refused(t, exitTarget, "canceled", w.host("c", m.URL, "--takeover=1s")...)
	err := filepath.WalkDir(w.prefixFolder(), func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == ".sledge-journal" {
			return fs.SkipDir
		}
		if err == nil && !d.IsDir() {
			t.Errorf("left: %s", name)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	w.noUploads()
}
