package appliance

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/sledge-io/sledge/appliance/extract"
	"github.com/sledge-io/sledge/appliance/known"
	"github.com/sledge-io/sledge/internal/vfs"
)

// Two sources may share a device, but never a path: the second one's file must
// not replace the first one's.
func TestTwoSources(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	write := func(dir, name, text string) {
		t.Helper()
		os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(a, "shared/readme", "of a")
	write(a, "only-a", "a")
	write(b, "shared/readme", "of b")
	write(b, "shared/only-b", "b")
	r := newRig(t, rigOptions{k: 2, m: 1, disks: 3, block: 4096})
	r.load(a)
	d, _ := r.open()
	if _, err := d.Load(context.Background(), b, LoadOptions{}); !errors.Is(err, known.ErrTaken) {
		t.Fatalf("second source on the same paths: %v", err)
	}
	if _, err := d.Load(context.Background(), b, LoadOptions{As: "from-b"}); err != nil {
		t.Fatal(err)
	}
	write(a, "only-a", "a, changed")
	if _, err := d.Load(context.Background(), a, LoadOptions{}); err != nil {
		t.Fatal(err)
	}
	d.Close()
	rd := r.reader(r.seal().Label)
	out := filepath.Join(t.TempDir(), "out")
	if _, err := extract.Run(context.Background(), rd, out, extract.Options{}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"shared/readme": "of a", "only-a": "a, changed", "from-b/shared/readme": "of b", "from-b/shared/only-b": "b"} {
		if got, err := os.ReadFile(filepath.Join(out, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, want)
		}
	}
}

// TestTwinSources: two files of one size may be made in one tick of the clock. That
// everything a stat tells agrees does not make another source's file the same.
func TestTwinSources(t *testing.T) {
	r := newRig(t, rigOptions{k: 2, m: 1, disks: 3, block: 4096})
	d, _ := r.open()
	defer d.Close()
	site, second := genTree{n: 3, names: 3}, genTree{n: 3, names: 3, volume: "2"}
	if _, err := d.Load(context.Background(), "/first", LoadOptions{Tree: site}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Load(context.Background(), "/second", LoadOptions{Tree: second}); !errors.Is(err, known.ErrTaken) {
		t.Errorf("second source on the same paths: %v", err)
	}
	if rep, err := d.Load(context.Background(), "/second", LoadOptions{Tree: second, As: "second"}); err != nil || rep.Entries == 0 {
		t.Errorf("under a prefix: %v %+v", err, rep)
	}
	if rep, err := d.Load(context.Background(), "/first", LoadOptions{Tree: site}); err != nil || rep.Entries != 0 {
		t.Errorf("the first again: %v %+v", err, rep)
	}
}

// TestScansAddUp: what the scans found is what the manifest holds, with a folder that
// two sources share, a file that was changed, and one that is gone from its source.
func TestScansAddUp(t *testing.T) {
	a, b := vfs.NewMemTree(nil), vfs.NewMemTree(nil)
	b.SetVolume(vfs.Volume{FS: "mem", ID: "another", Root: "ino:1"})
	a.WriteFile("shared/a", []byte("1"))
	a.WriteFile("gone", []byte("2"))
	a.WriteFile("changed", []byte("3"))
	b.WriteFile("shared/b", []byte("4"))
	r := newRig(t, rigOptions{k: 2, m: 1, disks: 3, block: 4096})
	d, _ := r.open()
	load := func(name string, tree vfs.Tree) *LoadReport {
		t.Helper()
		rep, err := d.Load(context.Background(), name, LoadOptions{Tree: tree})
		if err != nil {
			t.Fatal(err)
		}
		return rep
	}
	load("/a", a)
	load("/b", b)
	a.Remove("gone")
	a.WriteFile("changed", []byte("33"))
	if rep := load("/a", a); rep.Scan.Gone != 1 || rep.Scan.GoneBytes != 1 {
		t.Errorf("gone: %d, %d bytes", rep.Scan.Gone, rep.Scan.GoneBytes)
	}
	d.Close()
	res := r.seal()
	if got := res.Totals; got.ScanEntries != got.Entries() || got.Entries() != 5 {
		t.Errorf("the scans found %d entries, the manifest holds %d: %+v", got.ScanEntries, got.Entries(), got)
	}
}
