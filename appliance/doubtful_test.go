package appliance

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sledge-io/sledge/appliance/known"
	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/internal/vfs"
)

// cutLoad interrupts a load of six files, one worker, in the last one, once so many
// packs are committed.
func (l *loads) cutLoad(packs uint64) {
	l.t.Helper()
	for _, n := range []string{"a", "b", "c", "d", "e", "f"} {
		l.write(n, n+strings.Repeat(n, 3<<20))
	}
	l.cfg.Workers = 1
	l.d.Close()
	l.d = l.mustDevice()
	ctx, cancel := context.WithCancel(context.Background())
	l.cutReading(cancel, "f", packs)
	if _, err := l.d.Load(ctx, "/site", LoadOptions{Tree: l.tree}); err == nil {
		l.t.Fatal("the load was not interrupted")
	}
	l.tree.OnCall(nil)
	l.d.Close()
	l.d = l.mustDevice()
}

// otherTree is another source's folder.
func (l *loads) otherTree(v vfs.Volume, files ...string) *vfs.MemTree {
	tree := vfs.NewMemTree(l.clockOf())
	tree.SetVolume(v)
	for _, name := range files {
		tree.WriteFile(name, []byte("other "+name))
	}
	return tree
}

// TestFolderMadeAnew: a folder that gets the inode of one that was removed is another
// source.
func TestFolderMadeAnew(t *testing.T) {
	l := newLoads(t)
	base := t.TempDir()
	load := func(name string) error {
		dir := filepath.Join(base, name)
		os.Mkdir(dir, 0o755)
		os.WriteFile(filepath.Join(dir, "report.csv"), []byte(name), 0o644)
		_, err := l.d.Load(context.Background(), dir, LoadOptions{})
		os.RemoveAll(dir)
		return err
	}
	if err := load("monday"); err != nil {
		t.Fatal(err)
	}
	if err := load("tuesday"); !errors.Is(err, known.ErrTaken) && !errors.Is(err, ErrReplaces) {
		t.Errorf("another folder: %v", err)
	}
	if err := load("monday"); !errors.Is(err, ErrOtherMedium) && !errors.Is(err, ErrReplaces) {
		t.Errorf("the path made anew: %v", err)
	}
	l.sealed(wantTree{"report.csv": "file monday"})
}

// TestCopyOfAMedium: two cards written from one image, at two paths.
func TestCopyOfAMedium(t *testing.T) {
	l := newLoads(t)
	v := vfs.Volume{ID: "uuid:1", Root: "ino:2"}
	if _, err := l.d.Load(context.Background(), "/one", LoadOptions{Tree: l.otherTree(v, "1.JPG")}); err != nil {
		t.Fatal(err)
	}
	two := l.otherTree(v, "0.JPG")
	two.WriteFile("1.JPG", []byte("of the second card"))
	if _, err := l.d.Load(context.Background(), "/two", LoadOptions{Tree: two}); !errors.Is(err, ErrReplaces) {
		t.Errorf("a copy with another file: %v", err)
	}
	l.sealed(wantTree{"1.JPG": "file other 1.JPG"})
}

// TestContinuedByAnother: an unfinished load is not continued by a source that has not
// what was loaded of it.
func TestContinuedByAnother(t *testing.T) {
	for _, c := range []struct {
		name   string
		volume vfs.Volume // of the first
		tree   func(l *loads) *vfs.MemTree
		path   string
		o      LoadOptions
	}{
		{"another card without an id", vfs.Volume{}, func(l *loads) *vfs.MemTree { return l.otherTree(vfs.Volume{}, "a", "b") }, "/site", LoadOptions{}},
		{"nothing mounted", vfs.Volume{}, func(l *loads) *vfs.MemTree { return l.otherTree(vfs.Volume{ID: "root"}) }, "/site", LoadOptions{}},
		{"a wrong --source-moved", vfs.Volume{ID: "1", Root: "r"}, func(l *loads) *vfs.MemTree { return l.otherTree(vfs.Volume{ID: "2", Root: "r"}, "q") }, "/other", LoadOptions{Moved: []string{"/site"}}},
		{"another medium, --replace", vfs.Volume{ID: "1", Root: "r"}, func(l *loads) *vfs.MemTree { return l.otherTree(vfs.Volume{ID: "2", Root: "r"}, "a") }, "/site", LoadOptions{Replace: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLoads(t)
			l.tree.SetVolume(c.volume)
			l.cutLoad(3)
			c.o.Tree = c.tree(l)
			if _, err := l.d.Load(context.Background(), c.path, c.o); !errors.Is(err, ErrUnfinished) {
				t.Fatalf("%v", err)
			}
			if _, err := l.d.Seal(context.Background(), l.sealOptions()); !errors.Is(err, seal.ErrIncomplete) {
				t.Errorf("seal: %v", err)
			}
			if rep := l.must(LoadOptions{}); !rep.Resumed || rep.Entries != 6 || rep.Status.Entries != 6 {
				t.Errorf("the source itself: %+v", rep)
			}
		})
	}
}

