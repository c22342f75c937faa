package extract

import (
	"context"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/appliance/appliancetest"
	"github.com/sledge-io/sledge/appliance/read"
	"github.com/sledge-io/sledge/manifest"
)

// oldManifest gives an extraction records that a loader before this one may have
// sealed. Contents come from a device.
type oldManifest struct {
	records map[string]*manifest.Record // by order key
	again   func()                      // before the second time that they are listed
	listed  int
}

func (m *oldManifest) EachRecord(_ context.Context, prefix string, _ func(uint64, error) error, f func(*manifest.Record) error) error {
	if m.listed++; m.listed == 2 && m.again != nil {
		m.again()
	}
	for _, key := range slices.Sorted(maps.Keys(m.records)) {
		if strings.HasPrefix(key, prefix) {
			if err := f(m.records[key]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *oldManifest) Lookup(_ context.Context, path string) (read.Entry, error) {
	for _, key := range []string{path, path + "/"} {
		if r := m.records[key]; r != nil {
			return read.Entry{Record: r}, nil
		}
	}
	return read.Entry{}, read.ErrNotFound
}

func (m *oldManifest) put(r manifest.Record) { m.records[r.OrderKey()] = &r }

// file records a path with the content of another one.
func (m *oldManifest) file(path, content string) {
	r := *m.records[content]
	r.Path, r.Kind, r.LinkGroup, r.LinkTo = path, manifest.KindFile, 7, ""
	m.put(r)
}

func (m *oldManifest) link(path, to, content string) {
	r := *m.records[content]
	r.Path, r.Kind, r.LinkGroup, r.LinkTo = path, manifest.KindHardlink, 7, to
	m.put(r)
}

// extractRig is a device with the files v1, v2 and long, and what it has sealed.
func extractRig(t *testing.T) (*read.Reader, *oldManifest) {
	t.Helper()
	src := t.TempDir()
	for name, text := range map[string]string{"v1": "version 1", "v2": "version 2", "long": "version three"} {
		if err := os.WriteFile(filepath.Join(src, name), []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	r := appliancetest.Seal(t, src, appliancetest.Options{K: 2, M: 1, Disks: 3, Block: 4096})
	rd := r.Reader()
	m := &oldManifest{records: map[string]*manifest.Record{}}
	if err := rd.List(context.Background(), "", func(e read.Entry) error {
		m.put(*e.Record)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return rd, m
}

func extractOld(t *testing.T, rd *read.Reader, m *oldManifest, out string, o Options, change ...func(*extractor)) (*Report, error) {
	t.Helper()
	tree, err := openOutTree(out)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.close()
	x := newExtractor(rd, tree, o)
	m.listed = 0
	x.records = m
	for _, f := range change {
		f(x)
	}
	return x.extract(context.Background())
}

// isIn compares a file's content.
func isIn(t *testing.T, out, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(filepath.Join(out, path)); err != nil || string(got) != want {
		t.Errorf("%s: %q, %v, want %q", path, got, err, want)
	}
}

func inode(t *testing.T, out, path string) uint64 {
	t.Helper()
	fi, err := os.Lstat(filepath.Join(out, path))
	if err != nil {
		t.Error(err)
		return 0
	}
	return fi.Sys().(*syscall.Stat_t).Ino
}

// counted is what is below a folder, by the system's own word.
type counted struct {
	entries uint64
	bytes   int64 // of regular files, each inode once
}

func count(t *testing.T, out string) (c counted) {
	t.Helper()
	seen := map[uint64]bool{}
	err := filepath.WalkDir(out, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == out {
			return err
		}
		c.entries++
		fi, err := d.Info()
		if err != nil {
			return err
		}
		if st := fi.Sys().(*syscall.Stat_t); d.Type().IsRegular() && !seen[st.Ino] {
			seen[st.Ino] = true
			c.bytes += fi.Size()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
