package appliance

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/internal/vfs"
)

// noRoom gives one disk no room for what matches.
func (r *memRig) noRoom(bay int, op vfs.OpKind, path string, after int64) *vfs.Fault {
	f := vfs.NewFault(r.mems[bay], vfs.Rule{Op: op, Path: path, AfterBytes: after, Err: syscall.ENOSPC})
	r.cfg.Disks[bay].FS = f
	return f
}

// A disk that has no room for a copy of the running journal is asked again when the
// next copy is due: it is full, and not one that fails because of the part it kept.
func TestFullDiskWhileTheJournalIsCopied(t *testing.T) {
	for _, keeps := range []bool{false, true} {
		r := newMemRig(t, rigOptions{k: 2, m: 1, disks: 4, block: 4096, packSize: 1 << 20})
		r.mustDevice().Close()
		fault := r.noRoom(2, vfs.OpWrite, "*.journal", 100)
		if keeps {
			fault.Add(vfs.Rule{Op: vfs.OpRemove, Path: "*.journal", Nth: 1, Err: syscall.ENOSPC})
		}
		d := r.mustDevice()
		defer d.Close()
		if err := d.event("test", "a frame", 0); err != nil {
			t.Fatal(err)
		}
		d.bays[0].Fail(syscall.EIO)
		if err := d.event("test", "a frame behind the first failure", 0); err != nil {
			t.Fatalf("others have room: %v", err)
		}
		d.bays[1].Fail(syscall.EIO)
		err := d.event("test", "a frame behind the second failure", 0)
		if !errors.Is(err, ErrFull) || errors.Is(err, ErrDiskFailed) {
			t.Errorf("the part stays %v: %v", keeps, err)
		}
		if err := d.bays[2].Failed(); err != nil {
			t.Errorf("the part stays %v: the full disk is condemned: %v", keeps, err)
		}
		fault.Clear()
		if err := d.journal.Sync(); err != nil || len(d.journal.File().On) != 2 {
			t.Errorf("the part stays %v: with room there are %d copies: %v", keeps, len(d.journal.File().On), err)
		}
	}
}

// A journal of an earlier session is mended on the disks that have room; ErrFull is for
// too few of them.
func TestMendPassesFullDisks(t *testing.T) {
	r := newFaultRig(t, rigOptions{k: 2, m: 1, disks: 5, block: 4096, packSize: 1 << 20})
	mend := func(full ...int) (*Device, error) {
		for i := range r.cfg.Disks {
			r.cfg.Disks[i].FS = r.mems[i].CrashClone(nil, 100)
		}
		d := r.mustDevice()
		t.Cleanup(func() { d.Close() })
		c := d.files[0]
		on := map[*disk.Bay]bool{}
		for _, b := range c.On {
			on[b] = true
		}
		c.On[0].Fail(syscall.EIO)
		spare := 0
		for _, b := range d.bays.Healthy() {
			if on[b] {
				continue
			}
			for _, n := range full {
				if n == spare {
					b.Disk.FS = vfs.NewFault(b.Disk.FS, vfs.Rule{Op: vfs.OpWrite, Path: "*.merge.tmp", AfterBytes: 60, Err: syscall.ENOSPC})
				}
			}
			spare++
		}
		return d, d.frames().Mend(c, d.sizes[c.ID])
	}
	d, err := mend(0)
	if err != nil || len(disk.Bays(d.files[0].On).Healthy()) != 2 {
		t.Errorf("others have room: %v", err)
	}
	d, err = mend(0, 1, 2)
	if !errors.Is(err, ErrFull) || errors.Is(err, ErrDiskFailed) || len(d.bays.Missing()) != 1 {
		t.Errorf("no disk has room: %v; missing %v", err, d.bays.Missing())
	}
}

// Wherever a load, an opening or a seal finds one disk without room it says so. No disk
// is condemned, and the same calls end well once there is room.
func TestFullIsNeverFailed(t *testing.T) {
	src := smallTree(t, 6, 300<<10)
	want := readTree(t, src)
	ended := 0
	for _, rule := range []vfs.Rule{
		{Op: vfs.OpMkdir}, {Op: vfs.OpCreate, Path: "*.shard"}, {Op: vfs.OpCreate, Path: "*.hashes*"}, {Op: vfs.OpWrite, Path: "*.piece*"},
		{Op: vfs.OpWrite, Path: "*.journal"}, {Op: vfs.OpWrite, Path: "seal*"}, {Op: vfs.OpWrite, Path: "checkpoint*"},
		{Op: vfs.OpWrite, Path: "*.scan"}, {Op: vfs.OpRemove}, {Op: vfs.OpRename}, {Op: vfs.OpLink}, {Op: vfs.OpTruncate},
	} {
		for nth := 1; nth < 200; nth += 1 + nth {
			rule.Nth, rule.Times, rule.Err = nth, 1<<20, syscall.ENOSPC
			where := fmt.Sprintf("%s of %q from %d on", rule.Op, rule.Path, nth)
			r := newMemRig(t, rigOptions{k: 2, m: 1, disks: 3, block: 4096, packSize: 1 << 20})
			r.mustDevice().Close()
			fault := vfs.NewFault(r.mems[1])
			fired := fault.Add(rule)
			r.cfg.Disks[1].FS = fault
			_, err := r.loadAndSeal(t, src, where)
			if fired() == 0 {
				break
			}
			if err != nil {
				ended++
			}
			if errors.Is(err, ErrDiskFailed) || errors.Is(err, seal.ErrAbsent) || errors.Is(err, seal.ErrDegraded) || err != nil && !errors.Is(err, ErrFull) {
				t.Errorf("%s: %v", where, err)
			}
			r.use(r.mems)
			res, err := r.finish(src)
			if err != nil {
				t.Fatalf("%s: and then: %v", where, err)
			}
			if err := r.check(want, res.Label); err != nil {
				t.Errorf("%s: %v", where, err)
			}
		}
	}
	if ended == 0 {
		t.Error("nothing ended for want of room")
	}
}
