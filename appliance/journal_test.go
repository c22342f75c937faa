package appliance

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/frames"
	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/vfs"
)

// A disk is absent and a block on another has rotted: an acknowledged pack with
// fewer than k+1 whole shards at hand must not be taken for one that never was.
func TestOpenKeepsAcknowledgedPacks(t *testing.T) {
	src := smallTree(t, 2, 300<<10)
	r := small32(t)
	r.loadAll(src, LoadOptions{})
	whole := r.mems
	for _, name := range names(t, r.mems[3], ".shard") {
		rot(t, r.mems[3], name, 0)
	}
	d := r.mustDevice()
	want := d.Status()
	d.Close()
	r.without(0)
	d = r.mustDevice()
	if got := d.Status(); got.Packs != want.Packs || got.Entries != want.Entries {
		t.Errorf("with a disk absent and one rotten: %d packs, %d entries, want %d, %d", got.Packs, got.Entries, want.Packs, want.Entries)
	}
	d.Close()
	r.use(whole)
	d = r.mustDevice() // the seal reads a sample after its last write, and finds the rot
	if _, err := d.Seal(context.Background(), r.sealOptions()); !errors.Is(err, seal.ErrAbsent) || !errors.Is(err, disk.ErrReadBack) {
		t.Errorf("sealed with a rotten disk: %v", err)
	}
	d.Close()
	if err := r.replace(3); err != nil {
		t.Fatal(err)
	}
	if err := r.check(readTree(t, src), r.sealAll().Label); err != nil {
		t.Error(err)
	}
}

// With every disk of the journal absent the packs of the others look uncommitted.
func TestOpenNeedsTheJournal(t *testing.T) {
	src := smallTree(t, 3, 100<<10)
	r := newMemRig(t, rigOptions{k: 3, m: 2, disks: 8, block: 4096, packSize: 1 << 20})
	r.loadAll(src, LoadOptions{})
	whole := r.mems
	r.without(0, 1, 2)
	if d, err := r.device(); !errors.Is(err, ErrTooFewDisks) {
		t.Errorf("opened without the journal's disks: %v", err)
		d.Close()
	}
	r.use(whole)
	if err := r.check(readTree(t, src), r.sealAll().Label); err != nil {
		t.Error(err)
	}
}

// A wrong load key must not make a device look empty.
func TestOpenWithAnotherKey(t *testing.T) {
	src := smallTree(t, 4, 100<<10)
	r := small32(t)
	r.loadAll(src, LoadOptions{})
	if _, err := Open(r.cfg, make([]byte, 32)); !errors.Is(err, crypto.ErrKey) {
		t.Errorf("opened with a wrong key: %v", err)
	}
	if err := r.check(readTree(t, src), r.sealAll().Label); err != nil {
		t.Error(err)
	}
}

// A frame in the middle of the journal is rotten on every disk at hand: opening
// must not cut off what follows.
func TestJournalRottenInTheMiddle(t *testing.T) {
	src := smallTree(t, 5, 900<<10)
	r := small32(t)
	r.loadAll(src, LoadOptions{})
	for _, m := range r.mems {
		for _, name := range names(t, m, ".journal") {
			rot(t, m, name, frames.HeaderSize+frames.FrameHead+20)
		}
	}
	before := len(names(t, r.mems[0], ".shard"))
	if _, err := r.device(); !errors.Is(err, ErrLost) {
		t.Errorf("opened with a damaged journal: %v", err)
	}
	if after := len(names(t, r.mems[0], ".shard")); after != before {
		t.Errorf("%d shards left of %d", after, before)
	}
}

// All disks of the journal fail at the same frame: it is not acknowledged.
func TestJournalDisksFailTogether(t *testing.T) {
	src := smallTree(t, 6, 900<<10)
	r := newMemRig(t, rigOptions{k: 3, m: 2, disks: 8, block: 4096, packSize: 1 << 20})
	r.step = 4 * time.Second
	r.mustDevice().Close()
	for i := range r.cfg.Disks {
		r.cfg.Disks[i].FS = vfs.NewFault(r.mems[i], vfs.Rule{Op: vfs.OpSync, Path: "*.journal", Nth: 4, Err: syscall.EIO})
	}
	d := r.mustDevice()
	_, err := d.Load(context.Background(), src, LoadOptions{AcceptFindings: true})
	if !errors.Is(err, ErrTooFewDisks) {
		t.Errorf("load went on without any copy of the journal: %v", err)
	}
	d.Close()
}

// Too few disks are left for the journal, not for packs: the load stops, nothing
// is numbered twice, and with the disks back it goes on.
func TestJournalBelowItsCopies(t *testing.T) {
	src := smallTree(t, 7, 900<<10)
	for nth := 2; nth < 9; nth++ {
		r := newMemRig(t, rigOptions{k: 1, m: 2, disks: 4, block: 4096, packSize: 1 << 20})
		r.step = 4 * time.Second
		r.mustDevice().Close()
		for i := range 2 {
			r.cfg.Disks[i].FS = vfs.NewFault(r.mems[i], vfs.Rule{Op: vfs.OpSync, Path: "*.journal", Nth: nth})
		}
		d := r.mustDevice()
		if _, err := d.Load(context.Background(), src, LoadOptions{AcceptFindings: true}); err == nil {
			t.Errorf("sync %d: load acknowledged frames on too few disks", nth)
		}
		if _, err := d.Seal(context.Background(), r.sealOptions()); err == nil {
			t.Errorf("sync %d: sealed after the journal failed", nth)
		}
		d.Close()
		r.use(r.mems)
		res, _, err := r.run(src)
		if err != nil {
			t.Fatalf("sync %d: resume: %v", nth, err)
		}
		if err := r.check(readTree(t, src), res.Label); err != nil {
			t.Errorf("sync %d: %v", nth, err)
		}
	}
}

// After a disk has failed in mid-load, journals of earlier sessions stand on m+1
// working disks again.
func TestEarlierJournalsKeepTheirCopies(t *testing.T) {
	src := smallTree(t, 16, 100<<10)
	r := small32(t)
	r.loadAll(src, LoadOptions{})
	earlier := names(t, r.mems[0], ".journal")
	os.WriteFile(filepath.Join(src, "more"), make([]byte, 900<<10), 0o644)
	r.cfg.Disks[0].FS = vfs.NewFault(r.mems[0], vfs.Rule{Op: vfs.OpSync, Path: "*.shard"})
	rep := r.loadAll(src, LoadOptions{})
	if len(rep.FailedDisks) != 1 {
		t.Fatalf("failed disks: %v", rep.FailedDisks)
	}
	for _, name := range earlier {
		have := 0
		for _, m := range r.mems[1:] {
			if b, err := vfs.ReadFile(m, name, 1<<30); err == nil && len(b) > 100 {
				have++
			}
		}
		if have < 3 {
			t.Errorf("%s is on %d working disks", name, have)
		}
	}
}
