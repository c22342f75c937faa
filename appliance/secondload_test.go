package appliance

import (
	"context"
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sledge-io/sledge/appliance/known"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// TestFailedLook: a second look at a source that fails takes nothing of what the first
// had made safe; it is a remark, and a look that succeeds ends it.
func TestFailedLook(t *testing.T) {
	l := newLoads(t)
	l.write("dir/a", "one")
	l.write("dir/b", "two")
	l.write("top", "three")
	l.tree.Symlink("top", "link")
	l.must(LoadOptions{})
	l.tree.Chmod("dir/a", 0o600) // it has to be looked at again
	l.write("top", "changed")
	l.tree.OnCall(func(c vfs.TreeCall) error {
		if c.Op == vfs.OpReadDir && c.Path == "dir" || c.Op == vfs.OpRead && c.Path == "top" || c.Op == vfs.OpStat && c.Path == "link" {
			return syscall.EACCES
		}
		return nil
	})
	rep := l.must(LoadOptions{})
	if rep.SkippedCount != 3 || rep.Status.Entries != 5 || rep.Status.Remarked != 3 || rep.Status.Skipped != 0 || rep.Scan.Gone != 0 {
		t.Errorf("%d skipped, %d gone, status %+v", rep.SkippedCount, rep.Scan.Gone, rep.Status)
	}
	records := l.sealedCopy(wantTree{"dir": "dir", "dir/a": "file one", "dir/b": "file two", "top": "file three", "link": "link top"})
	for path, want := range map[string]string{"dir": "unreadable", "dir/a": "", "dir/b": "", "top": "unreadable", "link": "unreadable"} {
		if got := records[path].Remark; got != want {
			t.Errorf("%s has the remark %q, want %q", path, got, want)
		}
	}
	l.tree.OnCall(nil)
	rep = l.must(LoadOptions{})
	if rep.SkippedCount != 0 || rep.Status.Remarked != 0 {
		t.Errorf("mended: %d skipped, status %+v", rep.SkippedCount, rep.Status)
	}
	records = l.sealed(wantTree{"dir": "dir", "dir/a": "file one", "dir/b": "file two", "top": "file changed", "link": "link top"})
	for path, r := range records {
		if r.Remark != "" || r.Kind == manifest.KindSkipped {
			t.Errorf("%s is %s with the remark %q", path, r.Kind, r.Remark)
		}
	}
}

// TestSkippedThenGone: what was never loaded and has gone from the source is named no
// more; what was loaded stays.
func TestSkippedThenGone(t *testing.T) {
	l := newLoads(t)
	l.write("bad", "x")
	l.write("good", "y")
	l.failing(vfs.OpRead, "bad")
	if rep := l.must(LoadOptions{}); rep.Status.Skipped != 1 || rep.Status.Entries != 1 || rep.Entries != 1 {
		t.Errorf("%+v", rep)
	}
	l.tree.OnCall(nil)
	l.tree.Remove("bad")
	l.tree.Remove("good")
	l.write("new", "z")
	rep := l.must(LoadOptions{})
	if rep.SkippedCount != 0 || rep.Scan.Gone != 1 || rep.Status.Skipped != 0 || rep.Entries != 1 {
		t.Errorf("%d skipped, %d gone, %d loaded, status %+v", rep.SkippedCount, rep.Scan.Gone, rep.Entries, rep.Status)
	}
	l.sealed(wantTree{"good": "file y", "new": "file z"})
}

// TestOtherMedium: another file system at the path of an earlier load is another source.
func TestOtherMedium(t *testing.T) {
	made := time.Unix(1_720_000_000, 0)
	card := func(l *loads, volume vfs.Volume, text string) *vfs.MemTree {
		made = made.Add(time.Hour)
		tree := vfs.NewMemTree(func() time.Time { return made })
		tree.SetVolume(volume)
		tree.WriteFile("DCIM/1.JPG", []byte(text))
		return tree
	}
	one, two := vfs.Volume{ID: "uuid:1", Root: "path:/"}, vfs.Volume{ID: "uuid:2", Root: "path:/"}
	t.Run("refused", func(t *testing.T) {
		l := newLoads(t)
		l.must(LoadOptions{Tree: card(l, one, "first")})
		if _, err := l.load(LoadOptions{Tree: card(l, two, "other")}); !errors.Is(err, ErrOtherMedium) {
			t.Fatalf("another card: %v", err)
		}
		l.must(LoadOptions{Tree: card(l, two, "other"), As: "two"})
		l.sealed(wantTree{"DCIM": "dir", "DCIM/1.JPG": "file first", "two/DCIM": "dir", "two/DCIM/1.JPG": "file other"})
	})
	t.Run("replace", func(t *testing.T) {
		l := newLoads(t)
		l.must(LoadOptions{Tree: card(l, one, "first")})
		rep := l.must(LoadOptions{Tree: card(l, two, "other"), Replace: true})
		if rep.Scan.Replaced != 1 || !slices.Equal(rep.Scan.ReplacedPaths, []string{"DCIM/1.JPG"}) {
			t.Errorf("replaced %d, %q", rep.Scan.Replaced, rep.Scan.ReplacedPaths)
		}
		l.sealed(wantTree{"DCIM": "dir", "DCIM/1.JPG": "file other"})
	})
	t.Run("same card elsewhere", func(t *testing.T) {
		l := newLoads(t)
		tree := card(l, one, "first")
		l.must(LoadOptions{Tree: tree})
		rep, err := l.d.Load(context.Background(), "/elsewhere", LoadOptions{Tree: tree})
		if err != nil || rep.Scan.Unchanged != 2 || rep.Entries != 0 {
			t.Errorf("%v: %+v", err, rep)
		}
	})
	t.Run("unknown", func(t *testing.T) {
		l := newLoads(t)
		l.must(LoadOptions{Tree: card(l, vfs.Volume{}, "first")})
		if _, err := l.load(LoadOptions{Tree: card(l, vfs.Volume{}, "other")}); !errors.Is(err, ErrReplaces) {
			t.Fatalf("a card without an identity: %v", err)
		}
		l.must(LoadOptions{Tree: card(l, vfs.Volume{}, "other"), Replace: true})
		l.sealed(wantTree{"DCIM": "dir", "DCIM/1.JPG": "file other"})
	})
	t.Run("same size and times", func(t *testing.T) { // a FAT card's times are of two seconds, and its ctime is when the file was made
		l := newLoads(t)
		clock := func() time.Time { return time.Unix(1_600_000_000, 0) }
		for i, text := range []string{"first", "other"} {
			tree := vfs.NewMemTree(clock)
			tree.SetVolume([]vfs.Volume{one, two}[i])
			tree.WriteFile("1.JPG", []byte(text))
			if rep := l.must(LoadOptions{Tree: tree, Replace: true}); int(rep.Scan.Replaced) != i {
				t.Errorf("card %d replaced %d", i, rep.Scan.Replaced)
			}
		}
		l.sealed(wantTree{"1.JPG": "file other"})
	})
}

// TestTaken: a path that another source has taken is taken whatever its kind, and so
// are those above and below.
func TestTaken(t *testing.T) {
	for _, c := range []struct{ name, first, firstAs, second, secondAs, text string }{
		{"file and folder", "data", "", "data/in", "", `"data": this path is on the device already, as a file from /site`},
		{"folder and file", "data/in", "", "data", "", `"data": this path is on the device already, as a directory from /site`},
		{"above", "b", "a", "f", "a/b", `"a/b": this path is on the device already, as a file from /site, and "a/b/f" cannot`},
		{"below", "f", "a/b", "b", "a", `"a/b/a-b": this path is on the device already, as a file from /site, and "a/b" cannot`},
		{"same", "data", "", "data", "", `"data": this path is on the device already, as a file from /site`},
		{"a name between", "a", "", "a/b", "", `"a": this path is on the device already, as a file from /site`},
		{"under a file's name", "big", "", "huge", "big", `"big": this path is on the device already, as a file from /site, and "big/huge" cannot`},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLoads(t)
			other := vfs.NewMemTree(l.clockOf())
			other.SetVolume(vfs.Volume{ID: "uuid:2", Root: "ino:2"})
			l.write(c.first, "first")
			l.write("a-b", "between")
			other.WriteFile(c.second, []byte("second"))
			l.must(LoadOptions{As: c.firstAs})
			before := l.d.Status()
			_, err := l.d.Load(context.Background(), "/other", LoadOptions{Tree: other, As: c.secondAs})
			if !errors.Is(err, known.ErrTaken) || !strings.HasPrefix(err.Error(), c.text) {
				t.Fatalf("%v\nwant %s", err, c.text)
			}
			if after := l.d.Status(); after.Entries != before.Entries || after.Unfinished != 0 {
				t.Errorf("before %+v, after %+v", before, after)
			}
			if _, err := l.d.Seal(context.Background(), l.sealOptions()); err != nil {
				t.Errorf("a refused load is in the way of the seal: %v", err)
			}
		})
	}
}

