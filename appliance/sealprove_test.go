package appliance

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io/fs"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/rebuild"
	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// rebuiltLiar puts a disk into bay 0 that lost what was written to it by a rebuild
// between the checkpoint and the signature.
func rebuiltLiar(t *testing.T, r *memRig) *vfs.Mem {
	t.Helper()
	r.without(0)
	onto := vfs.NewMem(vfs.MemOptions{Capacity: 1 << 40})
	liar := vfs.NewFault(onto, vfs.Rule{Op: vfs.OpWrite, Path: "*.shard.tmp", AfterBytes: 60 << 10, Zero: true})
	if _, err := rebuild.Run(context.Background(), r.cfg.Disks, rebuild.Options{Signer: r.signer.Public().(ed25519.PublicKey), Bay: 0,
		Onto: Disk{Name: "new", FS: liar}, Rand: func() (manifest.ID, error) { return manifest.ID{1}, nil }}); err != nil {
		t.Fatal(err)
	}
	mems := append([]*vfs.Mem(nil), r.mems...)
	mems[0] = onto
	r.use(mems)
	return onto
}

// "Everything was read back" is said of a disk that came after the read-back only when
// it was read: what it lost is made again, and a disk that loses it again is refused.
func TestFinishSealReadsNewDisks(t *testing.T) {
	src := smallTree(t, 7, 600<<10)
	r := sealBegun(t, src)
	rebuiltLiar(t, r)
	res, err := FinishSeal(context.Background(), r.cfg, r.ledger, seal.FinishOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if res.Statement.ReadBack != manifest.ReadBackAll {
		t.Errorf("read back %q", res.Statement.ReadBack)
	}
	if err := r.holdsAlone(readTree(t, src), res.Label, 0); err != nil {
		t.Error(err)
	}

	r = sealBegun(t, src)
	onto := rebuiltLiar(t, r)
	r.cfg.Disks[0].FS = vfs.NewFault(onto, vfs.Rule{Op: vfs.OpWrite, Path: "*.shard.tmp", AfterBytes: 1, Zero: true})
	if _, err := FinishSeal(context.Background(), r.cfg, r.ledger, seal.FinishOptions{}); !errors.Is(err, disk.ErrReadBack) {
		t.Errorf("sealed with a disk that forgets: %v", err)
	}
	if disk.IsSealed(r.cfg.Disks) {
		t.Error("a checkpoint was signed")
	}
	mems := append([]*vfs.Mem(nil), r.mems...)
	mems[0] = nil
	r.use(mems)
	if _, err := FinishSeal(context.Background(), r.cfg, r.ledger, seal.FinishOptions{Absent: []int{0}}); err != nil {
		t.Errorf("without it: %v", err)
	}
}

// What FinishSeal itself writes is read back, too.
func TestFinishSealReadsWhatItWrites(t *testing.T) {
	r := sealBegun(t, smallTree(t, 72, 100<<10))
	removeAll(t, r.mems[0], disk.PacksDir+"/")
	r.cfg.Disks[0].FS = vfs.NewFault(r.mems[0], vfs.Rule{Op: vfs.OpWrite, Path: "*.shard.tmp", AfterBytes: 1, Zero: true})
	if _, err := FinishSeal(context.Background(), r.cfg, r.ledger, seal.FinishOptions{}); !errors.Is(err, disk.ErrReadBack) {
		t.Errorf("sealed: %v", err)
	}
}

// What an interrupted call has written is read by the next one, whatever was done to the
// plan on the disks in between: the device itself remembers which disks it wrote to.
func TestFinishSealReadsWhatItWroteBefore(t *testing.T) {
	src := smallTree(t, 73, 600<<10)
	r := sealBegun(t, src)
	removeAll(t, r.mems[0], disk.PacksDir+"/")
	plans := make([][]byte, len(r.mems))
	for i, m := range r.mems {
		plans[i], _ = vfs.ReadFile(m, disk.PlanName, manifest.MaxStatement)
	}
	r.cfg.Disks[0].FS = vfs.NewFault(r.mems[0], vfs.Rule{Op: vfs.OpWrite, Path: "*.shard.tmp", AfterBytes: 60 << 10, Zero: true})
	ctx, cancel := context.WithCancel(t.Context())
	_, err := FinishSeal(ctx, r.cfg, r.ledger, seal.FinishOptions{Progress: func(done, total int64) {
		if done >= total/2 { // all is written, nothing is read
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("not interrupted: %v", err)
	}
	for i, m := range r.mems {
		if err := durable.WriteFile(m, disk.PlanName, plans[i]); err != nil {
			t.Fatal(err)
		}
	}
	r.use(r.mems)
	res, err := FinishSeal(t.Context(), r.cfg, r.ledger, seal.FinishOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.holdsAlone(readTree(t, src), res.Label, 0); res.Statement.ReadBack != manifest.ReadBackAll || err != nil {
		t.Errorf("read back %q: %v", res.Statement.ReadBack, err)
	}
}

// A seal that is finished again, and disks that are those of the plan, cost no reads.
func TestFinishSealReadsNoShards(t *testing.T) {
	r := sealBegun(t, smallTree(t, 72, 100<<10))
	for range 2 {
		for i := range r.cfg.Disks {
			r.cfg.Disks[i].FS = vfs.NewFault(r.mems[i], vfs.Rule{Op: vfs.OpOpen, Path: "*.shard", Err: syscall.EIO})
		}
		if _, err := FinishSeal(context.Background(), r.cfg, r.ledger, seal.FinishOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// A pack that has lost more shards than there is parity for is named before anything
// is on record, with every flag; with its shards again the device is sealed.
func TestSealRefusesLostPacks(t *testing.T) {
	src := smallTree(t, 4, 600<<10)
	for _, o := range []seal.Options{{}, {Degraded: true}, {Degraded: true, Unverified: true}, {Unverified: true}} {
		r := small32(t)
		r.loadAll(src, LoadOptions{})
		gone := map[*vfs.Mem]map[string][]byte{}
		d := r.mustDevice()
		id := d.state.homes[1].id
		d.Close()
		for _, m := range r.mems[:3] {
			gone[m] = map[string][]byte{}
			for name, data := range memFiles(t, m) {
				for s := range 5 {
					if name == disk.ShardName(id, s) {
						gone[m][name] = data
						m.Remove(name)
					}
				}
			}
		}
		all := r.sealOptions()
		all.Degraded, all.Unverified = o.Degraded, o.Unverified
		d = r.mustDevice()
		_, err := d.Seal(context.Background(), all)
		d.Close()
		if !errors.Is(err, ErrLost) {
			t.Errorf("%+v: %v", o, err)
		}
		if _, _, ok := r.ledger.RecordedCheckpoint(r.cfg.Scope.Origin()); ok {
			t.Fatalf("%+v: a checkpoint is on record", o)
		}
		for m, files := range gone {
			for name, data := range files {
				if err := durable.WriteFile(m, name, data); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := r.check(readTree(t, src), r.sealAll().Label); err != nil {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// starved is a disk on which the first stats and opens of a file, and every create,
// find no descriptors.
type starved struct {
	vfs.FS
	name        string
	stat, opens int
}

func (s *starved) Stat(name string) (fs.FileInfo, error) {
	if name == s.name && s.stat > 0 {
		s.stat--
		return nil, syscall.EMFILE
	}
	return s.FS.Stat(name)
}

func (s *starved) Open(name string, o vfs.OpenOptions) (vfs.File, error) {
	if name == s.name && s.opens > 0 {
		s.opens--
		return nil, syscall.EMFILE
	}
	return s.FS.Open(name, o)
}

func (s *starved) Create(string, vfs.CreateOptions) (vfs.File, error) { return nil, syscall.EMFILE }

// A shard is not taken for a bad one, and removed, because the process has no
// descriptors to look at it: by FinishSeal, and by a rebuild that goes on.
func TestOwnFaultKeepsShards(t *testing.T) {
	for _, stats := range []int{1, 0} {
		r := sealBegun(t, smallTree(t, 5, 100<<10))
		name := names(t, r.mems[3], ".shard")[0]
		if stats == 0 { // then the piece is what is missing
			r.mems[3].Remove(name[:len(name)-len("shard")] + "piece")
		}
		r.cfg.Disks[3].FS = &starved{r.mems[3], name, stats, 1}
		if _, err := FinishSeal(context.Background(), r.cfg, r.ledger, seal.FinishOptions{}); !errors.Is(err, syscall.EMFILE) {
			t.Errorf("finished: %v", err)
		}
		if _, err := r.mems[3].Stat(name); err != nil {
			t.Errorf("the shard is gone: %v", err)
		}
		r.use(r.mems)
		if _, err := FinishSeal(context.Background(), r.cfg, r.ledger, seal.FinishOptions{}); err != nil {
			t.Error(err)
		}
	}
}

// A shard is replaced only by a whole one: a rebuild that ends in the middle of it
// leaves what there was, which may have good blocks.
func TestRebuildKeepsBadShard(t *testing.T) {
	r := small32(t)
	r.loadAll(smallTree(t, 5, 600<<10), LoadOptions{})
	r.without(2)
	onto, _, err := r.rebuildOnto(2)
	if err != nil {
		t.Fatal(err)
	}
	name := names(t, onto, ".shard")[0]
	rot(t, onto, name, 10)
	again := func(disk vfs.FS) error {
		_, err := rebuild.Run(context.Background(), r.cfg.Disks, rebuild.Options{Signer: r.signer.Public().(ed25519.PublicKey), Bay: 2,
			Onto: Disk{Name: "new", FS: disk}, Rand: func() (manifest.ID, error) { return manifest.ID{2}, nil }})
		return err
	}
	if err := again(vfs.NewFault(onto, vfs.Rule{Op: vfs.OpWrite, Path: "*.shard.tmp", Err: syscall.EIO})); !errors.Is(err, syscall.EIO) {
		t.Errorf("rebuilt: %v", err)
	}
	if _, err := onto.Stat(name); err != nil {
		t.Errorf("the bad shard is gone, and no good one is there: %v", err)
	}
	// A disk without room for both gives up the bad one.
	if err := again(vfs.NewFault(onto, vfs.Rule{Op: vfs.OpCreate, Path: "*.shard.tmp", Nth: 1, Err: syscall.ENOSPC})); err != nil {
		t.Errorf("rebuilt without room for both: %v", err)
	}
	if left := names(t, onto, ".tmp"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
