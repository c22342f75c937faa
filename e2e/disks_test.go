package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/internal/s3test"
)

// call runs a tool of the system, or skips the test by its name.
func call(t testing.TB, name string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed", name)
	}
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Skipf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
}

// image makes an ext4 in a file, to be a disk.
func (w *world) image(name string) string {
	w.t.Helper()
	if os.Getuid() != 0 {
		w.t.Skip("mounting needs root")
	}
	call(w.t, "truncate", "-s", "64M", w.path(name))
	call(w.t, "mkfs.ext4", "-q", w.path(name))
	return w.path(name)
}

// mount mounts at a disk's folder until the test ends, or it is unmounted.
func (w *world) mount(disk string, args ...string) {
	w.t.Helper()
	call(w.t, "mount", append(args, disk)...)
	w.t.Cleanup(func() { exec.Command("umount", "-l", disk).Run() }) // it may be unmounted already
}

func (w *world) disk(i int) string { return w.path("disks", fmt.Sprintf("d%02d", i)) }

// TestUnlockWantsMountedDisks: a first unlock takes no empty mount point, no disk
// twice, and no file system that forgets, unless it is told to; then the seal says so.
func TestUnlockWantsMountedDisks(t *testing.T) {
	w := newWorld(t, options{geometry: "2+1", disks: 3, job: []string{"--fips"}})
	unlock := w.unlockArgs()[:7]
	w.refused(t, exitDisks, "nothing is mounted at "+w.disk(0), unlock...)
	image := w.image("image")
	w.mount(w.disk(0), "-o", "loop", image)
	w.refused(t, exitDisks, "nothing is mounted at "+w.disk(1), unlock...)
	for _, dir := range []string{"a", "b"} {
		w.mkdir("disks", "d00", dir)
	}
	w.mount(w.disk(1), "--bind", filepath.Join(w.disk(0), "a"))
	w.mount(w.disk(2), "--bind", filepath.Join(w.disk(0), "b"))
	w.refused(t, exitDisks, "bays share a disk: both are stored on loop", unlock...)
	call(t, "umount", w.disk(1))
	call(t, "umount", w.disk(2))
	w.mount(w.disk(1), "-t", "tmpfs", "none")
	w.mount(w.disk(2), "-o", "loop", w.image("image2"))
	w.refused(t, exitDisks, "tmpfs", unlock...)
	w.must(append(unlock, "--allow-filesystem", "tmpfs")...)
	w.must(unlock...) // it is allowed from now on
	src := makeTree(t, 3, 5)
	w.must(w.loadArgs(src)...)
	if r := w.must("status", "--disk", w.allDisks()); !strings.Contains(r.stdout, "allowed     disks on tmpfs") {
		t.Errorf("status does not tell: %s", r)
	}
	var sealed struct {
		Statement struct {
			Filesystems []string `json:"filesystems"`
			Shared      bool     `json:"shared_disks"`
		} `json:"statement"`
	}
	w.must(append(w.sealArgs(w.wrapAnswer()), "--json")...).result(t, &sealed)
	if s := sealed.Statement; len(s.Filesystems) != 1 || s.Filesystems[0] != "tmpfs" || s.Shared {
		t.Errorf("seal statement: %+v", s)
	}
	w.must(append([]string{"verify", "disks"}, w.trust()...)...)
	w.mkdir("new")
	rebuild := []string{"rebuild", "--replace", w.path("new"), "--disk", w.disk(0) + "," + w.disk(2), "--trust", w.path("site", "signer.pub")}
	w.refused(t, exitDisks, "nothing is mounted at "+w.path("new"), rebuild...)
	w.must(append(rebuild, folders...)...)
}

