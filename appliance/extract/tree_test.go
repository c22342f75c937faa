package extract

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/manifest"
)

// TestExtractWalksThroughNoLink: a component that is no folder is in the way, inside
// the folder as outside.
func TestExtractWalksThroughNoLink(t *testing.T) {
	for _, stepwise := range []bool{false, true} {
		for what, plant := range map[string]func(t *testing.T, out, outside string){
			"link inside":  func(t *testing.T, out, _ string) { must(t, os.Symlink("other", filepath.Join(out, "a"))) },
			"link outside": func(t *testing.T, out, outside string) { must(t, os.Symlink(outside, filepath.Join(out, "a"))) },
			"dead link":    func(t *testing.T, out, _ string) { must(t, os.Symlink("nowhere", filepath.Join(out, "a"))) },
			"file":         func(t *testing.T, out, _ string) { must(t, os.WriteFile(filepath.Join(out, "a"), nil, 0o600)) },
		} {
			t.Run(fmt.Sprintf("%s, stepwise %v", what, stepwise), func(t *testing.T) {
				rd, m := extractRig(t)
				m.put(manifest.Record{Kind: manifest.KindDir, Path: "a", Mode: 0o750})
				m.put(manifest.Record{Kind: manifest.KindDir, Path: "a/dir", Mode: 0o700})
				m.put(manifest.Record{Kind: manifest.KindSymlink, Path: "a/link", Target: "x", Size: 1})
				m.file("a/file", "v1")
				m.link("a/further", "v2", "v2")
				m.file("b/deep/er/file", "v2")
				out, outside := t.TempDir(), t.TempDir()
				must(t, os.Mkdir(filepath.Join(out, "other"), 0o711))
				plant(t, out, outside)
				before := listing(t, filepath.Join(out, "other")) + listing(t, outside)
				rep, err := extractOld(t, rd, m, out, Options{Workers: 2}, func(x *extractor) { x.tree.stepwise = stepwise })
				if !errors.Is(err, ErrInTheWay) || rep.Failed != 5 || rep.InTheWay != 5 || rep.AttributesLost > 0 {
					t.Errorf("%v %+v", err, rep)
				}
				for _, f := range rep.Failures {
					if !strings.HasPrefix(f, `"a`) {
						t.Error(f)
					}
				}
				if after := listing(t, filepath.Join(out, "other")) + listing(t, outside); after != before {
					t.Errorf("written through the link:\n%s", after)
				}
				isIn(t, out, "b/deep/er/file", "version 2")
				isIn(t, out, "v1", "version 1")
			})
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// listing has modes and times, too.
func listing(t *testing.T, folder string) string {
	t.Helper()
	var b strings.Builder
	must(t, filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			fi, _ := d.Info()
			fmt.Fprintln(&b, path, fi.Mode(), fi.ModTime())
		}
		return err
	}))
	return b.String()
}

