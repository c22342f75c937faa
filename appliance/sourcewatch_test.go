package appliance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/internal/vfs"
)

// goneTree has some files, and a switch that takes the medium away.
func goneTree(files int) (*vfs.MemTree, wantTree) {
	tree, want := vfs.NewMemTree(nil), wantTree{"d": "dir"}
	for i := range files {
		name := fmt.Sprintf("d/%03d", i)
		text := strings.Repeat(name, 50)
		tree.WriteFile(name, []byte(text))
		want[name] = "file " + text
	}
	return tree, want
}

// TestSourceGoes: a medium that is pulled out in the middle of a load ends it; it
// goes on when the medium is back, and nothing counts as skipped.
func TestSourceGoes(t *testing.T) {
	for _, errno := range []error{unix.EIO, unix.ENODEV, unix.ESTALE, unix.ENOTCONN, unix.ETIMEDOUT, unix.ENOENT} {
		for _, op := range []vfs.OpKind{vfs.OpRead, vfs.OpOpen, vfs.OpStat} {
			ahead := 16 * (int(errno.(unix.Errno)) % 2) // as many calls at once as a slow source gets, or none
			t.Run(fmt.Sprintf("%v in %s, %d ahead", errno, op, ahead), func(t *testing.T) {
				tree, want := goneTree(60)
				r := small32(t)
				d := r.mustDevice()
				var loading atomic.Bool
				var calls atomic.Int64
				tree.OnCall(func(c vfs.TreeCall) error {
					if loading.Load() && (c.Op == op && calls.Add(1) > 10 || calls.Load() > 10) {
						return errno
					}
					return nil
				})
				o := LoadOptions{Tree: tree, SourceConcurrency: ahead, Begin: func() error { loading.Store(true); return nil }}
				if _, err := d.Load(context.Background(), "/card", o); !errors.Is(err, scan.ErrSourceGone) {
					t.Fatalf("gone: %v", err)
				}
				tree.OnCall(nil)
				rep, err := d.Load(context.Background(), "/card", o)
				if err != nil || rep.SkippedCount != 0 {
					t.Fatalf("back again: %v, %+v", err, rep)
				}
				d.Close()
				if err := r.check(want, r.sealAll().Label); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestSourceGoesInTheScan: what cannot be listed any more is not left out.
func TestSourceGoesInTheScan(t *testing.T) {
	tree, _ := goneTree(10)
	var listed atomic.Int64
	tree.OnCall(func(c vfs.TreeCall) error {
		if c.Op == vfs.OpReadDir {
			listed.Add(1)
		}
		if listed.Load() > 1 {
			return unix.EIO
		}
		return nil
	})
	r := small32(t)
	d := r.mustDevice()
	defer d.Close()
	if _, err := d.Load(context.Background(), "/card", LoadOptions{Tree: tree}); !errors.Is(err, scan.ErrSourceGone) {
		t.Errorf("%v", err)
	}
}

// TestBadFilesAreSkipped: files that cannot be read, of a source that is there, are
// skipped by name, also many beside one another. If none at all can be read the
// source has gone, though its root answers from a cache.
func TestBadFilesAreSkipped(t *testing.T) {
	const (
		inRow = 32 // that may fail before others are tried
		files = inRow * 4
	)
	for _, test := range []struct {
		bad  int
		gone bool
	}{{inRow - 1, false}, {inRow * 2, false}, {files, true}} {
		tree, want := goneTree(files)
		bad := map[string]bool{}
		for i := range test.bad {
			name := fmt.Sprintf("d/%03d", i)
			bad[name], want[name] = true, "skipped unreadable"
		}
		tree.OnCall(func(c vfs.TreeCall) error {
			if c.Op == vfs.OpRead && bad[c.Path] {
				return unix.EIO
			}
			return nil
		})
		r := small32(t)
		r.cfg.Workers = 1
		d := r.mustDevice()
		rep, err := d.Load(context.Background(), "/card", LoadOptions{Tree: tree})
		d.Close()
		if errors.Is(err, scan.ErrSourceGone) != test.gone || !test.gone && (err != nil || rep.SkippedCount != uint64(test.bad)) {
			t.Errorf("%d bad files: %v, %d skipped", test.bad, err, rep.SkippedCount)
		}
		if !test.gone {
			if err := r.check(want, r.sealAll().Label); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestSourceGoesInALongFile: what was read of it is not read again.
func TestSourceGoesInALongFile(t *testing.T) {
	tree := vfs.NewMemTree(nil)
	content := bytes.Repeat([]byte("0123456789abcdef"), 6<<20/16)
	tree.WriteFile("f", content)
	var gone, reads atomic.Int64
	tree.OnCall(func(c vfs.TreeCall) error {
		if gone.Load() == 1 {
			return fs.ErrNotExist
		}
		if c.Op == vfs.OpRead && c.Offset > 4<<20 && gone.CompareAndSwap(0, 1) {
			return unix.EIO
		}
		if c.Op == vfs.OpRead && c.Offset < 4<<20 {
			reads.Add(1)
		}
		return nil
	})
	r := small32(t)
	d := r.mustDevice()
	o := LoadOptions{Tree: tree}
	if _, err := d.Load(context.Background(), "/card", o); !errors.Is(err, scan.ErrSourceGone) {
		t.Fatalf("gone: %v", err)
	}
	gone.Store(2)
	before := reads.Load()
	if rep, err := d.Load(context.Background(), "/card", o); err != nil || !rep.Resumed || reads.Load() != before {
		t.Errorf("%v, %+v, %d reads of what was read", err, rep, reads.Load()-before)
	}
	d.Close()
	if err := r.check(wantTree{"f": "file " + string(content)}, r.sealAll().Label); err != nil {
		t.Error(err)
	}
}
