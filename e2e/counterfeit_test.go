package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// counterfeit mounts a disk that keeps only so many bytes of its shards over a
// folder. Where there is no FUSE the test is skipped; the same faults are in
// memory in appliance (TestDisksThatLie, TestWrapsAfterReadBack).
func counterfeit(w *world, disk, kind string, keeps int) (unmount func()) {
	w.t.Helper()
	python := "/usr/bin/python3"
	if os.Getuid() != 0 || exec.Command(python, "-c", "try: import fusepy\nexcept ImportError: import fuse").Run() != nil {
		w.t.Skip("needs root and python3-fusepy")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		w.t.Skipf("this kernel has no FUSE: %v", err)
	}
	script, err := filepath.Abs("testdata/counterfeit.py")
	if err != nil {
		w.t.Fatal(err)
	}
	at := w.path("disks", disk)
	before, err := os.Stat(at)
	if err != nil {
		w.t.Fatal(err)
	}
	server := exec.Command(python, script, kind, fmt.Sprint(keeps), w.mkdir("real-"+disk), at)
	var said bytes.Buffer
	server.Stderr = &said
	if err := server.Start(); err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	done := false
	unmount = func() {
		if !done {
			done = true
			syscall.Unmount(at, syscall.MNT_DETACH)
			<-ended
		}
	}
	w.t.Cleanup(unmount)
	for range 200 {
		if now, err := os.Stat(at); err == nil && now.Sys().(*syscall.Stat_t).Dev != before.Sys().(*syscall.Stat_t).Dev {
			return unmount
		}
		select {
		case err := <-ended:
			done = true
			w.t.Fatalf("the file system ended: %v: %s", err, &said)
		case <-time.After(50 * time.Millisecond):
		}
	}
	server.Process.Kill()
	<-ended
	done = true
	w.t.Fatalf("the file system was not mounted: %s", &said)
	return nil
}

// TestCounterfeitDisk: a disk takes every write and keeps some. The load says so,
// the seal refuses, and with the disk replaced nothing is lost.
func TestCounterfeitDisk(t *testing.T) {
	for kind, keeps := range map[string]int{"forget": 2 << 20, "wrap": 5 << 20} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t, options{})
			unmount := counterfeit(w, "d02", kind, keeps)
			src := makeTree(t, 31, 20, 9<<20)
			more := makeTree(t, 32, 5, 8<<20)
			w.unlock()
			r := w.run(w.loadArgs(src)...)
			if kind == "wrap" { // all is there, until the next load comes to lie over it
				if r.code != 0 {
					t.Fatalf("the first load: %s", r)
				}
				r = w.run("load", more, "--as", "more", "--disk", w.allDisks())
			}
			if r.code != exitDiskFailed || !strings.Contains(r.stderr, "d02") || !strings.Contains(r.stderr, "does not read back") {
				t.Fatalf("load: %s", r)
			}
			answer := w.wrapAnswerBeside(exitDamage)
			if r := w.run(w.sealArgs(answer)...); r.code != exitDisks || !strings.Contains(r.stderr, "d02") {
				t.Fatalf("seal: %s", r)
			}
			unmount()
			if err := os.Remove(w.path("disks", "d02")); err != nil {
				t.Fatal(err)
			}
			w.mkdir("new")
			w.must(append([]string{"rebuild", "--replace", w.path("new"), "--bay", "2", "--disk", w.allDisks(), "--trust", w.path("site", "signer.pub")}, folders...)...)
			if err := os.Rename(w.path("new"), w.path("disks", "d02")); err != nil {
				t.Fatal(err)
			}
			if r := w.must("scrub", "--read-back", "--disk", w.allDisks()); !strings.Contains(r.stdout, "read back") {
				t.Errorf("scrub: %s", r)
			}
			var sealed struct {
				Statement struct {
					ReadBack string `json:"read_back"`
				}
			}
			w.must(append(w.sealArgs(w.wrapAnswer()), "--json")...).result(t, &sealed)
			if sealed.Statement.ReadBack != "all" {
				t.Errorf("the statement says %q", sealed.Statement.ReadBack)
			}
			if kind == "forget" {
				w.compareExtracted(src)
			}
			if r := w.must(append([]string{"verify", "disks"}, w.trust()...)...); !strings.Contains(r.stdout, "sealed") {
				t.Errorf("verify: %s", r)
			}
		})
	}
}
