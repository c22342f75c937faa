package appliance

import (
	"context"
	"errors"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestRebuiltShardsAreNoLoss: what a rebuild has made counts when the device is opened,
// to look and to load, before anybody has read it. With it nothing is lost where other
// disks have lost theirs, and nothing is stored again.
func TestRebuiltShardsAreNoLoss(t *testing.T) {
	src := smallTree(t, 8, 600<<10)
	r := small32(t)
	r.mustDevice().Close()
	r.without(1)
	r.loadAll(src, LoadOptions{})
	if err := r.replace(1); err != nil {
		t.Fatal(err)
	}
	for _, bay := range []int{2, 3} {
		removeAll(t, r.mems[bay], disk.PacksDir+"/")
	}
	other := smallTree(t, 9, 10<<10)
	r.loadAll(other, LoadOptions{As: "x", NoReadBack: true}) // notes what is gone
	key, err := Prepare(r.cfg, r.root)
	if err != nil {
		t.Fatal(err)
	}
	seen, err := Look(r.cfg, key)
	if err != nil {
		t.Fatal(err)
	}
	if st := seen.Status(); seen.Lost() != nil || st.Lost != 0 || st.Degraded == 0 {
		t.Errorf("looked at: %v; %d entries lost, %d packs degraded", seen.Lost(), st.Lost, st.Degraded)
	}
	seen.Close()
	d := r.mustDevice()
	defer d.Close()
	before := d.Status().Packs
	rep, err := d.Load(context.Background(), src, LoadOptions{AcceptFindings: true})
	if err != nil || rep.Lost != 0 || rep.Status.Packs != before {
		t.Errorf("loaded again: %v; %d lost, %d packs, %d before", err, rep.Lost, rep.Status.Packs, before)
	}
}

// TestFailedShardsAreNotFound: what a disk kept of shards whose fsync failed does not count
// when the disk is back, neither at a load's end nor for who looks at the device.
func TestFailedShardsAreNotFound(t *testing.T) {
	r := newMemRig(t, rigOptions{k: 3, m: 2, disks: 5, block: 4096, packSize: 1 << 20})
	r.cfg.Workers = 1
	r.liars(vfs.Rule{Op: vfs.OpSync, Path: "*.shard", Err: syscall.EIO}, 1)
	d := r.mustDevice()
	d.Load(context.Background(), smallTree(t, 8, 300<<10), LoadOptions{AcceptFindings: true, NoReadBack: true})
	torn := d.home(0)
	d.Close()
	r.use(r.mems)
	if shard := int(torn.Lost[0]); len(torn.Lost) != 1 || torn.Bays[shard] != 1 || len(names(t, r.mems[1], ".shard")) == 0 {
		t.Fatalf("pack 0 has lost %v of bays %v", torn.Lost, torn.Bays)
	}
	for _, bay := range []int{2, 3} {
		removeAll(t, r.mems[bay], disk.PacksDir+"/")
	}
	again := r.mustDevice()
	rep, err := again.Load(context.Background(), smallTree(t, 9, 10<<10), LoadOptions{As: "x", AcceptFindings: true, NoReadBack: true}) // notes what is gone
	again.Close()
	if !errors.Is(err, ErrLost) || rep.Status.Degraded == 0 {
		t.Errorf("the load's end: %v, %d packs degraded", err, rep.Status.Degraded)
	}
	key, err := Prepare(r.cfg, r.root)
	if err != nil {
		t.Fatal(err)
	}
	seen, err := Look(r.cfg, key)
	if err != nil {
		t.Fatal(err)
	}
	defer seen.Close()
	if err := seen.Lost(); !errors.Is(err, ErrLost) {
		t.Errorf("looked at: %v", err)
	}
}
