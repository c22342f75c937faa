package appliance

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/appliance/tail"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// wholeCopies counts, for each journal file, the disks that hold all of it, and gives
// the least of these numbers.
func wholeCopies(t *testing.T, mems []*vfs.Mem) (least int) {
	t.Helper()
	longest, copies := map[string]string{}, map[string]int{}
	for _, m := range mems {
		for name, text := range memFiles(t, m) {
			switch old := longest[name]; {
			case !strings.HasSuffix(name, ".journal"):
			case len(text) > len(old):
				longest[name], copies[name] = string(text), 1
			case string(text) == old:
				copies[name]++
			}
		}
	}
	if len(copies) == 0 {
		t.Fatal("no disk has a journal")
	}
	least = len(mems)
	for _, n := range copies {
		least = min(least, n)
	}
	return least
}

// What a load has acknowledged is on m+1 disks: any m may fail.
func TestAcknowledgedOnEnoughDisks(t *testing.T) {
	r := newMemRig(t, rigOptions{k: 3, m: 2, disks: 8, block: 4096, packSize: 1 << 20})
	r.loadAll(smallTree(t, 81, 100<<10), LoadOptions{})
	if n := wholeCopies(t, r.mems); n < 3 {
		t.Errorf("a journal is whole on %d disks, want 3", n)
	}
}

// What stands on fewer than m+1 disks after a crash is brought to m+1 by the next open.
func TestThinCopiesAreMended(t *testing.T) {
	src := smallTree(t, 82, 100<<10)
	r := newMemRig(t, rigOptions{k: 3, m: 2, disks: 8, block: 4096, packSize: 1 << 20})
	r.loadAll(src, LoadOptions{})
	left := 1
	for _, m := range r.mems {
		for _, name := range names(t, m, ".journal") {
			if left--; left < 0 {
				if err := m.Remove(name); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if n := wholeCopies(t, r.mems); n != 1 {
		t.Fatalf("%d copies are left", n)
	}
	r.mustDevice().Close()
	if n := wholeCopies(t, r.mems); n < 3 {
		t.Errorf("after the open a journal is whole on %d disks, want 3", n)
	}
	if err := r.check(readTree(t, src), r.sealAll().Label); err != nil {
		t.Error(err)
	}
}

// A disk fails in a load: the journals of earlier loads get their copies back on the
// others before the load goes on.
func TestCopiesAreKept(t *testing.T) {
	r := newMemRig(t, rigOptions{k: 3, m: 2, disks: 8, block: 4096, packSize: 1 << 20})
	r.loadAll(smallTree(t, 83, 100<<10), LoadOptions{})
	dead := 0
	for len(names(t, r.mems[dead], ".journal")) == 0 {
		dead++
	}
	more := smallTree(t, 84, 900<<10)
	r.cfg.Disks[dead].FS = vfs.NewFault(r.mems[dead], vfs.Rule{Op: vfs.OpWrite, Nth: 3, Err: syscall.EIO})
	d := r.mustDevice()
	if _, err := d.Load(context.Background(), more, LoadOptions{AcceptFindings: true, As: "more"}); err != nil && !errors.Is(err, seal.ErrDegraded) {
		t.Logf("load: %v", err)
	}
	if len(d.Status().FailedDisks) != 1 {
		t.Fatalf("no disk has failed: %+v", d.Status())
	}
	d.Close()
	others := append(append([]*vfs.Mem{}, r.mems[:dead]...), r.mems[dead+1:]...)
	if n := wholeCopies(t, others); n < 3 {
		t.Errorf("a journal is whole on %d of the disks that are left, want 3", n)
	}
}

// The last frame of a journal counts by its copies: on m disks it was not acknowledged,
// unless its pack's bytes are there.
func TestLastFrameCounts(t *testing.T) {
	r := newMemRig(t, rigOptions{k: 3, m: 2, disks: 5, block: 4096, packSize: 1 << 20})
	r.mustDevice().Close()
	set := mustBays(t, r)
	lost := &manifest.Pack{ID: manifest.ID{1}, Number: 1, Geometry: manifest.Geometry{K: 3, M: 2, BlockSize: 4096}, BodySize: 4096, Segments: 1, Bays: []byte{0, 1, 2, 3, 4}}
	for copies, want := range []bool{false, false, false, true} {
		counts, err := tail.Frame{Copies: copies, Entry: lost}.Counts(set, 2)
		if err != nil || counts != want {
			t.Errorf("a frame without its pack on %d disks: counts %v, %v", copies, counts, err)
		}
	}
}

// A disk does not take the checkpoint: nothing of the load key is destroyed, and the
// same seal goes on with the disk.
func TestKeysStayWithoutCheckpoint(t *testing.T) {
	src := smallTree(t, 85, 100<<10)
	for _, where := range []string{disk.CheckpointName, disk.SealName} {
		r := sealBegun(t, src)
		r.cfg.Disks[1].FS = vfs.NewFault(r.mems[1], vfs.Rule{Op: vfs.OpCreate, Path: where + "*", Err: syscall.EIO})
		if _, err := FinishSeal(context.Background(), r.cfg, r.ledger, seal.FinishOptions{}); !errors.Is(err, seal.ErrAbsent) {
			t.Fatalf("%s: sealed: %v", where, err)
		}
		for bay, m := range r.mems {
			if _, err := m.Stat(disk.UnlockName); err != nil {
				t.Errorf("%s: bay %d: %v", where, bay, err)
			}
		}
		r.use(r.mems)
		if _, err := FinishSeal(context.Background(), r.cfg, r.ledger, seal.FinishOptions{}); err != nil {
			t.Fatalf("%s: %v", where, err)
		}
		if _, err := r.mems[0].Stat(disk.UnlockName); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the wrap is still there: %v", where, err)
		}
	}
}

// The seal writes over the unlock wrap, and over what a crash left of one, before the
// names go: another name of the same file shows no byte of it.
func TestWrapIsOverwritten(t *testing.T) {
	r := sealBegun(t, smallTree(t, 86, 100<<10))
	m := r.mems[0]
	wrap, err := vfs.ReadFile(m, disk.UnlockName, manifest.MaxWrap)
	if err != nil {
		t.Fatal(err)
	}
	half := disk.UnlockName + ".0.tmp"
	f, err := m.Create(half, vfs.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(wrap, 0); err != nil {
		t.Fatal(err)
	}
	f.Close()
	for i, name := range []string{disk.UnlockName, half} {
		if err := m.Link(name, Root+"/kept"+string(rune('0'+i))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := FinishSeal(context.Background(), r.cfg, r.ledger, seal.FinishOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{Root + "/kept0", Root + "/kept1"} {
		left, err := vfs.ReadFile(m, name, manifest.MaxWrap)
		if err != nil || len(left) > 0 && bytes.Contains(left, wrap[len(wrap)/2:]) || bytes.Equal(left, wrap) {
			t.Errorf("%s still holds the wrap: %d bytes, %v", name, len(left), err)
		}
	}
	for _, name := range []string{disk.UnlockName, half} {
		if _, err := m.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
