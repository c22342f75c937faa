package e2e

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/internal/daemon"
	"github.com/sledge-io/sledge/internal/s3test"
	"github.com/sledge-io/sledge/simulator"
)

// The stress lane (make stress) needs root, loop devices and minutes. Its tests are
// skipped by name without SLEDGE_STRESS=1.
func stress(t *testing.T, need ...string) *rand.Rand {
	t.Helper()
	if os.Getenv("SLEDGE_STRESS") != "1" {
		t.Skip("SLEDGE_STRESS is not set (make stress)")
	}
	if len(need) > 0 && os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	for _, program := range need {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("SLEDGE_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("SLEDGE_SEED: %v", err)
		}
	}
	t.Logf("seed %d (SLEDGE_SEED)", seed)
	return rand.New(rand.NewPCG(seed, 7))
}

// count is a number that the environment may change.
func count(t *testing.T, name string, usual int) int {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return usual
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// images are file systems in files, each mounted where a world has a disk.
type images struct {
	t      *testing.T
	kind   string // ext4, xfs
	files  []string
	mounts []string
}

func (w *world) mountImages(t *testing.T, kind string, size int64) *images {
	t.Helper()
	m := &images{t: t, kind: kind}
	mounts, err := filepath.Glob(w.allDisks())
	if err != nil {
		t.Fatal(err)
	}
	for i, mount := range mounts {
		file := w.path(fmt.Sprintf("image-%02d", i))
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(file, size); err != nil {
			t.Fatal(err)
		}
		mkfs := []string{"mkfs.ext4", "-q", "-F", file}
		if kind == "xfs" {
			mkfs = []string{"mkfs.xfs", "-q", "-f", file}
		}
		tool(t, mkfs...)
		m.files, m.mounts = append(m.files, file), append(m.mounts, mount)
	}
	t.Cleanup(m.unmount)
	m.mount()
	return m
}

func tool(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func (m *images) mount() {
	m.t.Helper()
	for i, file := range m.files {
		tool(m.t, "mount", "-o", "loop", file, m.mounts[i])
	}
}

func (m *images) unmount() {
	for _, mount := range m.mounts {
		if err := exec.Command("umount", mount).Run(); err != nil {
			exec.Command("umount", "-l", mount).Run() // at the end of a failed test
		}
	}
}

// FS_IOC_SHUTDOWN (XFS_IOC_GOINGDOWN) stops a file system at once; without the
// flush of its log, what was not synced is lost as in a power cut.
const (
	fsIOCShutdown = 0x8004587d
	noLogFlush    = 2
)

// cut takes the power from all disks, and gives it back.
func (m *images) cut() {
	m.t.Helper()
	var all sync.WaitGroup
	for _, mount := range m.mounts {
		fd, err := unix.Open(mount, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		if err != nil {
			m.t.Fatal(err)
		}
		all.Go(func() { // at one moment, as far as that can be had
			if err := unix.IoctlSetPointerInt(fd, fsIOCShutdown, noLogFlush); err != nil {
				m.t.Errorf("%s: shutdown: %v", mount, err)
			}
			unix.Close(fd)
		})
	}
	all.Wait()
}

func (m *images) back() {
	m.t.Helper()
	for _, mount := range m.mounts {
		tool(m.t, "umount", mount)
	}
	m.mount()
}

// TestPowerCuts cuts the power of real file systems during load and seal at random
// moments; the same commands then go on, and in the end every byte is compared.
func TestPowerCuts(t *testing.T) {
	dice := stress(t, "mount", "mkfs.ext4", "mkfs.xfs")
	src := makeTree(t, 5, 150, 17<<20+1, 33<<20+5)
	for _, kind := range []string{"ext4", "xfs"} {
		t.Run(kind, func(t *testing.T) {
			left := count(t, "SLEDGE_CUTS", 40)
			total, failed := left, 0
			usual := map[string]time.Duration{} // how long a verb takes that is not cut
			for left > 0 && !t.Failed() {
				w := newWorld(t, options{job: []string{"--fips"}})
				m := w.mountImages(t, kind, 400<<20)
				degraded := false
				w.unlock()
				step := func(args func() []string) {
					for attempt := 0; ; attempt++ {
						cmd := w.command(args()...)
						if verb := cmd.Args[1]; left == 0 || attempt == 6 || usual[verb] == 0 {
							start := time.Now()
							r := w.finish(cmd, nil)
							if verb == "seal" && r.code == exitDamage {
								// The disks did not go off at quite one moment, and the load went
								// on for a pack without the first ones: it says so.
								degraded = true
								r = w.run(append(args(), "--degraded")...)
							}
							if r.code != 0 {
								t.Fatalf("sledge %s: %s", verb, r)
							}
							if attempt == 0 {
								usual[verb] = time.Since(start)
							}
							return
						}
						after := time.Duration(dice.Float64() * 0.9 * float64(usual[cmd.Args[1]]))
						r := w.finish(cmd, func() { time.Sleep(after); m.cut() })
						m.back()
						left--
						if r.code == 0 {
							return // done before the cut: then it has to be there
						}
						failed++
					}
				}
				step(func() []string { return w.loadArgs(src) })
				answer := w.wrapAnswer()
				step(func() []string { return w.sealArgs(answer) })
				if _, err := os.Stat(w.path("device.label")); err != nil {
					w.must(w.sealArgs(answer)...)
				}
				if r := w.run(append([]string{"verify", "disks"}, w.trust()...)...); r.code != 0 && !(degraded && r.code == exitDamage) {
					t.Errorf("verify disks: %s", r)
				}
				w.compareExtracted(src)
				m.unmount()
				for _, file := range m.files {
					os.Remove(file)
				}
			}
			t.Logf("figure: %s: %d power cuts, %d of them in mid-command, nothing acknowledged lost", kind, total, failed)
		})
	}
}

// TestFullImages fills small real disks: the load stops by itself, says so, and what
// was loaded can be sealed and read.
func TestFullImages(t *testing.T) {
	stress(t, "mount", "mkfs.ext4")
	src := makeTree(t, 6, 50, 30<<20, 30<<20, 30<<20, 30<<20, 30<<20)
	w := newWorld(t, options{job: []string{"--fips"}})
	w.mountImages(t, "ext4", 64<<20)
	w.unlock()
	r := w.run(w.loadArgs(src)...)
	if r.code == 0 || !strings.Contains(r.stderr, "full") {
		t.Fatalf("a load onto full disks: %s", r)
	}
	if again := w.run(w.loadArgs(src)...); again.code != r.code {
		t.Errorf("again: %s", again)
	}
	if r := w.run(append(w.sealArgs(w.wrapAnswer()), "--incomplete")...); r.code != exitSource {
		t.Fatalf("seal --incomplete: %s", r)
	}
	if r := w.run(append([]string{"verify", "disks"}, w.trust()...)...); r.code != 0 {
		t.Errorf("verify disks: %s", r)
	}
	out := w.mkdir("partial")
	w.run(append([]string{"extract", out}, w.centre()...)...)
	same := 0
	filepath.WalkDir(out, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, _ := filepath.Rel(out, path)
		a, err1 := os.ReadFile(path)
		b, err2 := os.ReadFile(filepath.Join(src, rel))
		if err1 != nil || err2 != nil || string(a) != string(b) {
			t.Errorf("%q differs (%v, %v)", rel, err1, err2)
		}
		same++
		return nil
	})
	if same == 0 {
		t.Error("nothing of a full device could be extracted")
	}
	t.Logf("figure: %d files were loaded before the disks were full", same)
}

// TestBadSectors gives m of the disks bad sectors: where a loop device's file ends
// early, the kernel answers reads with EIO. Everything is read all the same, and
// the damage is named.
func TestBadSectors(t *testing.T) {
	stress(t, "mount", "mkfs.ext4")
	src := makeTree(t, 8, 100, 40<<20, 40<<20, 30<<20)
	w := newWorld(t, options{job: []string{"--fips"}})
	m := w.mountImages(t, "ext4", 80<<20)
	w.sealed(src)
	for _, mount := range m.mounts {
		tool(t, "umount", mount)
	}
	m.mount() // nothing of it is cached any more
	for _, bad := range []int{1, 3} {
		if err := os.Truncate(m.files[bad], 40<<20); err != nil {
			t.Fatal(err)
		}
	}
	r := w.run(append([]string{"verify", "disks"}, w.trust()...)...)
	if r.code != exitDamage {
		t.Errorf("verify disks: %s", r)
	}
	for _, bad := range []string{"d01", "d03"} {
		if !strings.Contains(r.stdout, bad) {
			t.Errorf("verify disks does not name %s: %s", bad, r)
		}
	}
	w.compareExtracted(src)
}

// newFaultProxy is a proxy in front of a store, which it reaches by a wire.
func newFaultProxy(to string, wire http.RoundTripper) *httptest.Server {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := r.Clone(r.Context())
		out.URL.Scheme, out.URL.Host, out.RequestURI = "http", strings.TrimPrefix(to, "http://"), ""
		answer, err := wire.RoundTrip(out)
		if errors.Is(err, simulator.ErrHeadersCut) {
			cutHeaders(w)
		}
		if err != nil {
			panic(http.ErrAbortHandler) // the connection breaks
		}
		defer answer.Body.Close()
		maps.Copy(w.Header(), answer.Header)
		w.WriteHeader(answer.StatusCode)
		if _, err := io.Copy(w, answer.Body); err != nil {
			panic(http.ErrAbortHandler)
		}
	}))
	server.Config.ErrorLog = nil
	return server
}

