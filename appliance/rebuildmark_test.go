package appliance

import (
	"context"
	"crypto/ed25519"
	"errors"
	"testing"
	"time"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/rebuild"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// wide has five disks and journals on two of them.
func wide(t *testing.T) *memRig {
	r := newMemRig(t, rigOptions{k: 2, m: 1, disks: 5, block: 4096, packSize: 256 << 10})
	r.step = 4 * time.Second
	return r
}

// cutRebuild rebuilds a bay and is cut off at its first pack.
func (r *memRig) cutRebuild(bay int) *vfs.Mem {
	r.t.Helper()
	onto := vfs.NewMem(vfs.MemOptions{Capacity: 1 << 40})
	ctx, cancel := context.WithCancel(context.Background())
	_, err := rebuild.Run(ctx, r.cfg.Disks, rebuild.Options{Signer: r.signer.Public().(ed25519.PublicKey), Bay: bay, Onto: Disk{Name: "new", FS: onto},
		Progress: func(done, total uint64) { cancel() }, Rand: func() (manifest.ID, error) { return manifest.ID{1, byte(bay)}, nil }})
	if !errors.Is(err, context.Canceled) {
		r.t.Fatalf("rebuild: %v", err)
	}
	return onto
}

// keptBy runs f, which must leave the disks of want as they are; then the device opens
// with them and has what was loaded.
func (r *memRig) keptBy(whole []*vfs.Mem, src string, f func()) {
	r.t.Helper()
	before := snapshot(r.t, whole)
	f()
	r.use(whole)
	if err := sameFiles(before, snapshot(r.t, whole), false); err != nil {
		r.t.Error(err)
	}
	d := r.mustDevice()
	_, err := d.ReadBack(context.Background(), nil)
	d.Close()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.check(readTree(r.t, src), r.sealAll().Label); err != nil {
		r.t.Error(err)
	}
}

// With one journal's disk replaced by an empty one, and the other away, nothing tells
// what was committed: the device is not opened, and no shard is swept.
func TestOpenWithoutJournals(t *testing.T) {
	src := smallTree(t, 1, 600<<10)
	r := wide(t)
	r.loadAll(src, LoadOptions{})
	whole := r.mems
	r.keptBy(whole, src, func() {
		mems := append([]*vfs.Mem(nil), whole...)
		mems[0], mems[1] = vfs.NewMem(vfs.MemOptions{Capacity: 1 << 40}), nil
		r.use(mems)
		if _, err := Prepare(r.cfg, r.root); !errors.Is(err, ErrForeign) {
			t.Errorf("an empty disk was prepared: %v", err)
		}
	})
	// A disk that has forgotten its journal is as bad as an empty one.
	r = wide(t)
	r.loadAll(src, LoadOptions{})
	k, err := Prepare(r.cfg, r.root)
	if err != nil {
		t.Fatal(err)
	}
	forgot := append([]*vfs.Mem(nil), r.mems...)
	removeAll(t, forgot[0], disk.JournalDir+"/")
	forgot[1] = nil
	counts := snapshot(t, forgot[2:])
	r.use(forgot)
	for _, open := range []func(Config, []byte) (*Device, error){Open, Look} {
		if _, err := open(r.cfg, k); !errors.Is(err, ErrLost) {
			t.Errorf("opened without journals: %v", err)
		}
	}
	if err := sameFiles(counts, snapshot(t, forgot[2:]), false); err != nil {
		t.Error(err)
	}
}

// A disk whose rebuild was cut off is no member: not for unlock, nor as one of those
// that are counted when another bay is rebuilt. The same rebuild ends what it began.
func TestHalfRebuilt(t *testing.T) {
	src := smallTree(t, 9, 600<<10)
	for _, bay := range []int{0, 4} {
		r := wide(t)
		r.loadAll(src, LoadOptions{})
		whole := r.mems
		k, err := Prepare(r.cfg, r.root)
		if err != nil {
			t.Fatal(err)
		}
		r.without(bay)
		onto := r.cutRebuild(bay)
		mems := append([]*vfs.Mem(nil), whole...)
		mems[bay] = onto
		r.keptBy(append([]*vfs.Mem(nil), whole...), src, func() {
			r.use(mems)
			r.without(1)
			if _, err := Prepare(r.cfg, r.root); !errors.Is(err, ErrRebuilding) {
				t.Errorf("bay %d: prepared: %v", bay, err)
			}
			if _, err := Open(r.cfg, k); !errors.Is(err, ErrRebuilding) {
				t.Errorf("bay %d: opened: %v", bay, err)
			}
			if _, _, err := r.rebuildOnto(1); !errors.Is(err, ErrTooFewDisks) {
				t.Errorf("bay %d: it counts when bay 1 is rebuilt: %v", bay, err)
			}
			if _, states := Survey(r.cfg); states[0].State != DiskStale && bay == 0 {
				t.Errorf("bay %d: %+v", bay, states[0])
			}
		})
	}
}

// The same rebuild again makes the disk a member, with all that the old one had.
func TestRebuildGoesOn(t *testing.T) {
	src := smallTree(t, 9, 600<<10)
	r := wide(t)
	r.loadAll(src, LoadOptions{})
	whole := r.mems
	r.without(0)
	onto := r.cutRebuild(0)
	if _, err := rebuild.Run(context.Background(), r.cfg.Disks, rebuild.Options{Signer: r.signer.Public().(ed25519.PublicKey), Bay: 0, Onto: Disk{Name: "new", FS: onto},
		Rand: func() (manifest.ID, error) { return manifest.ID{2}, nil }}); err != nil {
		t.Fatal(err)
	}
	mems := append([]*vfs.Mem(nil), whole...)
	mems[0], mems[1] = onto, nil
	r.use(mems)
	r.mustDevice().Close()
	mems[1] = whole[1]
	r.use(mems)
	if err := r.check(readTree(t, src), r.sealAll().Label); err != nil {
		t.Error(err)
	}
}

// A disk whose rebuild was cut off does not take its bay from a rebuild onto another one,
// with its bay named or not, before and after the seal.
func TestRebuildBesideHalfRebuilt(t *testing.T) {
	src := smallTree(t, 9, 600<<10)
	for _, sealed := range []bool{false, true} {
		for _, bay := range []int{-1, 0} {
			r := wide(t)
			r.loadAll(src, LoadOptions{})
			var label []byte
			if sealed {
				label = r.sealAll().Label
			}
			whole := r.mems
			r.without(0)
			half := r.cutRebuild(0)
			r.use(append([]*vfs.Mem{half}, whole[1:]...))
			onto := vfs.NewMem(vfs.MemOptions{Capacity: 1 << 40})
			rep, err := rebuild.Run(t.Context(), r.cfg.Disks, rebuild.Options{Signer: r.signer.Public().(ed25519.PublicKey), Bay: bay, Onto: Disk{Name: "other", FS: onto},
				Rand: func() (manifest.ID, error) { return manifest.ID{3}, nil }})
			if err != nil || rep.Bay != 0 {
				t.Errorf("sealed %v, bay %d: %+v, %v", sealed, bay, rep, err)
				continue
			}
			r.use(append([]*vfs.Mem{onto}, whole[1:]...))
			if !sealed {
				label = r.sealAll().Label
			}
			r.without(1)
			if err := r.check(readTree(t, src), label); err != nil {
				t.Errorf("sealed %v, bay %d: %v", sealed, bay, err)
			}
		}
	}
}

// A journal precedes the first shard whoever writes it: what a crash leaves is swept.
func TestJournalPrecedesShards(t *testing.T) {
	r := small32(t)
	d := r.mustDevice()
	d.start(1)
	if _, err := d.newStripes(manifest.ID{7}); err != nil {
		t.Fatal(err)
	}
	d.stop()
	if has, err := disk.HasShards(r.mems[0]); err != nil || !has {
		t.Fatalf("no shard was begun: %v", err)
	}
	d.held.Release()
	d = r.mustDevice()
	defer d.Close()
	if has, err := disk.HasShards(r.mems[0]); err != nil || has {
		t.Errorf("the shard was not swept: %v", err)
	}
}
