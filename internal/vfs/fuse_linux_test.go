package vfs

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// countingServer is a file system whose file gets another time at each look, and
// whose client may keep what it was told for an hour.
const countingServer = `
import sys, stat, errno
try: from fusepy import FUSE, Operations, FuseOSError
except ImportError: from fuse import FUSE, Operations, FuseOSError
looks = 0
class Counting(Operations):
    def getattr(self, path, fh=None):
        global looks
        looks += 1
        if path == '/': return dict(st_mode=stat.S_IFDIR|0o755, st_nlink=2)
        if path != '/f': raise FuseOSError(errno.ENOENT)
        return dict(st_mode=stat.S_IFREG|0o644, st_nlink=1, st_size=4, st_mtime=1e9+looks, st_ctime=1e9+looks)
    def readdir(self, path, fh): return ['.', '..', 'f']
    def read(self, path, size, offset, fh): return b'text'[offset:offset+size]
FUSE(Counting(), sys.argv[1], foreground=True, attr_timeout=3600, entry_timeout=3600)
`

// serveFUSE mounts countingServer, or skips.
func serveFUSE(t *testing.T) (at string, kill func()) {
	t.Helper()
	const python = "/usr/bin/python3"
	if os.Getuid() != 0 || exec.Command(python, "-c", "try: import fusepy\nexcept ImportError: import fuse").Run() != nil {
		t.Skip("needs root and fusepy (python3-fusepy) of the system's Python")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skipf("this kernel has no FUSE: %v", err)
	}
	at = t.TempDir()
	server := exec.Command(python, "-c", countingServer, at)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() { server.Process.Kill(); server.Wait() }
	t.Cleanup(func() {
		exec.Command("umount", "-l", at).Run()
		kill()
	})
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(at + "/f"); err == nil {
			return at, kill
		}
		if time.Now().After(end) {
			t.Fatal("nothing was mounted")
		}
	}
}

// TestStatPastTheCache: what a client remembers is not what a file is like now.
func TestStatPastTheCache(t *testing.T) {
	at, _ := serveFUSE(t)
	tree, err := OSTree(at)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	dir, err := tree.OpenDir("")
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	f, err := dir.Open("f")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	look := func(stat func() (Info, error)) time.Time {
		t.Helper()
		i, err := stat()
		if err != nil {
			t.Fatal(err)
		}
		return i.Mtime
	}
	cached := func() (Info, error) { return dir.Stat("f") }
	if a, b := look(cached), look(cached); !a.Equal(b) {
		t.Fatal("the client keeps nothing, so nothing is shown")
	}
	for name, stat := range map[string]func() (Info, error){"file": f.Stat, "folder": func() (Info, error) { return dir.StatFresh("f") }} {
		if a, b := look(stat), look(stat); a.Equal(b) {
			t.Errorf("%s: the answer is the cache's", name)
		}
	}
	if v := dir.Volume(); !v.Remote || v.StableInodes || v.TrustHoles || v.ID != "" {
		t.Errorf("%+v", v)
	}
}

// TestCheckOfADeadServer, and of one that lives.
func TestCheckOfADeadServer(t *testing.T) {
	at, kill := serveFUSE(t)
	tree, err := OSTree(at)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	if sure, err := tree.Check(); sure || err != nil {
		t.Errorf("while it serves: %v, %v", sure, err)
	}
	kill()
	if _, err := tree.Check(); err == nil {
		t.Error("a dead server's root is good")
	}
}

// TestCheckOfAMedium: pulled out, which an unmount comes nearest to, and there.
func TestCheckOfAMedium(t *testing.T) {
	at := t.TempDir()
	mountCard(t, card(t, "8M", "mkfs.ext4", "-q"), at, "ext4")
	tree, err := OSTree(at)
	if err != nil {
		t.Fatal(err)
	}
	if sure, err := tree.Check(); !sure || err != nil {
		t.Errorf("mounted: %v, %v", sure, err)
	}
	run(t, "mount", "-t", "tmpfs", "none", at) // its path leads elsewhere
	if _, err := tree.Check(); err == nil {
		t.Error("another folder at the path is good")
	}
	run(t, "umount", at)
	tree.Close()
	if _, err := readDevice("/dev/no-such-device"); err != nil {
		t.Errorf("a device without a node is judged: %v", err)
	}
	if _, err := (osTree{block: "/dev/gone"}).checkDevice(unix.Mkdev(4095, 99)); err == nil {
		t.Error("a device that the system does not have is good")
	}
}
