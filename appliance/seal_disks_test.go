package appliance

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/internal/vfs"
)

// sealBegun stops a seal when its checkpoint is on record and nothing is signed.
func sealBegun(t *testing.T, src string) *memRig {
	r := small32(t)
	r.loadAll(src, LoadOptions{})
	d := r.mustDevice()
	o := r.sealOptions()
	o.Stage = func(name string) {
		if name == "checkpoint" {
			panic("power cut")
		}
	}
	func() {
		defer func() { recover() }()
		d.Seal(context.Background(), o)
	}()
	d.Close()
	return r
}

// holdsAlone reads the device from the disk of a bay and k−1 others.
func (r *memRig) holdsAlone(want wantTree, label []byte, bay int) error {
	whole := r.mems
	defer func() { r.use(whole) }()
	r.without((bay+1)%5, (bay+2)%5)
	return r.check(want, label)
}

// A disk that is rebuilt between the recorded checkpoint and the first signature
// gets the log and its part of the index packs.
func TestRebuildWhileSealing(t *testing.T) {
	src := smallTree(t, 71, 100<<10)
	r := sealBegun(t, src)
	if err := r.replace(0); err != nil {
		t.Fatal(err)
	}
	got, want := memFiles(t, r.mems[0]), memFiles(t, r.mems[1])
	for name := range want {
		if strings.HasPrefix(name, disk.LogDir+"/") || name == disk.PlanName {
			if string(got[name]) != string(want[name]) {
				t.Errorf("%s is not on the new disk", name)
			}
		}
	}
	before := r.mems[0].Ops()
	if err := seal.Complete(t.Context(), r.cfg.sealing(), mustBays(t, r), r.ledger); err != nil {
		t.Fatal(err)
	}
	if r.mems[0].Ops() != before {
		t.Errorf("the rebuilt disk lacked something")
	}
	res, err := FinishSeal(context.Background(), r.cfg, r.ledger, seal.FinishOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.holdsAlone(readTree(t, src), res.Label, 0); err != nil {
		t.Error(err)
	}
}

func mustBays(t *testing.T, r *memRig) disk.Bays {
	set, err := r.cfg.owner().Match(r.cfg.Disks)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// FinishSeal signs only on disks that are whole: what one lacks is written from the
// others first.
func TestFinishSealCompletesDisks(t *testing.T) {
	src := smallTree(t, 72, 100<<10)
	want := readTree(t, src)
	for _, tc := range []struct {
		name  string
		spoil func(r *memRig)
	}{
		{"no log", func(r *memRig) { removeAll(t, r.mems[0], disk.LogDir+"/") }},
		{"a rotten log file", func(r *memRig) {
			for _, name := range names(t, r.mems[0], "") {
				if strings.HasPrefix(name, disk.LogDir+"/tile/entries") {
					rot(t, r.mems[0], name, 40)
				}
			}
		}},
		{"no packs", func(r *memRig) { removeAll(t, r.mems[0], disk.PacksDir+"/") }},
		{"no statement", func(r *memRig) { removeAll(t, r.mems[0], disk.PlanName) }},
	} {
		r := sealBegun(t, src)
		tc.spoil(r)
		res, err := FinishSeal(context.Background(), r.cfg, r.ledger, seal.FinishOptions{})
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		if err := r.holdsAlone(want, res.Label, 0); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

// With more shards gone than parity can make again nothing is signed.
func TestFinishSealRefusesLoss(t *testing.T) {
	r := sealBegun(t, smallTree(t, 73, 100<<10))
	for _, m := range r.mems[:3] {
		removeAll(t, m, disk.PacksDir+"/")
	}
	if _, err := FinishSeal(context.Background(), r.cfg, r.ledger, seal.FinishOptions{}); !errors.Is(err, ErrLost) {
		t.Errorf("finished: %v", err)
	}
	if disk.IsSealed(r.cfg.Disks) {
		t.Error("a checkpoint was signed")
	}
}

func removeAll(t *testing.T, m *vfs.Mem, prefix string) {
	t.Helper()
	for name := range memFiles(t, m) {
		if strings.HasPrefix(name, prefix) {
			if err := m.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
	}
}
