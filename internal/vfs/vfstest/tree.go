package vfstest

import (
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/internal/vfs"
)

// TreeMaker fills the folder that a Tree reads.
type TreeMaker interface {
	WriteFile(path string, data []byte)
	Make(path string, mode uint32)
	Symlink(target, path string)
	Link(path, further string) error
	Remove(path string)
}

// TestTree runs the suite that every vfs.Tree must pass. open returns an empty
// tree for each subtest, and what fills it.
func TestTree(t *testing.T, open func(t *testing.T) (vfs.Tree, TreeMaker)) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, tree vfs.Tree, m TreeMaker)
	}{
		{"Inside", testTreeInside},
		{"Names", testTreeNames},
		{"Kinds", testTreeKinds},
		{"Read", testTreeRead},
		{"Readlink", testTreeReadlink},
		{"Links", testTreeLinks},
		{"Changes", testTreeChanges},
		{"Volume", testTreeVolume},
		{"Fresh", testTreeFresh},
	} {
		t.Run(test.name, func(t *testing.T) {
			tree, m := open(t)
			test.run(t, tree, m)
			must(t, tree.Close())
		})
	}
}

func openDir(t *testing.T, tree vfs.Tree, path string) vfs.Dir {
	t.Helper()
	d, err := tree.OpenDir(path)
	must(t, err)
	t.Cleanup(func() { d.Close() })
	return d
}

// testTreeInside: no path leads through a link, or out.
func testTreeInside(t *testing.T, tree vfs.Tree, m TreeMaker) {
	m.WriteFile("a/b/f", []byte("x"))
	m.Symlink("a", "in")
	m.Symlink("/", "out")
	for path, want := range map[string]error{"": nil, "a": nil, "a/b": nil, "a/b/f": syscall.ENOTDIR, "a/none": fs.ErrNotExist, "in": syscall.ELOOP, "in/b": syscall.ELOOP, "out/tmp": syscall.ELOOP, "..": syscall.EXDEV, "a/../../b": syscall.EXDEV} {
		d, err := tree.OpenDir(path)
		if !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", path, err, want)
		}
		if err == nil {
			must(t, d.Close())
		}
	}
	_, err := openDir(t, tree, "").Open("in")
	wantErr(t, "open of a link", err, syscall.ELOOP)
}

func testTreeNames(t *testing.T, tree vfs.Tree, m TreeMaker) {
	m.WriteFile("d/\xff\n", nil)
	m.WriteFile("d/sub/f", nil)
	m.WriteFile("d/"+strings.Repeat("n", 255), nil)
	m.Symlink("sub", "d/link")
	d := openDir(t, tree, "d")
	for range 2 { // the second time from the beginning again
		var names []string
		must(t, d.Names(func(name string, dir bool) error {
			if dir {
				name += "/"
			}
			names = append(names, name)
			return nil
		}))
		slices.Sort(names)
		if want := []string{"link", strings.Repeat("n", 255), "sub/", "\xff\n"}; !slices.Equal(names, want) {
			t.Errorf("%q", names)
		}
	}
	stop := errors.New("stop")
	wantErr(t, "f's error", d.Names(func(string, bool) error { return stop }), stop)
	must(t, openDir(t, tree, "d/sub").Names(func(string, bool) error { return nil }))
}

func testTreeKinds(t *testing.T, tree vfs.Tree, m TreeMaker) {
	m.WriteFile("file", []byte("abc"))
	m.Make("folder", syscall.S_IFDIR|0o755)
	m.Make("pipe", syscall.S_IFIFO|0o600)
	m.Symlink("nowhere", "link")
	d := openDir(t, tree, "")
	inodes := map[uint64]bool{}
	for name, mode := range map[string]uint32{"file": syscall.S_IFREG, "folder": syscall.S_IFDIR, "pipe": syscall.S_IFIFO, "link": syscall.S_IFLNK} {
		info, err := d.Stat(name)
		if err != nil || info.Mode&syscall.S_IFMT != mode || info.Ino == 0 || inodes[info.Ino] || info.Mtime.IsZero() || info.Ctime.IsZero() {
			t.Errorf("%s: %+v, %v", name, info, err)
		}
		inodes[info.Ino] = true
		if name == "file" && (info.Size != 3 || info.Nlink != 1) || name == "link" && info.Size != 7 {
			t.Errorf("%s: %+v", name, info)
		}
	}
	_, err := d.Stat("none")
	wantErr(t, "stat of nothing", err, fs.ErrNotExist)
	_, err = d.Open("none")
	wantErr(t, "open of nothing", err, fs.ErrNotExist)
	if f, err := d.Open("pipe"); err == nil { // without waiting for a writer
		info, err := f.Stat()
		if err != nil || info.Mode&syscall.S_IFMT != syscall.S_IFIFO {
			t.Errorf("pipe: %+v, %v", info, err)
		}
		must(t, f.Close())
	}
}

