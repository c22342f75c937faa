package appliance

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/internal/vfs"
)

// mount gives the rig's disks mounts of their own.
func (r *memRig) mount() {
	for i := range r.cfg.Disks {
		r.cfg.Disks[i].Mount = &vfs.Mount{Point: true, Filesystem: "ext4", Disks: []string{r.cfg.Disks[i].Name}}
	}
}

// TestPreparedDisksLieAnywhere: only what is not prepared yet is looked at.
func TestPreparedDisksLieAnywhere(t *testing.T) {
	r := small32(t)
	r.mount()
	for i := range r.cfg.Disks {
		r.cfg.Disks[i].Mount.Point = false
	}
	if _, err := Prepare(r.cfg, r.root); !errors.Is(err, ErrNotMounted) {
		t.Fatalf("first unlock of folders: %v", err)
	}
	if len(memFiles(t, r.mems[0])) > 0 {
		t.Error("something was written to a folder that was refused")
	}
	r.cfg.Allowed.Shared = true
	r.mustDevice().Close()
	r.cfg.Allowed.Shared = false
	r.mustDevice().Close()
}

// TestDiskStates: not mounted, without an answer, foreign and stale are four states,
// and what the other disks hold is told with each.
func TestDiskStates(t *testing.T) {
	src := smallTree(t, 4, 200<<10)
	r := newMemRig(t, rigOptions{k: 2, m: 1, disks: 3, block: 4096, packSize: 1 << 20})
	r.loadAll(src, LoadOptions{})
	old := r.mems[1].CrashClone(nil, 0)
	more := smallTree(t, 2, 100<<10)
	r.loadAll(more, LoadOptions{As: "more"})
	want := r.mustDevice()
	safe := want.Status()
	want.Close()
	other := newMemRig(t, rigOptions{k: 2, m: 1, disks: 3, block: 4096, packSize: 1 << 20})
	other.mustDevice().Close()
	for state, change := range map[string]func(d *Disk){
		DiskGood:       func(*Disk) {},
		DiskNotMounted: func(d *Disk) { d.FS, d.Mount.Point = vfs.NewMem(vfs.MemOptions{}), false },
		DiskNoAnswer:   func(d *Disk) { d.FS = vfs.NewFault(d.FS, vfs.Rule{Err: syscall.EIO}) },
		DiskForeign:    func(d *Disk) { d.FS = other.mems[1] },
		DiskStale:      func(d *Disk) { d.FS = old },
		DiskFailed:     func(d *Disk) { d.Mount.ReadOnly = true },
	} {
		r.use(r.mems)
		r.mount()
		change(&r.cfg.Disks[1])
		usable, states := Survey(r.cfg)
		cfg := r.cfg
		cfg.Disks = usable
		before := memFiles(t, r.mems[0])
		d, err := Look(cfg, r.key(t))
		if err != nil {
			t.Errorf("%s: %v", state, err)
			continue
		}
		for _, s := range append(states, d.BadDisks()...) {
			switch {
			case s.Err == nil:
			case s.Name == "d01":
				states[1] = s
			default:
				t.Errorf("%s: disk %s is %s: %v", state, s.Name, s.State, s.Err)
			}
		}
		if states[1].State != state {
			t.Errorf("%s: told as %s: %v", state, states[1].State, states[1].Err)
		}
		if s := d.Status(); s.Entries != safe.Entries || s.Bytes != safe.Bytes {
			t.Errorf("%s: %d entries are told as safe, there are %d", state, s.Entries, safe.Entries)
		}
		d.Close()
		if after := memFiles(t, r.mems[0]); !maps.EqualFunc(before, after, bytes.Equal) {
			t.Errorf("%s: a look changed the disk: %d files, then %d", state, len(before), len(after))
		}
	}
}

// key opens the unlock wraps of the disks in memory.
func (r *memRig) key(t *testing.T) []byte {
	t.Helper()
	cfg := r.cfg
	cfg.Disks = []Disk{{Name: "d00", FS: r.mems[0]}, {Name: "d02", FS: r.mems[2]}}
	k, err := Prepare(cfg, r.root)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestLoadNeedsAll: with one parity shard a load ends when a disk fails, and says
// why: k + 1 disks are the least, and here they are all.
func TestLoadNeedsAll(t *testing.T) {
	r := newMemRig(t, rigOptions{k: 2, m: 1, disks: 3, block: 4096, packSize: 1 << 20})
	r.mustDevice().Close()
	r.cfg.Disks[1].FS = vfs.NewFault(r.mems[1], vfs.Rule{Op: vfs.OpWrite, Path: "*.shard", Err: syscall.EIO})
	d := r.mustDevice()
	defer d.Close()
	_, err := d.Load(t.Context(), smallTree(t, 4, 200<<10), LoadOptions{AcceptFindings: true})
	if !errors.Is(err, ErrDiskFailed) || !errors.Is(err, ErrTooFewDisks) || !errors.Is(err, syscall.EIO) ||
		!strings.Contains(err.Error(), "with 2+1 a load needs all 3 disks, 2 work: disk d01 (bay 1) failed") {
		t.Error(err)
	}
}

// TestStrayFiles: what is not ours condemns no disk.
func TestStrayFiles(t *testing.T) {
	src := smallTree(t, 4, 200<<10)
	r := small32(t)
	r.mustDevice().Close()
	for _, dir := range []string{disk.PacksDir, disk.WrapsDir, disk.JournalDir, disk.LogDir, disk.TempDir} {
		f, err := r.mems[0].Create(dir+"/x", vfs.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		if err := r.mems[1].Mkdir(dir+"/unlock.x", 0); err != nil {
			t.Fatal(err)
		}
	}
	want := readTree(t, src)
	res, _, err := r.run(src)
	if err != nil {
		t.Fatal(err)
	}
	if res.Statement.Degraded > 0 {
		t.Errorf("%d packs are degraded", res.Statement.Degraded)
	}
	if err := r.check(want, res.Label); err != nil {
		t.Error(err)
	}
}

// TestNoUnlockWrap: no new key is made for a device that has been loaded.
func TestNoUnlockWrap(t *testing.T) {
	r := small32(t)
	r.loadAll(smallTree(t, 4, 60<<10), LoadOptions{})
	for _, m := range r.mems {
		if err := m.Remove(disk.UnlockName); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Prepare(r.cfg, r.root); !errors.Is(err, ErrNoUnlock) {
		t.Errorf("prepare: %v", err)
	}
	for _, m := range r.mems {
		if _, err := m.Stat(disk.UnlockName); err == nil {
			t.Error("a new unlock wrap was written")
		}
	}
}

// TestSealNotErased: the statement names the file systems that keep the unlock wrap.
func TestSealNotErased(t *testing.T) {
	r := small32(t)
	for i, keeps := range []string{"zfs", "", "btrfs", "zfs"} {
		r.cfg.Disks[i].Mount = &vfs.Mount{Point: true, Filesystem: "ext4", Keeps: keeps}
	}
	r.cfg.Disks[1].Mount, r.cfg.Disks[1].Unmapped = nil, true
	res, _, err := r.run(smallTree(t, 5, 1<<10))
	if err != nil || !slices.Equal(res.Statement.NotErased, []string{"a file system that is not known", "btrfs", "zfs"}) {
		t.Errorf("%v, %v", res, err)
	}
}