// TestRotatedSnapshots: after a rotation of hard-linked snapshots each name has the
// content that it has in the source.
func TestRotatedSnapshots(t *testing.T) {
	l := newLoads(t)
	l.write("d0/f", "v1")
	l.tree.Link("d0/f", "d1/f")
	l.tree.Link("d0/f", "d2/f")
	l.must(LoadOptions{})
	l.tree.Link("d2/f", "d3/f")
	l.tree.Remove("d0/f")
	l.write("d0/f", "v2 is new")
	packs := l.d.Status().BodyBytes
	rep := l.must(LoadOptions{})
	if rep.KnownContent != 1 {
		t.Errorf("%d files of known content, one carries the others", rep.KnownContent)
	}
	if grown := l.d.Status().BodyBytes - packs; grown > 100 {
		t.Errorf("%d bytes were stored for one new file of 9", grown)
	}
	records := l.sealed(wantTree{"d0": "dir", "d1": "dir", "d2": "dir", "d3": "dir", "d0/f": "file v2 is new", "d1/f": "file v1", "d2/f": "file v1", "d3/f": "file v1"})
	if records["d2/f"].LinkTo != "d1/f" || records["d3/f"].LinkTo != "d1/f" || records["d0/f"].LinkGroup != 0 {
		t.Errorf("links: %q, %q, group %d", records["d2/f"].LinkTo, records["d3/f"].LinkTo, records["d0/f"].LinkGroup)
	}
}

