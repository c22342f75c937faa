package vfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func openTree(t *testing.T) (osTree, string) {
	t.Helper()
	base := t.TempDir()
	root := filepath.Join(base, "root")
	for _, dir := range []string{"root/a/b", "outside"} {
		if err := os.MkdirAll(filepath.Join(base, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"root/a/b/f": "inside", "root/a/\xff\n": "", "outside/f": "outside"} {
		if err := os.WriteFile(filepath.Join(base, name), []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"root/out": "../outside", "root/in": "a", "root/a/file": "b/f"} {
		if err := os.Symlink(target, filepath.Join(base, name)); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := OSTree(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tree.Close() })
	return tree.(osTree), base
}

// TestTreeStaysInside: neither way of resolving a path follows a link or leaves
// the root.
func TestTreeStaysInside(t *testing.T) {
	tree, base := openTree(t)
	for path, want := range map[string]error{
		"": nil, "a": nil, "a/b": nil, "out": unix.ELOOP, "in/b": unix.ELOOP, "a/b/f": unix.ENOTDIR, "a/none": fs.ErrNotExist,
		"..": unix.EXDEV, "a/../../outside": unix.EXDEV, filepath.Join(base, "outside"): unix.EXDEV,
	} {
		d, err := tree.OpenDir(path)
		if !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", path, err, want)
		}
		if err == nil {
			d.Close()
		}
		if path == "" {
			continue
		}
		fd, err := tree.descend(path)
		if (err == nil) != (want == nil) {
			t.Errorf("%q, one after another: %v, want %v", path, err, want)
		}
		if err == nil {
			unix.Close(fd)
		}
	}
}

func TestTreeEntries(t *testing.T) {
	tree, _ := openTree(t)
	d, err := tree.OpenDir("a")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for range 2 { // the second time from the beginning again
		var names []string
		err = d.Names(func(name string, dir bool) error {
			if dir {
				name += "/"
			}
			names = append(names, name)
			return nil
		})
		slices.Sort(names)
		if err != nil || !slices.Equal(names, []string{"b/", "file", "\xff\n"}) {
			t.Errorf("%q, %v", names, err)
		}
	}
	if st, err := d.Stat("file"); err != nil || st.Mode&unix.S_IFMT != unix.S_IFLNK || st.Size != 3 {
		t.Errorf("%+v %v", st, err)
	}
	if target, err := d.Readlink("file", 3); err != nil || target != "b/f" {
		t.Errorf("%q %v", target, err)
	}
	if _, err := d.Readlink("file", 2); err == nil {
		t.Error("a longer target came back")
	}
	if _, err := d.Open("file"); !errors.Is(err, unix.ELOOP) {
		t.Errorf("opened a symbolic link: %v", err)
	}
}

func TestTreeFile(t *testing.T) {
	tree, _ := openTree(t)
	d, err := tree.OpenDir("a/b")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	f, err := d.Open("f")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := make([]byte, 10)
	if n, err := f.ReadAt(p, 2); n != 4 || err != io.EOF || string(p[:n]) != "side" {
		t.Errorf("%q %v", p[:n], err)
	}
	if st, err := f.Stat(); err != nil || st.Size != 6 || st.Mode != unix.S_IFREG|0o640 || st.Nlink != 1 {
		t.Errorf("%+v %v", st, err)
	}
}

func TestTreeAttributes(t *testing.T) {
	tree, base := openTree(t)
	if err := unix.Setxattr(filepath.Join(base, "root/a/b/f"), "user.x", []byte("value"), 0); err != nil {
		t.Skipf("no extended attributes in the folder for temporary files: %v", err)
	}
	d, err := tree.OpenDir("a/b")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	f, err := d.Open("f")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := make([]byte, 10)
	for _, a := range []Attributes{f.Attributes(), d.Attributes("f")} {
		n, err := a.List(p[:7])
		if err != nil || n != 7 || string(p[:n]) != "user.x\x00" {
			t.Errorf("%q %v", p[:n], err)
		}
		if n, err = a.Get("user.x", p); err != nil || string(p[:n]) != "value" {
			t.Errorf("%q %v", p[:n], err)
		}
		if _, err = a.Get("user.x", p[:2]); !errors.Is(err, unix.ERANGE) {
			t.Errorf("too short: %v", err)
		}
	}
}

// TestTreeLongPath: a path may be longer than the system takes at once.
func TestTreeLongPath(t *testing.T) {
	tree, _ := openTree(t)
	element := strings.Repeat("x", 200)
	at, err := openAt(tree.fd, ".", unix.O_DIRECTORY)
	if err != nil {
		t.Fatal(err)
	}
	for range 30 {
		if err := unix.Mkdirat(at, element, 0o755); err != nil {
			t.Fatal(err)
		}
		next, err := openAt(at, element, unix.O_DIRECTORY)
		unix.Close(at)
		if err != nil {
			t.Fatal(err)
		}
		at = next
	}
	unix.Close(at)
	d, err := tree.OpenDir(strings.TrimSuffix(strings.Repeat(element+"/", 30), "/"))
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
}
