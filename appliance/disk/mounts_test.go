package disk

import (
	"errors"
	"slices"
	"strings"
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
