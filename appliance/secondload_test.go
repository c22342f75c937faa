package appliance

import (
	"context"
	"errors"
	mrand "math/rand"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// loads is a device of three disks and a source in memory that is loaded again and
// again.
type loads struct {
	*memRig
	d    *Device
	tree *vfs.MemTree
	want wantTree
}

func newLoads(t *testing.T) *loads {
	clock := time.Unix(1_700_000_000, 0)
	l := &loads{memRig: newMemRig(t, rigOptions{k: 2, m: 1, disks: 3, block: 4096, packSize: 4 << 20}), want: wantTree{}}
	l.step = 0
	l.tree = vfs.NewMemTree(func() time.Time { clock = clock.Add(time.Second); return clock })
	l.d = l.mustDevice()
	t.Cleanup(func() { l.d.Close() })
	return l
}

func (l *loads) write(path, text string) { l.tree.WriteFile(path, []byte(text)) }

// load loads from /site.
func (l *loads) load(o LoadOptions) (*LoadReport, error) {
	if o.Tree == nil {
		o.Tree = l.tree
	}
	return l.d.Load(context.Background(), "/site", o)
}

func (l *loads) must(o LoadOptions) *LoadReport {
	l.t.Helper()
	rep, err := l.load(o)
	if err != nil {
		l.t.Fatal(err)
	}
	return rep
}

// sealed seals, reads everything back and gives the records by path.
func (l *loads) sealed(want wantTree) map[string]*manifest.Record {
	l.t.Helper()
	status := l.d.Status()
	res, err := l.d.Seal(context.Background(), l.sealOptions())
	if err != nil {
		l.t.Fatal(err)
	}
	if err := l.check(want, res.Label); err != nil {
		l.t.Error(err)
	}
	rd, err := l.openReader(l.cfg.Disks, res.Label)
	if err != nil {
		l.t.Fatal(err)
	}
	defer rd.Close()
	records := map[string]*manifest.Record{}
	var good, skipped uint64
	var bytes int64
	err = rd.Entries(context.Background(), func(e Entry) error {
		records[e.Record.Path] = e.Record
		if e.Record.Kind == manifest.KindSkipped {
			skipped++
		} else {
			good, bytes = good+1, bytes+e.Record.DataLength()
		}
		return nil
	})
	if err != nil {
		l.t.Fatal(err)
	}
	if status.Entries != good || status.Skipped != skipped || status.Bytes != bytes {
		l.t.Errorf("status said %d entries, %d skipped, %d bytes; there are %d, %d, %d", status.Entries, status.Skipped, status.Bytes, good, skipped, bytes)
	}
	if totals := rd.Totals(); res.Totals.ScanEntries != good+skipped || totals.ScanEntries != totals.Entries() {
		l.t.Errorf("totals %+v, there are %d entries", res.Totals, good+skipped)
	}
	return records
}

// failing has reads, stats or listings of paths fail.
func (l *loads) failing(op vfs.OpKind, paths ...string) {
	l.tree.OnCall(func(c vfs.TreeCall) error {
		if c.Op == op && slices.Contains(paths, c.Path) {
			return syscall.EIO
		}
		return nil
	})
}

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

// sealedCopy is sealed of a copy of the disks as they are; the loads go on.
func (l *loads) sealedCopy(want wantTree) map[string]*manifest.Record {
	l.t.Helper()
	mems, ledger := l.mems, l.ledger
	l.d.Close()
	copies := make([]*vfs.Mem, len(mems))
	for i, m := range mems {
		copies[i] = m.CrashClone(mrand.New(mrand.NewSource(1)), 100)
	}
	l.use(copies)
	l.ledger = &memLedger{}
	l.d = l.mustDevice()
	records := l.sealed(want)
	l.d.Close()
	l.use(mems)
	l.ledger = ledger
	l.d = l.mustDevice()
	return records
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

// clockOf ticks by a second at each look.
func (l *loads) clockOf() func() time.Time {
	at := time.Unix(1_710_000_000, 0)
	return func() time.Time { at = at.Add(time.Second); return at }
}

// TestTaken: a path that another source has taken is taken whatever its kind, and so
// are those above and below.
func TestTaken(t *testing.T) {
	for _, c := range []struct{ name, first, firstAs, second, secondAs string }{
		{"file and folder", "data", "", "data/in", ""},
		{"folder and file", "data/in", "", "data", ""},
		{"above", "b", "a", "f", "a/b"},
		{"below", "f", "a/b", "b", "a"},
		{"same", "data", "", "data", ""},
		{"a name between", "a", "", "a/b", ""},
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
			if _, err := l.d.Load(context.Background(), "/other", LoadOptions{Tree: other, As: c.secondAs}); !errors.Is(err, ErrTaken) {
				t.Fatalf("%v", err)
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

// TestContinuedLoad: a load that is continued takes what came in between, and reports
// what it had skipped before the interruption.
func TestContinuedLoad(t *testing.T) {
	l := newLoads(t)
	l.write("a-bad", "x")
	l.cfg.Workers = 1
	l.d.Close()
	l.d = l.mustDevice()
	for _, name := range []string{"b", "c", "d", "e", "f", "g", "h"} {
		l.write(name, name+strings.Repeat(name, 3<<20))
	}
	l.failing(vfs.OpRead, "a-bad")
	ctx, cancel := context.WithCancel(context.Background())
	l.cutAt(cancel, 2)
	if _, err := l.d.Load(ctx, "/site", LoadOptions{Tree: l.tree}); err == nil {
		t.Fatal("the load was not interrupted")
	}
	if left, err := l.d.Unfinished(); err != nil || len(left) != 1 || left[0].Root != "/site" {
		t.Fatalf("unfinished: %v, %v", left, err)
	}
	if _, err := l.d.Seal(context.Background(), l.sealOptions()); !errors.Is(err, ErrIncomplete) {
		t.Errorf("seal: %v", err)
	}
	l.write("new/in between", "y")
	l.d.Close()
	l.d = l.mustDevice()
	l.failing(vfs.OpRead, "a-bad")
	rep := l.must(LoadOptions{})
	if !rep.Resumed || rep.SkippedCount != 1 || rep.Skipped[0].Path != "a-bad" || rep.Status.Skipped != 1 || rep.Entries != 9 {
		t.Errorf("resumed %v, skipped %d %+v, loaded %d, status %+v", rep.Resumed, rep.SkippedCount, rep.Skipped, rep.Entries, rep.Status)
	}
	if left, _ := l.d.Unfinished(); len(left) != 0 {
		t.Errorf("still unfinished: %v", left)
	}
}

// cutAt calls f once so many packs are committed.
func (l *loads) cutAt(f func(), packs uint64) {
	hook := func(c vfs.TreeCall) error {
		l.d.mu.Lock()
		defer l.d.mu.Unlock()
		if l.d.state.packs >= packs {
			f()
		}
		if c.Op == vfs.OpRead && c.Path == "a-bad" {
			return syscall.EIO
		}
		return nil
	}
	l.tree.OnCall(hook)
}

// TestLongFileIsBegun: a load that was cut off in its first long file is unfinished
// work: no other load and no seal forgets it.
func TestLongFileIsBegun(t *testing.T) {
	l := newLoads(t)
	l.cfg.Workers = 1
	l.d.Close()
	l.d = l.mustDevice()
	l.write("long", strings.Repeat("0123456789abcdef", 1<<20))
	ctx, cancel := context.WithCancel(context.Background())
	l.cutAt(cancel, 1)
	if _, err := l.d.Load(ctx, "/site", LoadOptions{Tree: l.tree}); err == nil {
		t.Fatal("the load was not interrupted")
	}
	l.tree.OnCall(nil)
	if s := l.d.Status(); s.OpenFiles != 1 || s.Entries != 0 || s.Unfinished != 1 {
		t.Fatalf("status %+v", s)
	}
	other := vfs.NewMemTree(l.clockOf())
	other.SetVolume(vfs.Volume{ID: "uuid:2", Root: "ino:2"})
	other.WriteFile("x", []byte("x"))
	var unfinished *UnfinishedError
	if _, err := l.d.Load(context.Background(), "/other", LoadOptions{Tree: other}); !errors.As(err, &unfinished) || unfinished.Root != "/site" {
		t.Errorf("another load: %v", err)
	}
	if _, err := l.d.Seal(context.Background(), l.sealOptions()); !errors.Is(err, ErrIncomplete) {
		t.Errorf("seal: %v", err)
	}
	if _, err := l.d.Abandon("/nowhere", ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("abandon of what is not there: %v", err)
	}
	if _, err := l.d.Abandon("/site", ""); err != nil {
		t.Fatal(err)
	}
	l.d.Close()
	l.d = l.mustDevice()
	if _, err := l.d.Load(context.Background(), "/other", LoadOptions{Tree: other}); err != nil {
		t.Fatal(err)
	}
	l.sealed(wantTree{"x": "file x"})
}

// TestGivenUp: a load that was given up with a rest makes the seal one of an incomplete
// source, unless a later load of the source got all.
func TestGivenUp(t *testing.T) {
	for _, again := range []bool{false, true} {
		l := newLoads(t)
		l.write("a", strings.Repeat("a", 24<<20))
		l.write("b", "b")
		ctx, cancel := context.WithCancel(context.Background())
		l.cutAt(cancel, 1)
		if _, err := l.d.Load(ctx, "/site", LoadOptions{Tree: l.tree}); err == nil {
			t.Fatal("the load was not interrupted")
		}
		l.tree.OnCall(nil)
		if _, err := l.d.Abandon("/site", ""); err != nil {
			t.Fatal(err)
		}
		if again {
			l.must(LoadOptions{})
		} else if _, err := l.d.Load(context.Background(), "/other", LoadOptions{Tree: l.otherTree(vfs.Volume{ID: "uuid:2", Root: "ino:2"}, "x"), As: "o/"}); err != nil {
			t.Fatal(err)
		}
		var told uint64
		o := l.sealOptions()
		o.Counted = func(_, _, givenUp uint64) error { told = givenUp; return nil }
		res, err := l.d.Seal(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		if res.Statement.ScanComplete != again || (res.GivenUp == 0) != again || told != res.GivenUp {
			t.Errorf("loaded again %v: scan_complete %v, given up %d, told %d", again, res.Statement.ScanComplete, res.GivenUp, told)
		}
	}
}

// TestSourceMoved: an unfinished load is continued from another path if the operator
// says so, or by itself where the file system can be told.
func TestSourceMoved(t *testing.T) {
	for _, known := range []bool{true, false} {
		l := newLoads(t)
		if !known {
			l.tree.SetVolume(vfs.Volume{})
		}
		l.write("a", strings.Repeat("a", 24<<20))
		l.write("b", "b")
		ctx, cancel := context.WithCancel(context.Background())
		l.cutAt(cancel, 1)
		if _, err := l.d.Load(ctx, "/card", LoadOptions{Tree: l.tree}); err == nil {
			t.Fatal("the load was not interrupted")
		}
		l.tree.OnCall(nil)
		o := LoadOptions{Tree: l.tree}
		if !known {
			if _, err := l.d.Load(context.Background(), "/card1", o); !errors.Is(err, ErrUnfinished) {
				t.Fatalf("without --source-moved: %v", err)
			}
			o.Moved = "/card"
		}
		rep, err := l.d.Load(context.Background(), "/card1", o)
		if err != nil || !rep.Resumed || rep.Entries != 2 {
			t.Fatalf("known %v: %v, %+v", known, err, rep)
		}
		l.sealed(wantTree{"a": "file " + strings.Repeat("a", 24<<20), "b": "file b"})
	}
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
	rules := LoadOptions{Rules: Rules{}}
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

// TestNoRoom: a file that cannot fit is not begun; those that fit are loaded, and it is
// named.
func TestNoRoom(t *testing.T) {
	l := newLoads(t)
	l.d.Close()
	mems := make([]*vfs.Mem, 3)
	for i := range mems {
		mems[i] = vfs.NewMem(vfs.MemOptions{Capacity: 48 << 20})
	}
	l.use(mems)
	l.d = l.mustDevice()
	l.write("a-too-big", strings.Repeat("x", 70<<20))
	l.write("small", "1")
	rep, err := l.load(LoadOptions{})
	if !errors.Is(err, ErrFull) || rep.NoRoomCount != 1 || !slices.Equal(rep.NoRoom, []string{"a-too-big"}) || rep.Status.Entries != 1 {
		t.Fatalf("%v: %+v", err, rep)
	}
	if rep.Status.BodyBytes > 1<<20 {
		t.Errorf("%d bytes were stored of what cannot fit", rep.Status.BodyBytes)
	}
	var held []string
	err = l.d.Holdings(context.Background(), func(h Holding) error { held = append(held, string(h.State)+" "+h.Path); return nil })
	if err != nil || !slices.Equal(held, []string{"safe small", "not loaded a-too-big"}) {
		t.Errorf("holdings: %v, %q", err, held)
	}
	l.tree.Remove("a-too-big")
	rep = l.must(LoadOptions{})
	if rep.Scan.Gone != 0 || rep.SkippedCount > 1 {
		t.Errorf("%+v", rep)
	}
	l.sealed(wantTree{"small": "file 1"})
}

// TestFullOfRecords: entries without bytes fill a device, too; what is committed can
// always be sealed.
func TestFullOfRecords(t *testing.T) {
	for _, k := range []int{1, 2} {
		l := newLoads(t)
		l.d.Close()
		l.memRig = newMemRig(t, rigOptions{k: k, m: 1, disks: k + 1, block: 4096, packSize: 4 << 20})
		l.step = time.Second
		mems := make([]*vfs.Mem, k+1)
		for i := range mems {
			mems[i] = vfs.NewMem(vfs.MemOptions{Capacity: 40 << 20})
		}
		l.use(mems)
		l.d = l.mustDevice()
		folder := strings.Repeat(strings.Repeat("n", 250)+"/", 15)
		for i := range 3000 {
			l.write(folder+strings.Repeat("e", 1+i%200)+string(rune('a'+i/200)), "")
		}
		l.want = wantTree{}
		rep, err := l.load(LoadOptions{AcceptFindings: true})
		if !errors.Is(err, ErrFull) || rep.Status.Entries == 0 {
			t.Fatalf("k %d: %v", k, err)
		}
		l.d.Close()
		l.d = l.mustDevice()
		o := l.sealOptions()
		o.Incomplete = true
		res, err := l.d.Seal(context.Background(), o)
		if err != nil {
			t.Fatalf("k %d: %v", k, err)
		}
		if got := res.Totals; got.Entries() != rep.Status.Entries || got.ScanEntries <= got.Entries() || res.Statement.ScanComplete {
			t.Errorf("k %d: safe were %d entries, totals %+v", k, rep.Status.Entries, got)
		}
	}
}