func testTreeRead(t *testing.T, tree vfs.Tree, m TreeMaker) {
	m.WriteFile("f", []byte("0123456789"))
	f, err := openDir(t, tree, "").Open("f")
	must(t, err)
	buf := make([]byte, 4)
	for _, test := range []struct {
		off  int64
		want string
		err  error
	}{{0, "0123", nil}, {6, "6789", nil}, {8, "89", io.EOF}, {10, "", io.EOF}, {99, "", io.EOF}} {
		n, err := f.ReadAt(buf, test.off)
		if string(buf[:n]) != test.want || err != test.err {
			t.Errorf("at %d: %q, %v", test.off, buf[:n], err)
		}
	}
	if from, to := f.Data(3, 10); from != 3 || to != 10 {
		t.Errorf("data at 3: %d to %d", from, to)
	}
	if from, _ := f.Data(10, 10); from != 10 {
		t.Errorf("data at the end: %d", from)
	}
	m.Remove("f")
	if n, err := f.ReadAt(buf, 0); n != 4 || err != nil {
		t.Errorf("after its name went: %d, %v", n, err)
	}
	if n, err := f.Attributes().List(make([]byte, 64<<10)); err != nil && !errors.Is(err, syscall.ENOTSUP) {
		t.Errorf("attributes: %d, %v", n, err)
	}
	must(t, f.Close())
}

func testTreeReadlink(t *testing.T, tree vfs.Tree, m TreeMaker) {
	m.Symlink("to/where", "link")
	m.WriteFile("f", nil)
	d := openDir(t, tree, "")
	if got, err := d.Readlink("link", 100); got != "to/where" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := d.Readlink("link", 7); err == nil {
		t.Error("a target over the limit was returned")
	}
	_, err := d.Readlink("f", 100)
	wantErr(t, "readlink of a file", err, syscall.EINVAL)
}

func testTreeLinks(t *testing.T, tree vfs.Tree, m TreeMaker) {
	m.WriteFile("a", []byte("x"))
	must(t, m.Link("a", "d/b"))
	a, err := openDir(t, tree, "").Stat("a")
	must(t, err)
	b, err := openDir(t, tree, "d").Stat("b")
	must(t, err)
	if a != b || a.Nlink != 2 {
		t.Errorf("%+v, %+v", a, b)
	}
}

// testTreeChanges: a folder that was opened stays that folder, and a file that is
// written again is the same file with another time.
func testTreeChanges(t *testing.T, tree vfs.Tree, m TreeMaker) {
	m.WriteFile("d/f", []byte("old"))
	d := openDir(t, tree, "d")
	before, err := d.Stat("f")
	must(t, err)
	m.WriteFile("d/f", []byte("newer"))
	after, err := d.Stat("f")
	must(t, err)
	if after.Ino != before.Ino || after.Size != 5 || after.Ctime.Before(before.Ctime) {
		t.Errorf("%+v, then %+v", before, after)
	}
	m.Remove("d")
	m.Symlink("elsewhere", "d")
	if _, err := d.Stat("f"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	_, err = tree.OpenDir("d")
	wantErr(t, "a folder that became a link", err, syscall.ELOOP)
}

// testTreeVolume: what is written into the tree does not make it another source.
func testTreeVolume(t *testing.T, tree vfs.Tree, m TreeMaker) {
	before := tree.Volume()
	m.WriteFile("a/b", []byte("x"))
	if after := tree.Volume(); after.FS == "" || after != before {
		t.Errorf("%+v, then %+v", before, after)
	}
}

// testTreeFresh: the second ways to look and read tell the same of a tree that
// nobody caches.
func testTreeFresh(t *testing.T, tree vfs.Tree, m TreeMaker) {
	m.WriteFile("a/b", []byte("text"))
	dir := openDir(t, tree, "a")
	info, err := dir.Stat("b")
	must(t, err)
	fresh, err := dir.StatFresh("b")
	must(t, err)
	if info != fresh {
		t.Errorf("%+v, fresh %+v", info, fresh)
	}
	_, err = dir.StatFresh("none")
	wantErr(t, "a look at nothing", err, fs.ErrNotExist)
	if v, root := dir.Volume(), tree.Volume(); v.FS != root.FS || v.ID != root.ID || v.Root != "" {
		t.Errorf("%+v in %+v", v, root)
	}
	f, err := dir.Open("b")
	must(t, err)
	defer f.Close()
	p := make([]byte, 10)
	for off, want := range map[int64]string{0: "text", 3: "t", 4: "", 100: ""} {
		if n, err := f.ReadSome(p, off); err != nil || string(p[:n]) != want {
			t.Errorf("at %d: %q, %v", off, p[:n], err)
		}
	}
	if f.Written() {
		t.Error("nobody has it open for writing")
	}
	_, err = tree.Check()
	must(t, err)
}
