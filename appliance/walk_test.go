package appliance

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/internal/liar"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// lying is a sealed device of 8 files in pages of two records, as change has made it.
func lying(t *testing.T, change func(d *liar.Device)) *Reader {
	t.Helper()
	r := newRig(t, rigOptions{k: 2, m: 1, disks: 3, block: 4096})
	src := t.TempDir()
	for i := range 8 {
		if err := os.WriteFile(filepath.Join(src, fmt.Sprint("f", i)), []byte{byte(i)}, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.load(src)
	label := r.seal().Label
	k := liar.Keys{Device: r.cfg.Key, Signer: r.signer}
	s, err := OpenSet(r.cfg.Disks, r.signer.Public().(ed25519.PublicKey), label)
	if err == nil {
		k.Load, err = s.OpenWithSite(r.site)
	}
	if err != nil {
		t.Fatal(err)
	}
	d, err := liar.Open(r.dirs, label, k)
	if err != nil {
		t.Fatal(err)
	}
	d.Repage(d.Records(), 2)
	d.PagesAnIndexPack = 3
	change(d)
	if label, err = d.Write(); err != nil {
		t.Fatal(err)
	}
	return r.reader(label)
}

// TestLookupBelievesNoDirectory: a directory page that sends a reader behind the entry it
// looks for is refused: the entry is not said to be missing, nor a prefix to be empty.
func TestLookupBelievesNoDirectory(t *testing.T) {
	for name, change := range map[string]func(d *liar.Device){
		"first path": func(d *liar.Device) {
			d.First = func(_ int, key string) string { return "f" + string(rune(key[1]-1)) }
		},
		"line": func(d *liar.Device) {
			d.Lines = func(_ int, l []manifest.DirEntry) []manifest.DirEntry { l[1].Path = l[0].Path + "!"; return l }
		},
		"lines descend": func(d *liar.Device) {
			d.Lines = func(_ int, l []manifest.DirEntry) []manifest.DirEntry { slices.Reverse(l); return l }
		},
	} {
		t.Run(name, func(t *testing.T) {
			rd := lying(t, change)
			if _, err := rd.Lookup(context.Background(), "f1"); !errors.Is(err, ErrRefused) {
				t.Errorf("f1: %v", err)
			}
			n := 0
			err := rd.List(context.Background(), "f1", func(Entry) error { n++; return nil })
			if !errors.Is(err, ErrRefused) {
				t.Errorf("list of f1: %d entries, %v", n, err)
			}
		})
	}
}

// TestNoPagesIsNotEmpty: a manifest without pages whose totals say that there are entries
// is refused before anything is read of it.
func TestNoPagesIsNotEmpty(t *testing.T) {
	r := newRig(t, rigOptions{k: 2, m: 1, disks: 3, block: 4096})
	src := t.TempDir()
	if err := os.WriteFile(filepath.Join(src, "f"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.load(src)
	s, err := OpenSet(r.cfg.Disks, nil, r.seal().Label)
	if err != nil {
		t.Fatal(err)
	}
	k, err := s.OpenWithSite(r.site)
	if err != nil {
		t.Fatal(err)
	}
	s.End.Pages, s.End.IndexPacks = 0, 0
	if _, err := s.Unlock(k); !errors.Is(err, ErrRefused) {
		t.Errorf("unlocked: %v", err)
	}
}

// cutShards leaves one block of each stripe of an index pack's body that lies behind from
// and before to.
func cutShards(t *testing.T, r *Reader, p *manifest.Pack, from, to int64) {
	t.Helper()
	for _, d := range r.Disks().Disks[:2] {
		for shard := range 3 {
			f, err := d.FS.Open(disk.ShardName(p.ID, shard), vfs.OpenOptions{Write: true})
			if err != nil {
				continue
			}
			size, err := f.Size()
			if err != nil {
				t.Fatal(err)
			}
			begin, end := from/2/4096*4096, min(size, to/2/4096*4096)
			if _, err := f.WriteAt(make([]byte, end-begin), begin); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestWalkBehindALostDirectory: a directory page that is lost is not missed.
func TestWalkBehindALostDirectory(t *testing.T) {
	r := lying(t, func(*liar.Device) {})
	p, err := r.IndexPack(0)
	if err != nil {
		t.Fatal(err)
	}
	e, err := r.Page(p.FirstPage + p.Pages - 1)
	if err != nil || !e.Directory {
		t.Fatal(err)
	}
	cutShards(t, r, p, e.Offset, p.BodySize+8192)
	lost, n := 0, 0
	err = r.EntriesFrom(context.Background(), 0, func(uint64, error) error { lost++; return nil }, func(Entry) error { n++; return nil })
	if err != nil || n != 8 || lost != 0 {
		t.Errorf("%d entries, %d pages lost: %v", n, lost, err)
	}
	if _, err := r.OpenPage(p.FirstPage + p.Pages - 1); !errors.Is(err, ErrLost) {
		t.Errorf("the directory page: %v", err)
	}
}

// TestListBehindALostPage: where the page that the directory leads to is lost, the list
// goes on with the next one, which is not held against the lost one's line.
func TestListBehindALostPage(t *testing.T) {
	r := lying(t, func(*liar.Device) {})
	p, err := r.IndexPack(0)
	if err != nil {
		t.Fatal(err)
	}
	e, err := r.Page(p.FirstPage + 1)
	if err != nil {
		t.Fatal(err)
	}
	cutShards(t, r, p, 0, e.Offset-8192)
	lost, n := 0, 0
	err = r.EachRecord(context.Background(), "f", func(uint64, error) error { lost++; return nil }, func(*manifest.Record) error { n++; return nil })
	if err != nil || n != 6 || lost != 1 {
		t.Errorf("%d entries, %d pages lost: %v", n, lost, err)
	}
}