// TestExtractBelowNonFolders: devices sealed before this rule may have entries below
// a file or link. They fail by name, always the same ones, and everything else is right.
func TestExtractBelowNonFolders(t *testing.T) {
	for _, workers := range []int{1, 5} {
		for range 3 {
			rd, m := extractRig(t)
			m.file("a", "v1")
			m.file("a!", "v2")
			m.file("a!/x", "v2")
			m.file("a-b/c", "v2")
			m.file("a/b", "v2")
			m.put(manifest.Record{Kind: manifest.KindDir, Path: "a/d", Mode: 0o755})
			m.file("a/d/e", "v2")
			m.file("a0", "v2")
			m.put(manifest.Record{Kind: manifest.KindSymlink, Path: "current", Target: "r2", Size: 2})
			m.file("current/old", "v1")
			m.link("current/further", "a", "v1")
			m.file("data", "v1")
			m.put(manifest.Record{Kind: manifest.KindDir, Path: "data", Mode: 0o755})
			m.link("hard", "v1", "v1")
			m.file("hard/below", "v2")
			m.file("r2/new", "v2")
			m.put(manifest.Record{Kind: manifest.KindSkipped, Path: "s", Reason: "io"})
			m.file("s/below", "v1")
			out := t.TempDir()
			rep, err := extractOld(t, rd, m, out, Options{Workers: workers})
			if !errors.Is(err, ErrSomeFailed) || errors.Is(err, ErrInTheWay) {
				t.Fatal(err)
			}
			var failed []string
			for _, f := range rep.Failures {
				failed = append(failed, strings.SplitN(f, `"`, 3)[1])
			}
			want := "a!/x a/b a/d a/d/e current/old data hard/below current/further"
			if got := strings.Join(failed, " "); got != want {
				t.Errorf("failed: %s\nwant:   %s", got, want)
			}
			for path, want := range map[string]string{"a": "version 1", "a!": "version 2", "a-b/c": "version 2", "a0": "version 2", "data": "version 1",
				"hard": "version 1", "r2/new": "version 2", "s/below": "version 1", "current/new": "version 2"} {
				isIn(t, out, path, want)
			}
			if _, err := os.Lstat(filepath.Join(out, "r2/old")); err == nil {
				t.Error("an entry was written through an extracted link")
			}
			if n := uint64(len(m.records)); rep.Entries+rep.Failed+rep.Skipped != n {
				t.Errorf("%d records: %+v", n, rep)
			}
		}
	}
}

// TestExtractLongPath: longer than one call of the system takes.
func TestExtractLongPath(t *testing.T) {
	rd, m := extractRig(t)
	long := strings.Repeat(strings.Repeat("x", 200)+"/", 25) + "file"
	m.file(long, "v1")
	m.link(long+"2", long, "v1")
	if rep, err := extractOld(t, rd, m, t.TempDir(), Options{}); err != nil || rep.Entries != 5 {
		t.Errorf("%v %+v", err, rep)
	}
}

// TestNameFile: a file gets its name only if nothing has it, whatever calls the
// file system has.
func TestNameFile(t *testing.T) {
	refuse := func(err error) func(int, string, string) error { return func(int, string, string) error { return err } }
	for what, calls := range map[string]struct {
		names  nameCalls
		looked bool
	}{
		"all":         {systemNames, false},
		"no rename":   {nameCalls{refuse(unix.EINVAL), systemNames.link}, false},
		"no link":     {nameCalls{systemNames.renameNew, refuse(unix.EPERM)}, false},
		"rclone":      {nameCalls{refuse(unix.EINVAL), refuse(unix.ENOSYS)}, true},
		"old FUSE":    {nameCalls{refuse(unix.ENOSYS), refuse(unix.EPERM)}, true},
		"one link":    {nameCalls{refuse(unix.EINVAL), refuse(unix.EMLINK)}, true},
		"unsupported": {nameCalls{refuse(unix.ENOTSUP), refuse(unix.ENOTSUP)}, true},
	} {
		t.Run(what, func(t *testing.T) {
			rd, m := extractRig(t)
			m.file("dir/taken", "v2")
			out := t.TempDir()
			taken := filepath.Join(out, "dir/taken")
			tree := func(x *extractor) {
				x.names = calls.names
				sync := x.names.renameNew
				x.names.renameNew = func(dir int, from, to string) error {
					if to == "taken" {
						must(t, os.WriteFile(taken, []byte("somebody's"), 0o600))
					}
					return sync(dir, from, to)
				}
			}
			rep, err := extractOld(t, rd, m, out, Options{Workers: 2}, tree)
			if !errors.Is(err, ErrInTheWay) || rep.Failed != 1 || rep.Entries != 3 {
				t.Errorf("%v %+v", err, rep)
			}
			if (len(rep.Warnings) == 1) != calls.looked || len(rep.Warnings) > 1 {
				t.Errorf("warnings %q", rep.Warnings)
			}
			isIn(t, out, "dir/taken", "somebody's")
			isIn(t, out, "v1", "version 1")
			if have := count(t, out); have.entries != 5 {
				t.Errorf("%d names, want the four files and their folder", have.entries)
			}
		})
	}
}
