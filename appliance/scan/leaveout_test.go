package scan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/appliance/filter"
	"github.com/sledge-io/sledge/internal/extsort"
	"github.com/sledge-io/sledge/internal/vfs"
)

// scanned scans a tree with filters and gives the paths that a load would take.
func scanned(t *testing.T, tree vfs.Tree, spec filter.Spec) (paths []string, r *Report, err error) {
	t.Helper()
	folder, done, err := extsort.Scratch()
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	s := open(tree, "/src", "")
	if s.Filter, err = filter.New(spec, time.Now()); err != nil {
		t.Fatal(err)
	}
	r, err = List(context.Background(), s, Options{}, folder, "sort", nothing{}, func(_ uint64, it *Item) error {
		if it.Flags != 0 || it.Detail != "" {
			t.Errorf("%s: flags %b, %q", it.Path, it.Flags, it.Detail)
		}
		paths = append(paths, it.OrderKey())
		return nil
	})
	return paths, r, err
}

func said(r *Report) (out string) {
	for _, l := range r.LeftOut {
		if l.Entries == 0 {
			continue
		}
		out += fmt.Sprintf("%s: %d, %d bytes; ", l.Rule, l.Entries, l.Bytes)
	}
	return strings.TrimSuffix(out, "; ")
}

// TestLeaveOut: what a filter leaves out is neither looked at nor entered, and counted by rule.
func TestLeaveOut(t *testing.T) {
	files := []string{"a.txt", "b.tmp", "cache/CACHEDIR.TAG", "cache/x", "cache/y/z", "docs/a.pdf", "docs/b.txt", "empty/", "marked/.nobackup", "marked/x", "tmp/deep/x", "tmp/y", "z/only/a.txt"}
	build := func() *vfs.MemTree {
		tree := vfs.NewMemTree(nil)
		for _, f := range files {
			if name, folder := strings.CutSuffix(f, "/"); folder {
				tree.Make(name, unix.S_IFDIR|0o755)
				continue
			}
			text := strings.Repeat("x", len(f))
			if strings.HasSuffix(f, ".TAG") {
				text = "Signature: 8a477f597d28d172789f06886806bc55\n"
			}
			tree.WriteFile(f, []byte(text))
		}
		return tree
	}
	for name, e := range map[string]struct {
		spec        filter.Spec
		taken, said string
		never       string // folders that are not opened
	}{
		"exclude":  {filter.Spec{Exclude: []string{"tmp", "*.tmp"}}, "a.txt cache/ cache/CACHEDIR.TAG cache/x cache/y/ cache/y/z docs/ docs/a.pdf docs/b.txt empty/ marked/ marked/.nobackup marked/x z/ z/only/ z/only/a.txt", "exclude *.tmp: 1, 0 bytes; exclude tmp: 1, 0 bytes", "tmp"},
		"include":  {filter.Spec{Include: []string{"*.pdf"}}, "docs/ docs/a.pdf", "include: 19, 0 bytes", ""},
		"anchored": {filter.Spec{Include: []string{"/docs/"}}, "docs/ docs/a.pdf docs/b.txt", "include: 7, 0 bytes", "tmp"},
		"listed":   {filter.Spec{Files: []string{"z/only", "a.txt", "gone/x"}, Listed: true}, "a.txt z/ z/only/ z/only/a.txt", "files-from: 6, 0 bytes", "docs"},
		"caches":   {filter.Spec{Caches: true, Include: []string{"/cache", "/a.txt"}}, "a.txt cache/ cache/CACHEDIR.TAG", "include: 6, 0 bytes; exclude-caches: 1, 0 bytes", "cache/y"},
		"marked":   {filter.Spec{IfPresent: []string{".nobackup"}, Include: []string{"/marked"}}, "marked/ marked/.nobackup", "include: 7, 0 bytes; exclude-if-present .nobackup: 1, 0 bytes", "tmp"},
		"header":   {filter.Spec{IfPresent: []string{".nobackup:no"}, Include: []string{"/marked"}}, "marked/ marked/.nobackup marked/x", "include: 7, 0 bytes", ""},
		"large":    {filter.Spec{MaxSize: "9B", Include: []string{"/docs", "/a.txt", "/tmp"}}, "a.txt docs/ tmp/ tmp/deep/ tmp/y", "include: 5, 0 bytes; max-size 9B: 3, 30 bytes", ""},
	} {
		tree := build()
		opened := ""
		tree.OnCall(func(c vfs.TreeCall) error {
			if e.never != "" && (c.Path == e.never || strings.HasPrefix(c.Path, e.never+"/")) {
				opened = c.Path
			}
			return nil
		})
		paths, r, err := scanned(t, tree, e.spec)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := strings.Join(paths, " "); got != e.taken {
			t.Errorf("%s takes\n%s, want\n%s", name, got, e.taken)
		}
		slices.SortFunc(r.LeftOut, func(a, b LeftOut) int {
			return strings.Compare(e.said[:max(0, strings.Index(e.said, a.Rule))], e.said[:max(0, strings.Index(e.said, b.Rule))])
		})
		rule := said(r)
		if rule != e.said {
			t.Errorf("%s says %q, want %q", name, rule, e.said)
		}
		if opened != "" {
			t.Errorf("%s looks at %s", name, opened)
		}
		if r.Entries != uint64(len(paths)) || r.Skipped != 0 || r.Filters == "" {
			t.Errorf("%s: %d entries, %d skipped, filters %q", name, r.Entries, r.Skipped, r.Filters)
		}
		if want := map[bool]uint64{true: 1}[e.spec.Listed]; r.Missing != want {
			t.Errorf("%s: %d listed paths are missing: %q", name, r.Missing, r.MissingPaths)
		}
	}
}

// TestLeaveOutAll: a mark in the source's own folder is an error, not an empty load.
func TestLeaveOutAll(t *testing.T) {
	tree := vfs.NewMemTree(nil)
	tree.WriteFile(".nobackup", nil)
	if _, _, err := scanned(t, tree, filter.Spec{IfPresent: []string{".nobackup"}}); !errors.Is(err, ErrLeftOut) {
		t.Error(err)
	}
}

// mounted is a tree where other file systems are mounted on some folders.
type mounted struct {
	*vfs.MemTree
	on map[string]bool
}

func (m mounted) OpenDir(path string) (vfs.Dir, error) {
	d, err := m.MemTree.OpenDir(path)
	return mountedDir{d, m.on[path]}, err
}

type mountedDir struct {
	vfs.Dir
	other bool
}

func (d mountedDir) Stat(name string) (vfs.Info, error) {
	if name != "." {
		return d.Dir.Stat(name)
	}
	return vfs.Info{Dev: map[bool]uint64{true: 7}[d.other]}, nil
}

func (d mountedDir) Names(f func(string, bool) error) error {
	if d.other {
		return errors.New("a folder of another file system is listed")
	}
	return d.Dir.Names(f)
}

// TestOneFileSystem: a mount point is an empty folder, whose content is left out and counted.
func TestOneFileSystem(t *testing.T) {
	tree := vfs.NewMemTree(nil)
	for _, f := range []string{"a/x", "mnt/y", "z"} {
		tree.WriteFile(f, nil)
	}
	paths, r, err := scanned(t, mounted{tree, map[string]bool{"mnt": true}}, filter.Spec{OneFileSystem: true})
	if err != nil || strings.Join(paths, " ") != "a/ a/x mnt/ z" || said(r) != "one-file-system: 1, 0 bytes" {
		t.Errorf("%q, %q, %v", paths, said(r), err)
	}
}
