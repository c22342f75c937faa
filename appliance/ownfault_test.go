package appliance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/extract"
	"github.com/sledge-io/sledge/appliance/rebuild"
	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// scarce is a disk whose calls that take a descriptor fail from one on, as in a
// process that has none left; all disks of the process count together.
type scarce struct {
	vfs.FS
	left *atomic.Int64
	err  error
}

func (s scarce) take() error {
	if s.left.Add(-1) < 0 {
		return s.err
	}
	return nil
}

func (s scarce) Open(name string, o vfs.OpenOptions) (vfs.File, error) {
	if err := s.take(); err != nil {
		return nil, err
	}
	return s.FS.Open(name, o)
}

func (s scarce) Create(name string, o vfs.CreateOptions) (vfs.File, error) {
	if err := s.take(); err != nil {
		return nil, err
	}
	return s.FS.Create(name, o)
}

func (s scarce) SyncDir(name string) error {
	if err := s.take(); err != nil {
		return err
	}
	return s.FS.SyncDir(name)
}

func (s scarce) Lock(name string) (io.Closer, error) { return vfs.Lock(s.FS, name) }

// scarce wraps all disks.
func (r *memRig) scarce(opens int64, err error) (left *atomic.Int64) {
	left = &atomic.Int64{}
	left.Store(opens)
	for i := range r.cfg.Disks {
		r.cfg.Disks[i].FS = scarce{r.mems[i], left, err}
	}
	return left
}

// TestOwnFaultsOfLoad: wherever a load or a seal runs out of descriptors it ends with that error: no
// disk is condemned, no pack is written degraded, and nothing that was told as safe
// is gone. With descriptors again the same calls go on.
func TestOwnFaultsOfLoad(t *testing.T) {
	src := smallTree(t, 6, 300<<10)
	want := readTree(t, src)
	errs := []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EAGAIN}
	enough := false
	for opens := int64(0); !enough; opens += 1 + opens/6 {
		own := errs[int(opens)%len(errs)]
		where := fmt.Sprintf("%v after %d opens", own, opens)
		r := newMemRig(t, rigOptions{k: 3, m: 2, disks: 5, block: 4096, packSize: 1 << 20})
		r.mustDevice().Close() // prepared
		left := r.scarce(opens, own)
		acked, err := r.loadAndSeal(t, src, where)
		enough = left.Load() >= 0
		if !enough && !errors.Is(err, own) || enough && err != nil {
			t.Fatalf("%s: ended by %v", where, err)
		}
		for _, blames := range []error{ErrDiskFailed, ErrTooFewDisks, ErrLost, ErrForeign, ErrNoAnswer, ErrFull, seal.ErrDegraded} {
			if errors.Is(err, blames) {
				t.Errorf("%s: %v", where, err)
			}
		}
		r.use(r.mems)
		if !enough {
			if err := r.stillThere(acked); err != nil {
				t.Fatalf("%s: %v", where, err)
			}
		}
		res, err := r.finish(src)
		if err != nil {
			t.Fatalf("%s: and then: %v", where, err)
		}
		if res.Statement.Degraded > 0 {
			t.Errorf("%s: %d packs are degraded", where, res.Statement.Degraded)
		}
		if err := r.check(want, res.Label); err != nil {
			t.Errorf("%s: %v", where, err)
		}
	}
}

// loadAndSeal loads and seals on the disks as they are, and returns what was
// committed before it ended.
func (r *memRig) loadAndSeal(t *testing.T, src, where string) (*loadState, error) {
	t.Helper()
	d, err := r.device()
	if err != nil {
		return &loadState{}, err
	}
	defer d.Close()
	rep, err := d.Load(context.Background(), src, LoadOptions{AcceptFindings: true})
	if rep != nil && (len(rep.FailedDisks) > 0 || rep.Status.Degraded > 0) {
		t.Errorf("%s: %d packs degraded, failed disks %v", where, rep.Status.Degraded, rep.FailedDisks)
	}
	if err == nil {
		_, err = d.Seal(context.Background(), r.sealOptions())
	}
	return &d.state, err
}

