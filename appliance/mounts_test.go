package appliance

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/internal/vfs"
)

// mounted is a disk in memory with a mount of the test's choice.
func mounted(name string, point bool, filesystem string, disks ...string) Disk {
	return Disk{Name: name, FS: vfs.NewMem(vfs.MemOptions{}), Mount: &vfs.Mount{Point: point, Filesystem: filesystem, Disks: disks}}
}

func TestCheckMounts(t *testing.T) {
	good := mounted("bay0", true, "ext4", "sda")
	for _, c := range []struct {
		name   string
		disk   Disk
		may    Allowed
		err    error
		text   string
		needed Allowed
	}{
		{"another disk", mounted("bay1", true, "xfs", "sdb"), Allowed{}, nil, "", Allowed{}},
		{"not mounted", mounted("bay1", false, "ext4", "vda"), Allowed{}, ErrNotMounted, "at bay1: the folder lies on the file system around it (ext4 on vda)", Allowed{}},
		{"a folder, allowed", mounted("bay1", false, "ext4", "vda"), Allowed{Shared: true}, nil, "", Allowed{Shared: true}},
		{"partitions of one disk", mounted("bay1", true, "ext4", "sda"), Allowed{}, ErrShared, "disks bay0 and bay1: bays share a disk: both are stored on sda", Allowed{}},
		{"a RAID over it", mounted("bay1", true, "ext4", "sda", "sdb"), Allowed{}, ErrShared, "on sda", Allowed{}},
		{"partitions, allowed", mounted("bay1", true, "ext4", "sda"), Allowed{Shared: true}, nil, "", Allowed{Shared: true}},
		{"fuse", mounted("bay1", true, "fuse", "fuse 0:50"), Allowed{}, ErrFilesystem, "disk bay1: file system is not fit for a disk: fuse: whether fsync", Allowed{}},
		{"fuse, allowed", mounted("bay1", true, "fuse", "fuse 0:50"), Allowed{Filesystems: []string{"vfat", "fuse"}}, nil, "", Allowed{Filesystems: []string{"fuse"}}},
		{"another one allowed", mounted("bay1", true, "0x1234", "sdb"), Allowed{Filesystems: []string{"fuse"}}, ErrFilesystem, "not been tested", Allowed{}},
		{"shared does not allow it", mounted("bay1", false, "overlay", "overlay 0:30"), Allowed{Shared: true}, ErrFilesystem, "overlay", Allowed{}},
	} {
		needed, err := CheckMounts([]Disk{good, c.disk}, c.may)
		if !errors.Is(err, c.err) || err != nil && !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", c.name, err)
		}
		if err == nil && (needed.Shared != c.needed.Shared || !slices.Equal(needed.Filesystems, c.needed.Filesystems)) {
			t.Errorf("%s: needs %+v, want %+v", c.name, needed, c.needed)
		}
		if _, err := CheckNewDisk(c.disk, []Disk{good}, c.may); !errors.Is(err, c.err) {
			t.Errorf("%s, rebuild: %v", c.name, err)
		}
	}
}

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
	for _, dir := range []string{packsDir, wrapsDir, journalDir, logDir, tmpDir} {
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
		if err := m.Remove(unlockName); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Prepare(r.cfg, r.root); !errors.Is(err, ErrNoUnlock) {
		t.Errorf("prepare: %v", err)
	}
	for _, m := range r.mems {
		if _, err := m.Stat(unlockName); err == nil {
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
