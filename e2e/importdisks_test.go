package e2e

import (
	"bytes"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/internal/s3test"
)

// during is a way to a store that does something once, before the nth object or part;
// those behind it wait until it is done.
type during struct {
	left atomic.Int64
	do   func()
	done chan struct{}
}

func (d *during) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPut && !strings.Contains(r.URL.Path, ".sledge-probe") {
		switch left := d.left.Add(-1); {
		case left == 0:
			d.do()
			close(d.done)
		case left < 0:
			<-d.done
		}
	}
	return http.DefaultTransport.RoundTrip(r)
}

// through has a world reach its store by such a way, as long as it lives: a run keeps its endpoint.
func (w *world) through() *during {
	d, s := &during{done: make(chan struct{})}, w.server
	p := newFaultProxy(s.Endpoint, d)
	w.t.Cleanup(p.Close)
	w.server = &s3test.Server{Endpoint: p.URL, Region: s.Region, Bucket: s.Bucket, AccessKey: s.AccessKey, SecretKey: s.SecretKey, Folder: s.Folder}
	return d
}

// importDuring imports, and does something in the middle of it.
func (w *world) importDuring(n int64, do func()) *ran {
	w.t.Helper()
	d := w.through()
	d.do = do
	d.left.Store(n)
	r := w.run(w.importArgs("--concurrency", "2", "--json")...)
	if d.left.Load() > 0 {
		w.t.Errorf("the import made too few requests: %s", r)
	}
	return r
}

// imported is what these tests ask of an import's report.
type imported struct {
	Outcomes   map[string]uint64
	RepairedAt map[string]uint64 `json:"repaired_at"`
	Repaired   uint64            `json:"repaired_blocks"`
	Complete   bool
	Left       int `json:"left_uploads"`
}

// partOf holds what is in the store against the source, and gives the number of files that
// are not there.
func (w *world) partOf(t *testing.T, src string) (missing uint64) {
	t.Helper()
	for key, want := range objectsOf(t, src, "") {
		got, err := os.ReadFile(filepath.Join(w.prefixFolder(), key))
		switch {
		case strings.HasSuffix(key, "/"):
			// versitygw makes the folder for any object below it; one that is an
			// object itself has an ETag.
			if _, err := unix.Getxattr(filepath.Join(w.prefixFolder(), key), "user.etag", nil); err != nil {
				missing++
			}
		case err != nil:
			missing++
		case !bytes.Equal(got, want):
			t.Errorf("%q has other content than its file", key)
		}
	}
	return missing
}