// finish loads and seals, or finishes a seal that has begun.
func (r *memRig) finish(src string) (*seal.Result, error) {
	o := r.sealOptions()
	if _, _, begun := o.Ledger.RecordedCheckpoint(r.cfg.Scope.Origin()); begun {
		return FinishSeal(context.Background(), r.cfg, o.Ledger, seal.FinishOptions{})
	}
	res, _, err := r.run(src)
	return res, err
}

// TestOwnFaultsOfReader: a reader without descriptors says so: nothing is lost, and
// no bay is said to have bad blocks.
func TestOwnFaultsOfReader(t *testing.T) {
	src := smallTree(t, 6, 300<<10)
	r := newMemRig(t, rigOptions{k: 3, m: 2, disks: 5, block: 4096, packSize: 1 << 20})
	res, _, err := r.run(src)
	if err != nil {
		t.Fatal(err)
	}
	for opens := int64(0); ; opens++ {
		left := r.scarce(opens, syscall.EMFILE)
		rd, err := r.openReader(r.cfg.Disks, res.Label)
		if err == nil {
			_, err = extract.Run(context.Background(), rd, t.TempDir(), extract.Options{Workers: 1})
			if n, where := rd.RepairedBlocks(); n > 0 {
				t.Errorf("%d opens: %d blocks are told as bad in %v", opens, n, where)
			}
			rd.Close()
		}
		if left.Load() >= 0 {
			if err != nil {
				t.Fatalf("with enough descriptors: %v", err)
			}
			t.Logf("figure: %d opens", opens)
			return
		}
		if !errors.Is(err, syscall.EMFILE) || errors.Is(err, ErrLost) || errors.Is(err, ErrForeign) {
			t.Fatalf("%d opens: %v", opens, err)
		}
	}
}

// TestFullAtSync: a disk that has no room for what it took already is a failed one.
func TestFullAtSync(t *testing.T) {
	for _, path := range []string{"*.shard", "*.hashes", "*.piece", "*.journal"} {
		r := small32(t)
		src := smallTree(t, 6, 1<<20)
		r.mustDevice().Close()
		r.cfg.Disks[1].FS = vfs.NewFault(r.mems[1], vfs.Rule{Op: vfs.OpSync, Path: path, Nth: 1, Err: syscall.ENOSPC})
		d := r.mustDevice()
		rep, err := d.Load(context.Background(), src, LoadOptions{AcceptFindings: true})
		if err != nil || len(rep.FailedDisks) != 1 {
			t.Errorf("%s: %v; failed disks %v", path, err, rep.FailedDisks)
		}
		d.Close()
	}
}

// TestOwnFaultsOfRebuild: a rebuild without descriptors says so, before it makes the
// new disk one that counts; with descriptors it goes on.
func TestOwnFaultsOfRebuild(t *testing.T) {
	src := smallTree(t, 4, 200<<10)
	for _, sealed := range []bool{false, true} {
		for opens := int64(0); ; opens += 1 + opens/8 {
			r := newMemRig(t, rigOptions{k: 3, m: 2, disks: 5, block: 4096, packSize: 1 << 20})
			r.loadAll(src, LoadOptions{})
			if sealed {
				r.sealAll()
			}
			left := r.scarce(opens, syscall.EMFILE)
			new := vfs.NewMem(vfs.MemOptions{})
			o := rebuild.Options{Bay: 1, Onto: Disk{Name: "new", FS: scarce{new, left, syscall.EMFILE}}, Rand: func() (manifest.ID, error) { return manifest.ID{9}, nil }}
			disks := append(r.cfg.Disks[:1:1], r.cfg.Disks[2:]...)
			_, err := rebuild.Run(t.Context(), disks, o)
			if left.Load() >= 0 {
				if err != nil {
					t.Fatalf("sealed %v, with enough descriptors: %v", sealed, err)
				}
				break
			}
			if !errors.Is(err, syscall.EMFILE) || errors.Is(err, ErrLost) || errors.Is(err, ErrForeign) {
				t.Fatalf("sealed %v, %d opens: %v", sealed, opens, err)
			}
			if d := (Disk{Name: "new", FS: new}); !sealed && !disk.Unprepared(d) && !errors.Is(disk.CheckMark(d), disk.ErrRebuilding) && left.Load() < -1 { // all but the sync of the mark's removal was done
				t.Errorf("%d opens: the new disk counts as prepared: %v", opens, err)
			}
		}
	}
}