// cutHeaders ends an answer in its headers.
func cutHeaders(w http.ResponseWriter) {
	if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Le")
		c.Close()
	}
}

// startMinIO runs MinIO with one bucket, if it has been built (scripts/tools.sh minio).
func startMinIO(t *testing.T) *s3test.Server {
	t.Helper()
	binary := filepath.Join(os.Getenv("SLEDGE_TOOLS"), "minio")
	if _, err := os.Stat(binary); err != nil {
		t.Skip("minio is not built: scripts/tools.sh minio")
	}
	dir := t.TempDir()
	server := &s3test.Server{Region: "us-east-1", Bucket: "sledge", AccessKey: "minio-user", SecretKey: "minio-password"}
	if err := os.Mkdir(filepath.Join(dir, server.Bucket), 0o755); err != nil { // a folder there is a bucket
		t.Fatal(err)
	}
	d, err := daemon.Start(t.Context(), func(address string) (*exec.Cmd, error) {
		cmd := exec.Command(binary, "server", "--quiet", "--address", address, dir)
		cmd.Env = slices.Concat(cleanEnv(), []string{"MINIO_ROOT_USER=" + server.AccessKey, "MINIO_ROOT_PASSWORD=" + server.SecretKey, "MINIO_BROWSER=off", "HOME=" + t.TempDir()})
		return cmd, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Stop)
	server.Endpoint = d.Endpoint
	return server
}
