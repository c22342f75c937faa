package extract

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/appliance/read"
	"github.com/sledge-io/sledge/manifest"
)

// privateRig has a folder that is nobody else's, one that is read-only, and one without a
// record.
func privateRig(t *testing.T) (*read.Reader, *oldManifest) {
	rd, m := extractRig(t)
	for path, mode := range map[string]uint32{"open": 0o755, "open/private": 0o700, "read": 0o555} {
		m.put(manifest.Record{Kind: manifest.KindDir, Path: path, Mode: mode, Mtime: time.Unix(1e9, 0), UID: uint32(os.Getuid()), GID: uint32(os.Getgid())})
	}
	m.file("open/private/file", "v1")
	m.file("read/file", "v1")
	m.file("none/file", "v2")
	return rd, m
}

func modeIs(t *testing.T, out, path string, want fs.FileMode) {
	t.Helper()
	if fi, err := os.Lstat(filepath.Join(out, path)); err != nil || fi.Mode().Perm() != want {
		t.Errorf("%s: %v, %v, want %v", path, fi.Mode(), err, want)
	}
}

// TestExtractPrivateFolders: while entries are written no folder is anybody else's; at the
// end, and where the extraction is interrupted, each has its mode.
func TestExtractPrivateFolders(t *testing.T) {
	for _, limit := range []int{100, 1} {
		for _, cut := range []bool{false, true} {
			rd, m := privateRig(t)
			out := t.TempDir()
			ctx, cancel := context.WithCancel(t.Context())
			tree, err := openOutTree(out)
			must(t, err)
			x := newExtractor(rd, tree, Options{})
			x.records, x.dirs.limit = m, limit
			rename, looked := x.names.renameNew, 0
			x.names.renameNew = func(dir int, from, to string) error {
				for _, path := range []string{"open", "open/private", "read", "none"} {
					modeIs(t, out, path, 0o700)
				}
				if looked++; cut {
					cancel()
				}
				return rename(dir, from, to)
			}
			rep, err := x.extract(ctx)
			tree.close()
			cancel()
			if looked == 0 || errors.Is(err, context.Canceled) != cut || !cut && err != nil || rep.AttributesLost != 0 {
				t.Errorf("limit %d, cut %v: %v %+v", limit, cut, err, rep)
			}
			modeIs(t, out, "open", 0o755)
			modeIs(t, out, "open/private", 0o700)
			modeIs(t, out, "read", 0o555)
			modeIs(t, out, "none", fs.FileMode(0o777&^umask()))
		}
	}
}

// TestExtractAbovePrefix: a folder above the prefix is made as its record says, and
// counted as nothing; one that is there stays.
func TestExtractAbovePrefix(t *testing.T) {
	rd, m := privateRig(t)
	m.records["open/"].Mode = 0o710
	out := t.TempDir()
	rep, err := extractOld(t, rd, m, out, Options{Prefix: "open/private/"})
	if err != nil || rep.Entries != 2 {
		t.Errorf("%v %+v", err, rep)
	}
	modeIs(t, out, "open", 0o710)
	must(t, os.Chmod(filepath.Join(out, "open"), 0o751))
	if _, err = extractOld(t, rd, m, out, Options{Prefix: "open/private/"}); err != nil {
		t.Error(err)
	}
	modeIs(t, out, "open", 0o751)
}

// TestExtractIntoReadOnlyFolder: a later run writes what is missing in a folder whose
// recorded mode has no w. Root may do so without.
func TestExtractIntoReadOnlyFolder(t *testing.T) {
	rd, m := privateRig(t)
	out := t.TempDir()
	must(t, os.Mkdir(filepath.Join(out, "read"), 0o555))
	rep, err := extractOld(t, rd, m, out, Options{}, func(x *extractor) {
		rename := x.names.renameNew
		x.names.renameNew = func(dir int, from, to string) error {
			modeIs(t, out, "read", 0o755)
			return rename(dir, from, to)
		}
	})
	if err != nil || rep.AttributesLost != 0 {
		t.Errorf("%v %+v", err, rep)
	}
	modeIs(t, out, "read", 0o555)
}

// TestExtractPrivilegedAttributes: only --owner restores what says what the system lets a
// file do, and a word says so; other attributes come in any case.
func TestExtractPrivilegedAttributes(t *testing.T) {
	probe := filepath.Join(t.TempDir(), "probe")
	must(t, os.WriteFile(probe, nil, 0o600))
	if err := unix.Setxattr(probe, "trusted.sledge", []byte("1"), 0); err != nil {
		t.Skipf("no attributes of root here: %v", err)
	}
	for _, owner := range []bool{false, true} {
		rd, m := privateRig(t)
		for _, key := range []string{"v1", "open/"} {
			r := m.records[key]
			r.UID, r.GID = uint32(os.Getuid()), uint32(os.Getgid())
			r.Xattrs = []manifest.Xattr{{Name: "security.sledge", Value: []byte("1")}, {Name: "trusted.sledge", Value: []byte("1")}, {Name: "user.sledge", Value: []byte("1")}}
		}
		out := t.TempDir()
		rep, err := extractOld(t, rd, m, out, Options{Owner: owner})
		if err != nil || rep.AttributesLost != 0 {
			t.Fatalf("%v %+v", err, rep)
		}
		for _, path := range []string{"v1", "open"} {
			for name, want := range map[string]bool{"security.sledge": owner, "trusted.sledge": owner, "user.sledge": true} {
				_, err := unix.Lgetxattr(filepath.Join(out, path), name, make([]byte, 8))
				if (err == nil) != want {
					t.Errorf("owner %v: %s of %s: %v", owner, name, path, err)
				}
			}
		}
		if told := strings.Contains(strings.Join(rep.Warnings, "\n"), "trusted."); told == owner || len(rep.Warnings) > 1 {
			t.Errorf("owner %v: %q", owner, rep.Warnings)
		}
	}
}