// emptied truncates all files of a disk that may be open, and unplugged removes them.
func emptied(t *testing.T, disk string) {
	err := filepath.WalkDir(disk, func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			err = os.Truncate(name, 0)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func unplugged(t *testing.T, disk string) {
	entries, err := os.ReadDir(disk)
	if err != nil {
		t.Error(err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(disk, e.Name())); err != nil {
			t.Error(err)
		}
	}
}

// TestDisksPulled pulls disks out of a running import, without root: their files are cut
// off under it, or gone. Up to m of them change nothing but the report; with more, only
// what was on them fails, by name, and is imported when they are back.
func TestDisksPulled(t *testing.T) {
	t.Parallel() // it waits for the store most of the time
	src := makeTree(t, 9, 60, 20<<20, 20<<20, 20<<20)
	server := s3test.Start(t)
	t.Run("m disks", func(t *testing.T) {
		w := newWorld(t, options{server: server, job: []string{"--fips"}})
		w.sealed(src)
		w.survives(t, src, w.importDuring(4, func() {
			emptied(t, w.path("disks", "d01"))
			unplugged(t, w.path("disks", "d03"))
		}), "bay 1", "bay 3")
	})
	t.Run("more", func(t *testing.T) {
		w := newWorld(t, options{server: server, job: []string{"--fips"}})
		w.sealed(src)
		if err := os.CopyFS(w.path("safe"), os.DirFS(w.path("disks"))); err != nil {
			t.Fatal(err)
		}
		w.loses(t, src, w.importDuring(4, func() {
			emptied(t, w.path("disks", "d00"))
			unplugged(t, w.path("disks", "d02"))
			emptied(t, w.path("disks", "d04"))
		}))
		for _, d := range []string{"d00", "d02", "d04"} {
			unplugged(t, w.path("disks", d))
			if err := os.CopyFS(w.path("disks", d), os.DirFS(w.path("safe", d))); err != nil {
				t.Fatal(err)
			}
		}
		w.finishes(t, src)
	})
}

// survives judges an import that lost no more than m disks.
func (w *world) survives(t *testing.T, src string, r *ran, bays ...string) {
	t.Helper()
	var rep imported
	r.result(t, &rep)
	if r.code != 0 || !rep.Complete || rep.Repaired == 0 || len(rep.RepairedAt) == 0 {
		t.Errorf("an import whose disks went: %s", r)
	}
	for bay := range rep.RepairedAt {
		if !slices.Contains(bays, bay) {
			t.Errorf("%s is named, and %q went", bay, bays)
		}
	}
	w.compareObjects(src)
}

// loses judges an import that lost more than m disks.
func (w *world) loses(t *testing.T, src string, r *ran) {
	t.Helper()
	var rep imported
	r.result(t, &rep)
	failed := rep.Outcomes["failed"]
	// 7 where the manifest cannot be read any more either: then the receipts wait for the disks.
	if r.code != exitObjects && r.code != exitLost || failed == 0 || rep.Complete || rep.Outcomes["stored"] == 0 {
		t.Errorf("an import without enough disks: %s", r)
	}
	if named := strings.Count(r.stderr, "source-lost"); uint64(named) < failed {
		t.Errorf("%d entries failed, %d are named: %s", failed, named, r)
	}
	if missing := w.partOf(t, src); missing != failed {
		t.Errorf("%d are not in the store, %d are said to have failed: %s", missing, failed, r)
	}
}

// finishes imports what is left when the disks are back.
func (w *world) finishes(t *testing.T, src string) {
	t.Helper()
	retry := w.importArgs("--class", "fatal", "--json")
	retry[1] = "retry"
	var rep struct{ Receipts string }
	r := w.run(retry...)
	if r.result(t, &rep); r.code != 0 {
		t.Errorf("import retry with all disks: %s", r)
	}
	w.compareObjects(src)
	verify := append([]string{"verify", "import", rep.Receipts, "--by", "read-back", "--endpoint", w.server.Endpoint, "--path-style"}, w.trust()...)
	if r := w.run(verify...); r.code != 0 {
		t.Errorf("verify import: %s", r)
	}
}

// shutdown stops one file system at once: every call into it fails, as when its device is gone.
func (m *images) shutdown(mount string) {
	fd, err := unix.Open(mount, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, fsIOCShutdown, noLogFlush)
		unix.Close(fd)
	}
	if err != nil {
		m.t.Errorf("%s: shutdown: %v", mount, err)
	}
}

// TestDisksPulledMounted (make stress) does the same to mounted ext4 disks: a device that is
// gone, one whose sectors are gone under the file system, and one unmounted lazily.
func TestDisksPulledMounted(t *testing.T) {
	dice := stress(t, "mount", "mkfs.ext4")
	src := makeTree(t, 9, 200, 40<<20, 40<<20, 30<<20)
	server := s3test.Start(t)
	rounds := count(t, "SLEDGE_PULLS", 10)
	repaired := uint64(0)
	for round := range rounds {
		w := newWorld(t, options{server: server, job: []string{"--fips"}})
		m := w.mountImages(t, "ext4", 100<<20)
		w.sealed(src)
		for _, mount := range m.mounts {
			tool(t, "umount", mount)
		}
		m.mount() // nothing of it is cached
		bays := dice.Perm(5)
		at := 2 + dice.Int64N(6) // among the large files' parts: later all that is left may be in memory
		if round%2 == 0 {
			kind := dice.IntN(2)
			r := w.importDuring(at, func() {
				m.shutdown(m.mounts[bays[0]])
				if kind == 0 {
					err := os.Truncate(m.files[bays[1]], 0)
					if err != nil {
						t.Error(err)
					}
				} else if err := exec.Command("umount", "-l", m.mounts[bays[1]]).Run(); err != nil {
					t.Error(err)
				}
			})
			w.survives(t, src, r, "bay "+string(rune('0'+bays[0])), "bay "+string(rune('0'+bays[1])))
			var rep imported
			r.result(t, &rep)
			repaired += rep.Repaired
		} else {
			w.loses(t, src, w.importDuring(at, func() {
				for _, bay := range bays[:3] {
					m.shutdown(m.mounts[bay])
				}
			}))
			m.back()
			w.finishes(t, src)
		}
		m.unmount()
		for _, file := range m.files {
			os.Remove(file)
		}
		if t.Failed() {
			t.Fatalf("round %d, at request %d, disks %v", round, at, bays)
		}
	}
	t.Logf("figure: disks of %d imports went in mid-run, in every second one more than m: %d blocks decoded, every object right or named", rounds, repaired)
}

// smallState mounts a small disk in memory where a world has its state folder.
func (w *world) smallState(t *testing.T, size string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	if _, err := exec.LookPath("mount"); err != nil {
		t.Skip("mount is not installed")
	}
	state := w.mkdir("import")
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", state).CombinedOutput(); err != nil {
		t.Skipf("mounting is not allowed here: %s", out)
	}
	t.Cleanup(func() { exec.Command("umount", "-l", state).Run() })
}

