package appliance

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sledge-io/sledge/manifest"
)

// Dead bytes are those of earlier versions: none after a first load, further names
// count once, and a file that was rewritten leaves its old content.
func TestDeadBytes(t *testing.T) {
	r := small32(t)
	src := t.TempDir()
	write := func(name string, size int, fill byte) {
		text := make([]byte, size)
		for i := range text {
			text[i] = fill + byte(i%251)
		}
		if err := os.WriteFile(filepath.Join(src, name), text, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	dead := func() int64 {
		d := r.mustDevice()
		defer d.Close()
		return d.Status().DeadBytes
	}
	write("a", 300<<10, 1)
	write("b", 70_001, 2)
	if err := os.Link(filepath.Join(src, "a"), filepath.Join(src, "c")); err != nil {
		t.Fatal(err)
	}
	r.loadAll(src, LoadOptions{})
	if n := dead(); n != 0 {
		t.Errorf("after the first load %d bytes are dead", n)
	}
	write("b", 80_002, 3)
	r.loadAll(src, LoadOptions{Replace: true})
	if n := dead(); n != 70_001 {
		t.Errorf("with b replaced %d bytes are dead, want 70001", n)
	}
	if err := os.Chmod(filepath.Join(src, "a"), 0o640); err != nil {
		t.Fatal(err)
	}
	r.loadAll(src, LoadOptions{Replace: true})
	if n := dead(); n != 70_001 {
		t.Errorf("with a's mode changed %d bytes are dead, want 70001", n)
	}
}

// Content whose extents are not at hand is taken for live, by each of its names: it is
// not mixed up with what lies at the beginning of the first pack.
func TestLiveBytesWithoutPlace(t *testing.T) {
	d := small32(t).mustDevice()
	defer d.Close()
	places, done, err := d.newSorter(sortMemory)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	l := &liveBytes{places: places}
	at := manifest.Record{Kind: manifest.KindFile, Size: 7, Extents: []manifest.Extent{{Length: 7}}}
	long := manifest.Record{Kind: manifest.KindFile, Size: 5}
	for _, r := range []*manifest.Record{&at, &at, &long, &long} {
		l.add(stored(nil, r))
	}
	if n, err := l.sum(); err != nil || n != 17 {
		t.Errorf("%d bytes are live, want 17; %v", n, err)
	}
}
