package extract

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/manifest"
)

// TestExtractFirstFailedSync: the system reports a failed write once. Nothing gets a name
// after it, in no pass, and no temporary file stays.
func TestExtractFirstFailedSync(t *testing.T) {
	for what, each := range map[string]bool{"syncfs": false, "fsync": true} {
		t.Run(what, func(t *testing.T) {
			rd, m := extractRig(t)
			for i := range 200 {
				m.file(fmt.Sprintf("a/%03d", i), "v1")
				m.link(fmt.Sprintf("b/%03d", i), fmt.Sprintf("a/%03d", i), "v2")
			}
			out := t.TempDir()
			var calls atomic.Int32
			once := func(int) error {
				if calls.Add(1) == 1 {
					return unix.EIO
				}
				return nil
			}
			rep, err := extractOld(t, rd, m, out, Options{Workers: 2}, func(x *extractor) {
				s := &x.tree.synced
				if s.each = each; each {
					s.calls.fsync = once
				} else {
					s.calls.syncfs = once
				}
			})
			if !errors.Is(err, ErrUnsynced) || !errors.Is(err, unix.EIO) || rep.Entries != 0 {
				t.Errorf("%v %+v", err, rep)
			}
			if names := count(t, out); names.entries != folders(t, out) {
				t.Errorf("%d names, %d of folders", names.entries, folders(t, out))
			}
		})
	}
}

// TestExtractSyncFailsBetween: what was synced before the failure has its name, and a
// later sync that succeeds gives no more of them.
func TestExtractSyncFailsBetween(t *testing.T) {
	rd, m := extractRig(t)
	m.link("z", "v1", "v2") // is written in the second pass
	m.link("zz", "v1", "v2")
	out := t.TempDir()
	n := 0
	rep, err := extractOld(t, rd, m, out, Options{Workers: 2}, func(x *extractor) {
		x.tree.synced.calls.syncfs = func(int) error {
			if n++; n == 2 {
				return unix.ENOSPC
			}
			return nil
		}
	})
	if !errors.Is(err, ErrUnsynced) || rep.Entries != 3 {
		t.Errorf("%v %+v", err, rep)
	}
	if have := count(t, out); have.entries != 3 {
		t.Errorf("%d names, want those of the first sync", have.entries)
	}
}

// TestExtractComparesWhatTheDiskHolds: what the cache alone holds is no file. The
// stand-in for the cache shows the right content until it is dropped.
func TestExtractComparesWhatTheDiskHolds(t *testing.T) {
	rd, m := extractRig(t)
	m.link("z", "long", "v2") // its carrier is compared, too
	out := t.TempDir()
	if _, err := extractOld(t, rd, m, out, Options{}); err != nil {
		t.Fatal(err)
	}
	synced, dropped := 0, 0
	rep, err := extractOld(t, rd, m, out, Options{}, func(x *extractor) {
		x.tree.synced.calls.syncfs = func(int) error { synced++; return nil }
		x.tree.synced.calls.forget = func(fd int) error {
			if synced == 0 {
				t.Error("dropped before what is to be written was written")
			}
			dropped++
			f, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", fd), os.O_WRONLY, 0)
			must(t, err)
			defer f.Close()
			_, err = f.WriteAt([]byte("torn"), 0)
			return err
		}
	})
	if !errors.Is(err, ErrInTheWay) || dropped != 4 || rep.Existing != 0 || rep.Failed != 4 {
		t.Errorf("%d dropped: %v %+v", dropped, err, rep)
	}
}

// TestExtractSyncsEach: where syncfs says nothing about failed writes, each file is synced
// by itself, and each folder after the last name in it: also one that was there, that is
// no entry of this run, or whose names are of an earlier run. Elsewhere none is.
func TestExtractSyncsEach(t *testing.T) {
	for _, each := range []bool{false, true} {
		rd, m := extractRig(t)
		m.put(manifest.Record{Kind: manifest.KindDir, Path: "dir", Mode: 0o755})
		m.put(manifest.Record{Kind: manifest.KindSymlink, Path: "old/link", Target: "x"})
		m.file("none/file", "v1")
		m.file("old/below/file", "v1")
		m.file("old/file", "v1")
		m.link("old/hard", "v1", "v1")
		out := t.TempDir()
		must(t, os.MkdirAll(filepath.Join(out, "old/below"), 0o755))
		for _, prefix := range []string{"old/", "", ""} {
			var mu sync.Mutex
			synced := map[string]string{} // what a folder held when it was synced last
			files := 0
			rep, err := extractOld(t, rd, m, out, Options{Workers: 2, Prefix: prefix}, func(x *extractor) {
				x.tree.synced.each = each
				x.tree.synced.calls.fsync = func(fd int) error {
					mu.Lock()
					defer mu.Unlock()
					at, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
					if list, derr := os.ReadDir(at); derr == nil {
						synced[at] = fmt.Sprint(list)
					} else {
						files++
					}
					return err
				}
			})
			if err != nil || (files > 0) != each {
				t.Errorf("each %v, prefix %q: %d files synced: %v %+v", each, prefix, files, err, rep)
			}
			must(t, filepath.WalkDir(out, func(at string, e os.DirEntry, err error) error {
				list, _ := os.ReadDir(at)
				if e.IsDir() && each && synced[at] != fmt.Sprint(list) {
					t.Errorf("prefix %q: %s: %s was synced, %s is there", prefix, at, synced[at], list)
				}
				return err
			}))
			if !each && len(synced) > 0 {
				t.Errorf("synced: %v", synced)
			}
		}
	}
}

// TestExtractSyncsAbove: a new extraction folder's own name is durable, too.
func TestExtractSyncsAbove(t *testing.T) {
	top := t.TempDir()
	in, err := makeOut(filepath.Join(top, "a/b/c") + "/")
	if want := []string{filepath.Join(top, "a/b"), filepath.Join(top, "a"), top}; err != nil || !slices.Equal(in, want) {
		t.Errorf("%v, %v", in, err)
	}
	if in, err := makeOut(filepath.Join(top, "a")); err != nil || len(in) > 0 {
		t.Errorf("of one that is there: %v, %v", in, err)
	}
}

func TestSyncfsReports(t *testing.T) {
	for release, want := range map[string]bool{"5.8.0": true, "5.8": true, "5.10.0-28-amd64": true, "6.1.0": true, "10.0": true, "5.7.19": false, "4.18.0-553.el8": false,
		"3.10.0-1160.el7.x86_64": false, "5.x": false, "": false, "5": false, "six.8": false, "5.8-rc1": true} {
		if got := syncfsReports(release); got != want {
			t.Errorf("%q: %v", release, got)
		}
	}
}

// TestExtractKeepsProvenFiles: attributes that are refused cost no file.
func TestExtractKeepsProvenFiles(t *testing.T) {
	rd, m := extractRig(t)
	m.records["v1"].UID = 1 << 31
	m.records["v1"].Xattrs = []manifest.Xattr{{Name: "nosuch.a", Value: []byte("1")}, {Name: "security.nosuch", Value: []byte{1}}, {Name: "trusted.a", Value: make([]byte, 1<<20)}}
	out := t.TempDir()
	rep, err := extractOld(t, rd, m, out, Options{Owner: true})
	if err != nil || rep.AttributesLost == 0 || rep.Entries != 3 {
		t.Errorf("%v %+v", err, rep)
	}
	isIn(t, out, "v1", "version 1")
	if left, _ := filepath.Glob(filepath.Join(out, ".sledge-*")); len(left) > 0 {
		t.Errorf("%q", left)
	}
}
