package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestReadOnlyState: a state folder on a file system that is mounted read-only is
// named, with what to do; who only looks is not hindered.
func TestReadOnlyState(t *testing.T) {
	f := newTerminalField(t)
	dev := filepath.Join(f.dir, "dev")
	if err := unix.Mount(dev, dev, "", unix.MS_BIND, ""); err != nil {
		t.Skipf("nothing can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dev, 0); err != nil {
			t.Error(err)
		}
	})
	if err := unix.Mount("", dev, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"lock"}, {"unlock", "--job", "job.dsse", "--disk", "bay0,bay1", "--code-file", "job.code"}, {"load", "site", "--disk", "bay0,bay1"}, {"seal", "--disk", "bay0,bay1"},
		{"device", "init", "--trust", "site/signer.pub", "--device", filepath.Join(dev, "below")},
	} {
		cmd := exec.Command("sledge", args...)
		cmd.Dir, cmd.Env = f.dir, append(os.Environ(), f.env...)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "state folder cannot be used: "+dev) || !strings.Contains(string(out), "hint: its file system is mounted read-only") {
			t.Errorf("sledge %q: %v: %s", args, err, out)
		}
	}
	if out := f.run("status"); !strings.Contains(out, "provisioned") {
		t.Errorf("status: %s", out)
	}
}