// TestStatesOfDisks: a disk that is not mounted, does not answer, or is an old copy is
// told as what it is, and status tells what the others hold.
func TestStatesOfDisks(t *testing.T) {
	w := newWorld(t, options{geometry: "2+1", disks: 3, job: []string{"--fips"}})
	for i := range 3 {
		w.mount(w.disk(i), "-o", "loop", w.image(fmt.Sprintf("image%d", i)))
	}
	w.must(w.unlockArgs()[:7]...)
	w.must(w.loadArgs(makeTree(t, 3, 5))...)
	call(t, "umount", w.disk(1))
	call(t, "cp", w.path("image1"), w.path("old"))
	status := []string{"status", "--disk", w.allDisks()}
	expect := func(code int, state, text string) {
		t.Helper()
		r := w.run(status...)
		if r.code != code || !strings.Contains(r.stdout, state) || !strings.Contains(r.stderr, text) || !regexp.MustCompile(`safe +\d+ entries`).MatchString(r.stdout) {
			t.Errorf("status, want exit code %d, %q and %q: %s", code, state, text, r)
		}
	}
	more := w.loadArgs(makeTree(t, 4, 5))
	more = append(more, "--as", "more")
	expect(exitDisks, w.disk(1)+": not mounted", "nothing is mounted at "+w.disk(1)+": mount the disk")
	w.refused(t, exitDisks, "nothing is mounted at "+w.disk(1), more...)
	w.mount(w.disk(1), "-o", "loop", w.path("image1"))
	w.must(more...)
	call(t, "umount", w.disk(1))
	w.mount(w.disk(1), "-o", "loop", w.path("old"))
	expect(exitDamage, w.disk(1)+": bay 1, stale", "it lacks pack 1, the last that was written to it")
	dir, err := os.Open(w.disk(1))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	const shutdown, noFlush = 0x8004587d, 2 // EXT4_IOC_SHUTDOWN: as if the disk were pulled
	if err := unix.IoctlSetPointerInt(int(dir.Fd()), shutdown, noFlush); err != nil {
		t.Skipf("this file system cannot be shut down: %v", err)
	}
	expect(exitDiskFailed, w.disk(1)+": no answer", "disk "+w.disk(1)+" does not answer: input/output error; check cable and power")
	w.refused(t, exitDiskFailed, "does not answer", more...)
}

// TestFileLimit: each verb says how many files it may open, does its work with
// exactly so many, and refuses with one less before it does anything.
func TestFileLimit(t *testing.T) {
	t.Parallel() // it waits for disks and the store most of the time
	w := newWorld(t, options{geometry: "8+3", disks: 11, job: []string{"--fips"}, server: s3test.Start(t)})
	w.unlock()
	limited := func(files int, args []string) *ran {
		t.Helper()
		cmd := w.command(args...)
		cmd.Args = append([]string{"sh", "-c", fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, files), cmd.Path}, args...)
		cmd.Path = "/bin/sh"
		return w.finish(cmd, nil)
	}
	need := regexp.MustCompile(`opens up to (\d+) here, the limit is`)
	verb := func(args ...string) {
		t.Helper()
		few := limited(50, args)
		m := need.FindStringSubmatch(few.stderr)
		if few.code != exitUnexpected || m == nil || !strings.Contains(few.stderr, "ulimit -n") {
			t.Fatalf("%s with 50 files: %s", args[0], few)
		}
		var files int
		fmt.Sscan(m[1], &files)
		if r := limited(files-1, args); r.code != exitUnexpected {
			t.Errorf("%s with one file less than it needs: %s", args[0], r)
		}
		if r := limited(files, args); r.code != 0 {
			t.Errorf("%s with the %d files that it asks for: %s", args[0], files, r)
		}
	}
	src := makeTree(t, 3, 300, 3<<20, 6<<20)
	verb(w.loadArgs(src)...)
	verb(w.sealArgs(w.wrapAnswer())...)
	verb(append([]string{"verify", "disks"}, w.trust()...)...)
	verb(w.importArgs()...)
	verb(append([]string{"extract", w.path("out")}, w.centre()...)...)
	disks := strings.ReplaceAll(w.allDisks(), "d??", "d0?") + "," + w.disk(10)
	os.RemoveAll(w.disk(9))
	w.mkdir("new")
	verb(append([]string{"rebuild", "--replace", w.path("new"), "--disk", disks, "--trust", w.path("site", "signer.pub")}, folders...)...)
}