// TestVanishedMeanwhile: what an unfinished load had still to do, and is not there any
// more, is named by the load that continues it.
func TestVanishedMeanwhile(t *testing.T) {
	l := newLoads(t)
	l.cutLoad(3)
	l.tree.Remove("f")
	rep := l.must(LoadOptions{})
	if rep.SkippedCount != 1 || len(rep.Skipped) != 1 || rep.Skipped[0].Path != "f" || rep.Entries != 5 || rep.Status.Skipped != 0 {
		t.Errorf("%+v", rep)
	}
}

// TestDoubtfulReplacements: nothing that is safe is replaced or dropped where nobody
// knows that it came from this source.
func TestDoubtfulReplacements(t *testing.T) {
	one, two, none := vfs.Volume{ID: "uuid:1", Root: "path:/"}, vfs.Volume{ID: "uuid:2", Root: "path:/"}, vfs.Volume{}
	t.Run("kinds flip", func(t *testing.T) {
		l := newLoads(t)
		l.must(LoadOptions{Tree: l.otherTree(none, "DATA/1", "DATA/2")})
		if _, err := l.load(LoadOptions{Tree: l.otherTree(none, "DATA")}); !errors.Is(err, ErrReplaces) {
			t.Errorf("%v", err)
		}
	})
	t.Run("--replace once", func(t *testing.T) {
		l := newLoads(t)
		l.must(LoadOptions{Tree: l.otherTree(one, "1", "2")})
		b := l.otherTree(two, "1")
		b.WriteFile("1", []byte("two's"))
		l.must(LoadOptions{Tree: b, Replace: true})
		b.WriteFile("2", []byte("two's second"))
		if _, err := l.load(LoadOptions{Tree: b}); !errors.Is(err, ErrReplaces) {
			t.Errorf("%v", err)
		}
	})
	t.Run("one without an id between", func(t *testing.T) {
		l := newLoads(t)
		l.must(LoadOptions{Tree: l.otherTree(one, "1")})
		l.must(LoadOptions{Tree: l.otherTree(none, "new")})
		b := l.otherTree(two, "1")
		b.WriteFile("1", []byte("two's"))
		if _, err := l.load(LoadOptions{Tree: b}); !errors.Is(err, ErrReplaces) {
			t.Errorf("%v", err)
		}
	})
	t.Run("same size and times", func(t *testing.T) {
		l := newLoads(t)
		for i, text := range []string{"first", "other"} {
			tree := vfs.NewMemTree(func() time.Time { return time.Unix(1_600_000_000, 0) })
			tree.SetVolume(none)
			tree.WriteFile("1.BIN", []byte(text))
			rep := l.must(LoadOptions{Tree: tree})
			if int(rep.SkippedCount) != i || rep.Status.Entries != 1 {
				t.Errorf("card %d: %+v", i, rep)
			}
		}
		l.sealed(wantTree{"1.BIN": "file first"})
	})
	t.Run("a skipped entry of another card", func(t *testing.T) {
		for _, v := range []vfs.Volume{none, two} {
			l := newLoads(t)
			a := l.otherTree(one, "bad", "good")
			a.OnCall(func(c vfs.TreeCall) error {
				if c.Path == "bad" && c.Op == vfs.OpRead {
					return syscall.EACCES
				}
				return nil
			})
			l.must(LoadOptions{Tree: a})
			if rep := l.must(LoadOptions{Tree: l.otherTree(v, "new"), Replace: true}); rep.Status.Skipped != 1 {
				t.Errorf("%v: the unreadable file of the first card is named no more: %+v", v, rep.Status)
			}
		}
	})
}

// TestForceContinued: --force reads again what an interrupted load has committed.
func TestForceContinued(t *testing.T) {
	l := newLoads(t)
	same := time.Unix(1_600_000_000, 0)
	l.tree = vfs.NewMemTree(func() time.Time { return same })
	l.cutLoad(3)
	text := "X" + strings.Repeat("X", 3<<20)
	l.write("a", text)
	rep := l.must(LoadOptions{Force: true})
	if rep.Scan.Replaced != 1 || rep.Entries != 6 {
		t.Errorf("%+v", rep)
	}
	want := wantTree{"a": "file " + text}
	for _, n := range []string{"b", "c", "d", "e", "f"} {
		want[n] = "file " + n + strings.Repeat(n, 3<<20)
	}
	l.sealed(want)
}