// TestKindsFlip: a folder becomes a link, and a file a folder; what was below goes
// with the folder, and does not come back with the next one.
func TestKindsFlip(t *testing.T) {
	l := newLoads(t)
	l.write("current/old.conf", "1")
	l.write("r2/new.conf", "2")
	l.write("file", "3")
	l.must(LoadOptions{})
	l.tree.Remove("current")
	l.tree.Symlink("r2", "current")
	l.tree.Remove("file")
	l.write("file/in", "4")
	rep := l.must(LoadOptions{})
	if rep.Scan.Dropped != 1 || rep.Scan.Replaced != 2 || rep.Scan.Gone != 0 {
		t.Errorf("%d dropped, %d replaced %q, %d gone %q", rep.Scan.Dropped, rep.Scan.Replaced, rep.Scan.ReplacedPaths, rep.Scan.Gone, rep.Scan.GonePaths)
	}
	want := wantTree{"current": "link r2", "r2": "dir", "r2/new.conf": "file 2", "file": "dir", "file/in": "file 4"}
	l.sealedCopy(want)
	l.tree.Remove("current")
	l.write("current/another", "5")
	l.must(LoadOptions{})
	want["current"], want["current/another"] = "dir", "file 5"
	l.sealed(want)
}

// TestMetadataOnly: where only metadata has changed, no byte is stored again.
func TestMetadataOnly(t *testing.T) {
	l := newLoads(t)
	want := wantTree{}
	for _, name := range []string{"a", "b", "c"} {
		text := strings.Repeat(name, 17<<20) // of several parts
		l.write(name, text)
		want[name] = "file " + text
	}
	l.must(LoadOptions{})
	before := l.d.Status()
	for _, name := range []string{"a", "b", "c"} {
		l.tree.Chmod(name, 0o640)
	}
	l.tree.Link("c", "further")
	want["further"] = want["c"]
	rep := l.must(LoadOptions{})
	if after := l.d.Status(); after.BodyBytes != before.BodyBytes || after.Packs != before.Packs || rep.KnownContent != 3 || rep.Scan.Replaced != 0 {
		t.Errorf("before %+v, after %+v, %d known, %d replaced", before, after, rep.KnownContent, rep.Scan.Replaced)
	}
	for path, r := range l.sealed(want) {
		if path != "further" && r.Mode != 0o640 {
			t.Errorf("%s has mode %o", path, r.Mode)
		}
	}
}

// TestRefusedLoad: a load that is refused leaves nothing behind.
func TestRefusedLoad(t *testing.T) {
	l := newLoads(t)
	l.write("good", "1")
	l.must(LoadOptions{})
	l.write("bad\xff", "2")
	rules := LoadOptions{Rules: scan.Rules{}}
	begun := false
	rules.Begin = func() error { begun = true; return nil }
	if _, err := l.load(rules); !errors.Is(err, ErrFindings) {
		t.Fatalf("no finding: %v", err)
	}
	if begun {
		t.Error("the device's state was changed")
	}
	if _, err := l.load(LoadOptions{As: "a//b"}); err == nil {
		t.Error("a bad prefix was taken")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := l.d.Load(ctx, "/site", LoadOptions{Tree: l.tree}); !errors.Is(err, context.Canceled) {
		t.Errorf("Ctrl-C in the scan: %v", err)
	}
	if left, err := l.d.Unfinished(); err != nil || len(left) != 0 {
		t.Errorf("unfinished: %v, %v", left, err)
	}
	l.sealed(wantTree{"good": "file 1"})
}

// TestRootNotUTF8: a source whose path, or prefix, is not UTF-8 is known again.
func TestRootNotUTF8(t *testing.T) {
	l := newLoads(t)
	l.tree.SetVolume(vfs.Volume{})
	l.write("f", "1")
	root := "/site\xff"
	for i := range 2 {
		rep, err := l.d.Load(context.Background(), root, LoadOptions{Tree: l.tree, As: "pre\xfe", AcceptFindings: true})
		if err != nil || int(rep.KnownContent) != i {
			t.Fatalf("load %d: %v, %+v", i, err, rep)
		}
	}
	l.sealed(wantTree{"pre\xfe/f": "file 1"})
}
