package appliance

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Sources that are special, vanish or become something else are named, never loaded as good.
func TestHostileSource(t *testing.T) {
	src := smallTree(t, 18, 10<<10)
	unix.Mkfifo(filepath.Join(src, "pipe"), 0o644)
	want := readTreeWithout(t, src, "pipe")
	r := small32(t)
	d := r.mustDevice()
	defer d.Close()
	betweenScanAndLoad := func() error {
		swap := func(name string, f func(full string)) {
			full := filepath.Join(src, name)
			os.RemoveAll(full)
			f(full)
		}
		swap("dir0/f00", func(string) {})
		swap("dir0/f03", func(p string) { os.Mkdir(p, 0o755) })
		swap("dir0/f06", func(p string) { unix.Mkfifo(p, 0o644) })
		swap("dir0/f09", func(p string) { os.Symlink("/etc/passwd", p) })
		swap("dir9/deeper", func(p string) { os.WriteFile(p, nil, 0o644) })
		swap("link", func(p string) { os.WriteFile(p, nil, 0o644) })
		swap("dir1/f01", func(string) {}) // carrier of zz-hard
		return nil
	}
	rep, err := d.Load(context.Background(), src, LoadOptions{AcceptFindings: true, Begin: betweenScanAndLoad})
	if err != nil {
		t.Fatal(err)
	}
	if rep.SkippedCount != 8 {
		t.Errorf("skipped %+v", rep.Skipped)
	}
	res, err := d.Seal(context.Background(), r.sealOptions())
	if err != nil {
		t.Fatal(err)
	}
	want["pipe"] = "skipped special"
	want["dir0/f00"], want["dir1/f01"] = "skipped vanished", "skipped vanished"
	for _, p := range []string{"dir0/f03", "dir0/f06", "dir0/f09", "dir9/deeper", "link"} {
		want[p] = "skipped changed"
	}
	if err := r.check(want, res.Label); err != nil {
		t.Error(err)
	}
}

func readTreeWithout(t testing.TB, root, name string) wantTree {
	t.Helper()
	full := filepath.Join(root, name)
	os.Rename(full, full+"~")
	defer os.Rename(full+"~", full)
	os.Remove(full + "~")
	want := readTree(t, root)
	unix.Mkfifo(full+"~", 0o644)
	return want
}

// A file that is written to while it is read is either loaded whole, as it stood
// at one moment, or skipped as changed.
func TestChangingFile(t *testing.T) {
	src := t.TempDir()
	name := filepath.Join(src, "busy")
	fill := func(c byte) []byte { return []byte(strings.Repeat(string(c), 6<<20)) }
	os.WriteFile(name, fill('a'), 0o644)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for c := byte('b'); ; c++ {
			select {
			case <-stop:
				return
			default:
			}
			f, _ := os.OpenFile(name, os.O_WRONLY, 0)
			f.WriteAt(fill('a'+c%26), 0)
			f.Close()
		}
	}()
	r := small32(t)
	r.step = 0
	rep := r.loadAll(src, LoadOptions{})
	close(stop)
	<-stopped
	rd, err := r.openReader(r.cfg.Disks, r.sealAll().Label)
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	got, lost, err := readAll(rd)
	if err != nil || len(lost) > 0 {
		t.Fatal(err, lost)
	}
	if text := got["busy"]; text != "skipped changed" && (len(text) != 6<<20+5 || strings.Trim(text[5:], text[5:6]) != "") {
		t.Errorf("a torn file was loaded as good (%d bytes)", len(text))
	}
	t.Logf("skipped: %v", rep.Skipped)
}

// A folder that becomes a symbolic link after the scan leads nowhere: what is
// behind it, alike in all that a stat tells, is not loaded.
func TestFolderBecomesLink(t *testing.T) {
	base := t.TempDir()
	src, outside := filepath.Join(base, "src"), filepath.Join(base, "outside")
	for _, dir := range []string{filepath.Join(src, "dir"), outside} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	os.WriteFile(filepath.Join(src, "dir", "small"), []byte("inside"), 0o644)
	os.WriteFile(filepath.Join(src, "dir", "large"), make([]byte, 100<<10), 0o644)
	r := small32(t)
	d := r.mustDevice()
	defer d.Close()
	betweenScanAndLoad := func() error {
		for _, name := range []string{"small", "large"} { // the same inodes and times
			if err := os.Rename(filepath.Join(src, "dir", name), filepath.Join(outside, name)); err != nil {
				t.Fatal(err)
			}
		}
		os.Remove(filepath.Join(src, "dir"))
		return os.Symlink("../outside", filepath.Join(src, "dir"))
	}
	rep, err := d.Load(context.Background(), src, LoadOptions{Begin: betweenScanAndLoad})
	if err != nil || rep.SkippedCount != 3 || rep.Bytes != 0 {
		t.Fatalf("%v %+v", err, rep)
	}
	for _, e := range rep.Skipped {
		if e.Reason != "changed" {
			t.Errorf("%+v", e)
		}
	}
}
