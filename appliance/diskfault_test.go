package appliance

import (
	"context"
	"errors"
	"fmt"
	mrand "math/rand"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/internal/vfs"
)

// A full disk ends the load; it is not a failed disk, and what is committed stays.
func TestFullDisk(t *testing.T) {
	src := smallTree(t, 8, 3<<20)
	want := readTree(t, src)
	for _, path := range []string{"*.shard", "*.hashes", "*.journal"} {
		r := small32(t)
		r.mustDevice().Close()
		for i := range r.cfg.Disks {
			after := int64(500 << 10)
			if path != "*.shard" {
				after = 1500
			}
			r.cfg.Disks[i].FS = vfs.NewFault(r.mems[i], vfs.Rule{Op: vfs.OpWrite, Path: path, AfterBytes: after, Err: syscall.ENOSPC})
		}
		d := r.mustDevice()
		rep, err := d.Load(context.Background(), src, LoadOptions{AcceptFindings: true})
		if !errors.Is(err, ErrFull) || len(rep.FailedDisks) > 0 {
			t.Fatalf("%s: %v; failed disks %v", path, err, rep.FailedDisks)
		}
		d.Close()
		r.use(r.mems)
		if err := r.stillThere(&d.state); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		res, _, err := r.run(src)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if err := r.check(want, res.Label); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// Small disks: the loader stops by itself before the seal has no room.
func TestSmallDisks(t *testing.T) {
	src := t.TempDir()
	rng := mrand.New(mrand.NewSource(9))
	b := make([]byte, 2<<20)
	for i := range 30 {
		rng.Read(b)
		os.WriteFile(filepath.Join(src, fmt.Sprintf("f%02d", i)), b, 0o644)
	}
	r := newMemRig(t, rigOptions{k: 3, m: 2, disks: 5, block: 4096, packSize: 8 << 20})
	for i := range r.mems {
		r.mems[i] = vfs.NewMem(vfs.MemOptions{Capacity: sealReserve + 10<<20})
	}
	r.use(r.mems)
	d := r.mustDevice()
	defer d.Close()
	rep, err := d.Load(context.Background(), src, LoadOptions{AcceptFindings: true})
	if !errors.Is(err, ErrFull) || len(rep.FailedDisks) > 0 {
		t.Fatalf("%v; failed disks %v", err, rep.FailedDisks)
	}
	t.Logf("figure: %d of %d MiB are safe", rep.Status.Bytes>>20, 60)
	if rep.Status.Bytes < 16<<20 {
		t.Errorf("only %d bytes of 60 MiB went onto disks with room for about 30", rep.Status.Bytes)
	}
	o := r.sealOptions()
	o.Incomplete = true
	res, err := d.Seal(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	rd, err := r.openReader(r.cfg.Disks, res.Label)
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	got, lost, err := readAll(rd)
	if err != nil || len(lost) > 0 || len(got) == 0 {
		t.Errorf("%d entries, %v lost, %v", len(got), lost, err)
	}
}

// An empty disk put in the place of a failed one has to be rebuilt.
func TestEmptyDiskNeedsRebuild(t *testing.T) {
	src := smallTree(t, 14, 100<<10)
	r := small32(t)
	r.loadAll(src, LoadOptions{})
	mems := append([]*vfs.Mem(nil), r.mems...)
	mems[3] = vfs.NewMem(vfs.MemOptions{Capacity: 1 << 40})
	r.use(mems)
	if _, err := r.device(); !errors.Is(err, ErrForeign) {
		t.Fatalf("an empty disk was adopted: %v", err)
	}
	if err := r.replace(3); err != nil {
		t.Fatal(err)
	}
	if err := r.check(readTree(t, src), r.sealAll().Label); err != nil {
		t.Error(err)
	}
}

// TestNthError lets the nth operation of one kind fail on one disk, and on m disks
// at once. A load ends degraded with the disks named, or stops with an error that
// names one; rebuilt disks let the same calls end well.
func TestNthError(t *testing.T) {
	src := smallTree(t, 17, 600<<10)
	want := readTree(t, src)
	seed := seedOf(t)
	rng := mrand.New(mrand.NewSource(seed))
	total := 84
	if long() {
		total = 3000
	}
	runs := 0
	for ; runs < total; runs++ {
		r := small32(t)
		bad := rng.Perm(5)[:1+rng.Intn(2)]
		op := []vfs.OpKind{vfs.OpWrite, vfs.OpSync, vfs.OpCreate, vfs.OpSyncDir, vfs.OpMkdir, vfs.OpClose, vfs.OpRemove, vfs.OpRename}[rng.Intn(8)]
		nth := 1 + rng.Intn(60)
		for _, b := range bad {
			r.cfg.Disks[b].FS = vfs.NewFault(r.mems[b], vfs.Rule{Op: op, Nth: nth, Times: 1000, Err: syscall.EIO})
		}
		fail := func(format string, a ...any) {
			t.Helper()
			t.Fatalf("seed %d run %d: %s number %d on %v: %s", seed, runs, op, nth, bad, fmt.Sprintf(format, a...))
		}
		res, acked, err := r.run(src)
		if err != nil && !namesOne(err, bad) {
			fail("error names no disk: %v", err)
		}
		if err != nil {
			r.use(r.mems)
			if acked != nil && err != nil {
				if _, _, begun := r.ledger.RecordedCheckpoint(r.cfg.Scope.Origin()); !begun {
					for _, b := range bad {
						if rerr := r.replace(b); rerr != nil {
							fail("rebuild of bay %d: %v", b, rerr)
						}
					}
					if err := r.stillThere(acked); err != nil {
						fail("%v", err)
					}
				}
			}
			if res, _, err = r.run(src); err != nil {
				fail("again: %v", err)
			}
		}
		if err := r.check(want, res.Label); err != nil {
			fail("%v", err)
		}
	}
	t.Logf("figure: seed %d: %d runs", seed, runs)
}

func namesOne(err error, disks []int) bool {
	for _, b := range disks {
		if strings.Contains(err.Error(), fmt.Sprintf("d%02d", b)) {
			return true
		}
	}
	return false
}