// fill leaves so many bytes of a world's state disk.
func (w *world) fill(t *testing.T, leave int64) {
	var st unix.Statfs_t
	if err := unix.Statfs(w.path("import"), &st); err != nil {
		t.Error(err)
	}
	f, err := os.Create(w.path("import", "filler"))
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	for left := int64(st.Bavail)*st.Bsize - leave; left > 0; left -= 4096 {
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return // full
		}
	}
}

func (w *world) makeRoom(t *testing.T) {
	if err := os.Remove(w.path("import", "filler")); err != nil {
		t.Error(err)
	}
}

// TestStateDiskFull fills the disk of the state folder in the middle of an import. With no
// room at all the run ends at once and says what to do, and so does the next start; with room
// it goes on. With little room it waits, and goes on by itself.
func TestStateDiskFull(t *testing.T) {
	t.Parallel() // it waits for the store most of the time
	src := makeTree(t, 10, 700, 20<<20)
	server := s3test.Start(t)
	t.Run("full", func(t *testing.T) {
		w := newWorld(t, options{server: server, job: []string{"--fips"}})
		w.smallState(t, "64m")
		w.sealed(src)
		r := w.importDuring(100, func() { w.fill(t, 0) })
		if r.code != exitTarget || !strings.Contains(r.stderr+r.stdout, "journal-full") || !strings.Contains(r.stderr+r.stdout, "make room") {
			t.Errorf("a full state disk: %s", r)
		}
		if w.partOf(t, src) == 0 {
			t.Error("nothing was left to do")
		}
		w.refused(t, exitTarget, "journal-full room", w.importArgs()...)
		w.makeRoom(t)
		w.must(w.importArgs()...)
		w.compareObjects(src)
		if ids, err := (plain{server}).uploads(w.prefix + "large-0.bin"); err != nil || len(ids) > 0 {
			t.Errorf("uploads are left: %v, %v", ids, err)
		}
	})
	t.Run("little room", func(t *testing.T) {
		w := newWorld(t, options{server: server, job: []string{"--fips"}})
		w.smallState(t, "64m")
		w.sealed(src)
		halted := make(chan bool, 1)
		r := w.importDuring(100, func() {
			w.fill(t, 8<<20)
			go func() {
				defer w.makeRoom(t)
				for range 1200 {
					status, err := os.ReadFile(w.path("import", "status.json"))
					if err == nil && bytes.Contains(status, []byte("journal-full")) {
						halted <- true
						return
					}
					time.Sleep(50 * time.Millisecond)
				}
				halted <- false
			}()
		})
		if !<-halted || r.code != 0 {
			t.Errorf("a state disk with little room: %s", r)
		}
		w.compareObjects(src)
	})
}