// TestSharedUnreadable: a folder of two sources that one of them cannot read stops no
// load.
func TestSharedUnreadable(t *testing.T) {
	l := newLoads(t)
	l.write("shared/a", "a")
	l.must(LoadOptions{})
	two := l.otherTree(vfs.Volume{ID: "two", Root: "ino:1"}, "shared/b", "other/c")
	load := func() *LoadReport {
		rep, err := l.d.Load(context.Background(), "/two", LoadOptions{Tree: two})
		if err != nil {
			t.Fatal(err)
		}
		return rep
	}
	load()
	two.WriteFile("other/d", []byte("d"))
	two.OnCall(func(c vfs.TreeCall) error {
		if c.Op == vfs.OpReadDir && c.Path == "shared" {
			return syscall.EACCES
		}
		return nil
	})
	if rep := load(); rep.SkippedCount != 1 || rep.Status.Remarked != 1 || rep.Entries != 2 {
		t.Errorf("%+v", rep)
	}
	l.sealed(wantTree{"shared": "dir", "shared/a": "file a", "shared/b": "file other shared/b", "other": "dir", "other/c": "file other other/c", "other/d": "file d"})
}

// TestOpenStays: a file that is still open for writing keeps its remark.
func TestOpenStays(t *testing.T) {
	l := newLoads(t)
	src := t.TempDir()
	os.WriteFile(filepath.Join(src, "db"), make([]byte, 100000), 0o644)
	f, err := os.OpenFile(filepath.Join(src, "db"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		rep, err := l.d.Load(context.Background(), src, LoadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if rep.Status.Remarked != 1 {
			t.Skipf("this file system has no leases: %+v", rep.Status)
		}
	}
	f.Close()
	if rep, err := l.d.Load(context.Background(), src, LoadOptions{}); err != nil || rep.Status.Remarked != 0 {
		t.Errorf("closed: %v, %+v", err, rep)
	}
}

// TestDamagedListMoved: the source of a damaged list may have been moved to another
// medium.
func TestDamagedListMoved(t *testing.T) {
	l := newLoads(t)
	l.tree.SetVolume(vfs.Volume{ID: "1", Root: "r"})
	l.cutLoad(3)
	l.rotList()
	l.tree.SetVolume(vfs.Volume{ID: "2", Root: "r"})
	if _, err := l.d.Load(context.Background(), "/other", LoadOptions{Tree: l.tree}); !errors.Is(err, ErrUnfinished) {
		t.Errorf("without --source-moved: %v", err)
	}
	rep, err := l.d.Load(context.Background(), "/other", LoadOptions{Tree: l.tree, Moved: []string{"/site"}})
	if err != nil || rep.Status.Entries != 6 || rep.Status.Unfinished != 0 {
		t.Errorf("%v: %+v", err, rep)
	}
}

// rotList damages the end of the only unfinished list on every disk.
func (l *loads) rotList() {
	l.t.Helper()
	lists, err := l.d.unfinished()
	if err != nil || len(lists) != 1 {
		l.t.Fatalf("%v, %d lists", err, len(lists))
	}
	name := lists[0].copies.Name
	l.d.Close()
	for _, m := range l.mems {
		if st, err := m.Stat(name); err == nil {
			rot(l.t, m, name, st.Size()-40)
		}
	}
	l.d = l.mustDevice()
}

// TestDamagedListThenRefused: a damaged list is given up only when its source was
// scanned again.
func TestDamagedListThenRefused(t *testing.T) {
	l := newLoads(t)
	l.cutLoad(3)
	l.rotList()
	ctx, cancel := context.WithCancel(context.Background())
	l.tree.OnCall(func(vfs.TreeCall) error { cancel(); return nil })
	if _, err := l.d.Load(ctx, "/site", LoadOptions{Tree: l.tree}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	l.tree.OnCall(nil)
	if _, err := l.d.Seal(context.Background(), l.sealOptions()); !errors.Is(err, seal.ErrIncomplete) {
		t.Errorf("seal: %v", err)
	}
	refused := errors.New("refused")
	if _, err := l.load(LoadOptions{Begin: func() error { return refused }}); !errors.Is(err, refused) {
		t.Fatal(err)
	}
	if left, err := l.d.Unfinished(); err != nil || len(left) != 1 {
		t.Errorf("a load that did not begin: %v, %d unfinished", err, len(left))
	}
	if rep := l.must(LoadOptions{}); rep.Status.Entries != 6 {
		t.Errorf("%+v", rep)
	}
	if _, err := l.d.Seal(context.Background(), l.sealOptions()); err != nil {
		t.Errorf("seal: %v", err)
	}
}
