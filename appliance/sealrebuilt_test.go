package appliance

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	mrand "math/rand"
	"testing"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/rebuild"
	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// rebuiltInPlace has disk 0 of a begun seal lose its shards and get them again by a rebuild
// onto itself, which it does not hold. id is what the header said before.
func rebuiltInPlace(t *testing.T, r *memRig, ledger disk.Ledger) (id manifest.ID) {
	t.Helper()
	all := append([]*vfs.Mem(nil), r.mems...)
	h, err := ReadHeader(Disk{Name: "0", FS: all[0]})
	if err != nil {
		t.Fatal(err)
	}
	removeAll(t, all[0], disk.PacksDir+"/")
	r.without(0)
	liar := vfs.NewFault(all[0], vfs.Rule{Op: vfs.OpWrite, Path: "*.shard.tmp", AfterBytes: 60 << 10, Zero: true})
	if _, err := rebuild.Run(context.Background(), r.cfg.Disks, rebuild.Options{Signer: r.signer.Public().(ed25519.PublicKey), Bay: 0, Ledger: ledger,
		Onto: Disk{Name: "same", FS: liar}, Rand: func() (manifest.ID, error) { return manifest.ID{1}, nil }}); err != nil {
		t.Fatal(err)
	}
	r.use(all)
	return h.Disk
}

// readBackAll finishes a seal, which says that all was read back, and holds disk 0 to it.
func (r *memRig) readBackAll(t *testing.T, src string) {
	t.Helper()
	res, err := FinishSeal(context.Background(), r.cfg, r.ledger, seal.FinishOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.holdsAlone(readTree(t, src), res.Label, 0); res.Statement.ReadBack != manifest.ReadBackAll || err != nil {
		t.Errorf("read back %q: %v", res.Statement.ReadBack, err)
	}
}

// A disk of the plan that a rebuild has written to is another disk: the end of the seal
// reads it.
func TestFinishSealReadsRebuiltInPlace(t *testing.T) {
	src := smallTree(t, 7, 600<<10)
	r := sealBegun(t, src)
	before := rebuiltInPlace(t, r, nil)
	h, err := ReadHeader(r.cfg.Disks[0])
	if err != nil || h.Disk == before {
		t.Errorf("the disk is still %s: %v", before, err)
	}
	r.readBackAll(t, src)
}

// Whoever gives such a disk its id back changes nothing of that: the device's ledger knows
// what was written.
func TestFinishSealReadsRebuiltWithItsID(t *testing.T) {
	src := smallTree(t, 7, 600<<10)
	r := sealBegun(t, src)
	before := rebuiltInPlace(t, r, r.ledger)
	h, err := ReadHeader(r.cfg.Disks[0])
	if err != nil {
		t.Fatal(err)
	}
	h.Disk = before
	if err := durable.WriteFile(r.mems[0], disk.HeaderName, h.Encode()); err != nil {
		t.Fatal(err)
	}
	r.readBackAll(t, src)
}

// Wherever a rebuild in place is cut off: what says that it is the disk of the plan has no
// shard that the rebuild wrote.
func TestRebuildInPlaceCutOff(t *testing.T) {
	r := sealBegun(t, smallTree(t, 7, 20<<10))
	before, err := ReadHeader(r.cfg.Disks[0])
	if err != nil {
		t.Fatal(err)
	}
	removeAll(t, r.mems[0], disk.PacksDir+"/")
	rng := mrand.New(mrand.NewSource(1))
	whole := r.mems[0].CrashClone(rng, 100)
	r.without(0)
	same, other := 0, 0
	for n := int64(1); other < 100; n++ {
		onto := whole.CrashClone(rng, 100)
		onto.OnOp(func(op vfs.Op) error {
			if op.N == n {
				onto.Halt()
			}
			return nil
		})
		_, err := rebuild.Run(context.Background(), r.cfg.Disks, rebuild.Options{Signer: r.signer.Public().(ed25519.PublicKey), Bay: 0,
			Onto: Disk{Name: "same", FS: onto}, Rand: func() (manifest.ID, error) { return manifest.ID{1}, nil }})
		if err == nil {
			break
		}
		if !errors.Is(err, vfs.ErrHalted) {
			t.Fatal(err)
		}
		for _, percent := range []int{0, 50, 100} {
			left := onto.CrashClone(rng, percent)
			h, err := ReadHeader(Disk{Name: "left", FS: left})
			if err != nil {
				t.Fatalf("operation %d: %v", n, err)
			}
			if h.Disk != before.Disk {
				other++
			} else if same++; len(names(t, left, ".shard")) > 0 {
				t.Fatalf("operation %d, %d %% kept: shards of the rebuild under the id of the plan", n, percent)
			}
		}
	}
	if same == 0 || other == 0 {
		t.Errorf("%d states before the new id, %d with it", same, other)
	}
}

// Earlier software kept what a seal's end had written to in the plan on the disks. Any copy
// that doubts a disk has it read.
func TestFinishSealReadsWhatOldPlansDoubt(t *testing.T) {
	src := smallTree(t, 73, 600<<10)
	r := sealBegun(t, src)
	h, err := ReadHeader(r.cfg.Disks[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names(t, r.mems[0], ".shard") {
		rot(t, r.mems[0], name, 10)
	}
	b, err := vfs.ReadFile(r.mems[3], disk.PlanName, manifest.MaxStatement)
	if err != nil {
		t.Fatal(err)
	}
	plan := map[string]json.RawMessage{}
	if err := json.Unmarshal(b, &plan); err != nil {
		t.Fatal(err)
	}
	if plan["doubted"], err = json.Marshal([]manifest.ID{h.Disk}); err != nil {
		t.Fatal(err)
	}
	if b, err = json.Marshal(plan); err != nil {
		t.Fatal(err)
	}
	if err := durable.WriteFile(r.mems[3], disk.PlanName, b); err != nil {
		t.Fatal(err)
	}
	r.readBackAll(t, src)
}
