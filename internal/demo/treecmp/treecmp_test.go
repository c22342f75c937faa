package treecmp_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/demo/treecmp"
)

// tree writes a small tree with one of everything.
func tree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	old := time.Unix(1e9, 123456789)
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do(os.MkdirAll(filepath.Join(root, "dir/empty"), 0o755))
	do(os.WriteFile(filepath.Join(root, "dir/file"), make([]byte, 3<<20), 0o644))
	do(os.WriteFile(filepath.Join(root, "small"), []byte("abc"), 0o600))
	do(os.Link(filepath.Join(root, "small"), filepath.Join(root, "zz-name")))
	do(os.Symlink("dir/file", filepath.Join(root, "link")))
	for _, name := range []string{"dir/file", "small", "dir/empty", "dir"} {
		do(os.Chtimes(filepath.Join(root, name), old, old))
	}
	return root
}

func path(root, name string) string { return filepath.Join(root, name) }

func TestDifferencesAreFound(t *testing.T) {
	tests := []struct {
		name   string
		change func(root string) error
		want   string
	}{
		{"one byte", func(r string) error {
			f, err := os.OpenFile(path(r, "dir/file"), os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteAt([]byte{1}, 2<<20)
			return err
		}, `"dir/file": differs at byte 2097152`},
		{"shorter", func(r string) error { return os.Truncate(path(r, "dir/file"), 5) }, `"dir/file": 5 bytes`},
		{"missing", func(r string) error { return os.Remove(path(r, "dir/empty")) }, `"dir/empty": is missing`},
		{"surplus", func(r string) error { return os.WriteFile(path(r, "new"), nil, 0o644) }, `"new": is there, but not`},
		{"mode", func(r string) error { return os.Chmod(path(r, "small"), 0o644) }, `"small": mode`},
		{"time", func(r string) error { return os.Chtimes(path(r, "dir/file"), time.Now(), time.Now()) }, `"dir/file": time`},
		{"kind", func(r string) error {
			os.Remove(path(r, "link"))
			return os.WriteFile(path(r, "link"), []byte("dir/file"), 0o777)
		}, `"link": is a file, in the source a symbolic link`},
		{"target", func(r string) error {
			os.Remove(path(r, "link"))
			return os.Symlink("dir", path(r, "link"))
		}, `"link": links to "dir"`},
		{"names of one file", func(r string) error {
			os.Remove(path(r, "zz-name"))
			return os.WriteFile(path(r, "zz-name"), []byte("abc"), 0o600)
		}, `"zz-name": is a file of its own`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want, got := tree(t), tree(t)
			if err := os.Chtimes(path(got, "dir"), time.Unix(1e9, 123456789), time.Unix(1e9, 123456789)); err != nil {
				t.Fatal(err)
			}
			if err := test.change(got); err != nil {
				t.Fatal(err)
			}
			err := treecmp.Extracted(want, got, nil).Err()
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
}

func TestSame(t *testing.T) {
	root := tree(t)
	r := treecmp.Extracted(root, root, nil)
	if err := r.Err(); err != nil || r.Entries != 6 || r.Files != 3 || r.Bytes != 3<<20+6 {
		t.Errorf("%+v: %v", r, err)
	}
	if err := treecmp.Extracted(t.TempDir(), t.TempDir(), nil).Err(); err == nil {
		t.Error("two empty folders were taken for a comparison")
	}
}

func TestObjects(t *testing.T) {
	want, got := tree(t), tree(t)
	if err := treecmp.Objects(want, got, nil).Err(); err == nil || !strings.Contains(err.Error(), `"link": is a symbolic link`) {
		t.Errorf("an object that is a symbolic link: %v", err)
	}
	os.Remove(path(got, "link"))
	os.WriteFile(path(got, "link"), []byte("dir/file"), 0o644)
	os.Chmod(path(got, "small"), 0o755)
	r := treecmp.Objects(want, got, nil)
	if err := r.Err(); err != nil || r.Files != 4 || r.Entries != 6 {
		t.Errorf("%+v: %v", r, err)
	}
	os.WriteFile(path(got, "link"), []byte("dir/fils"), 0o644)
	os.Remove(path(got, "zz-name")) // it is one file with "small"
	os.WriteFile(path(got, "zz-name"), []byte("abd"), 0o644)
	err := treecmp.Objects(want, got, nil).Err()
	if err == nil || !strings.Contains(err.Error(), `"link": the object`) || !strings.Contains(err.Error(), `"zz-name": differs at byte 2`) {
		t.Error(err)
	}
	if err := treecmp.Objects(want, got, map[string]bool{"link": true, "zz-name": true}).Err(); err != nil {
		t.Errorf("entries that the loader left out are compared: %v", err)
	}
}
