package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
)

// Mount is what the system knows of the file system on which a folder lies, and of
// the disks below it.
type Mount struct {
	Path       string   // the folder, links resolved
	Point      bool     // a file system of its own is mounted there
	ReadOnly   bool     // nothing can be written to it, be it mounted so or since an error
	Filesystem string   // "ext4" (also ext2, ext3), "xfs", "btrfs", "zfs", "fuse", …; "0x…" of one without a name here
	Device     string   // "major:minor" of the file system
	Source     string   // what was mounted, as mountinfo tells it: "/dev/sdb1", "server:/share"
	Keeps      string   // why a block that is overwritten may stay readable: "btrfs", "ext4 with data=journal"; "" where it is known not to
	Disks      []string // what it is stored on, sorted: "sdb", "loop3", "zfs pool tank"; never empty
}

// Shared lists what two file systems are both stored on.
func (m *Mount) Shared(other *Mount) []string {
	var both []string
	for _, d := range m.Disks {
		if slices.Contains(other.Disks, d) {
			both = append(both, d)
		}
	}
	return both
}

// sysfs reads /sys, or a copy of parts of it. Paths in it are relative to its root.
type sysfs interface {
	Readlink(name string) (string, error) // the target, relative to the root of sysfs
	ReadDir(name string) ([]string, error)
	Exists(name string) bool
}

// maxLayers bounds the block devices upon each other that are gone through.
const maxLayers = 32

// disksBelow are the physical disks below a block device, by name: of a partition
// its disk, of a device that is made of others (LVM, RAID, dm-crypt, bcache) theirs.
// A loop device is a disk of its own.
func disksBelow(sys sysfs, device string) ([]string, error) {
	at, err := sys.Readlink("dev/block/" + device)
	if err != nil {
		return nil, err
	}
	found := map[string]bool{}
	if err := addDisks(sys, at, found, 0); err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(found)), nil
}

func addDisks(sys sysfs, at string, found map[string]bool, layer int) error {
	if layer > maxLayers {
		return fmt.Errorf("block device %s: more than %d layers", path.Base(at), maxLayers)
	}
	if sys.Exists(at + "/partition") {
		return addDisks(sys, path.Dir(at), found, layer+1)
	}
	slaves, err := sys.ReadDir(at + "/slaves")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(slaves) == 0 {
		found[path.Base(at)] = true
		return nil
	}
	for _, s := range slaves {
		below, err := sys.Readlink(at + "/slaves/" + s)
		if err != nil {
			return err
		}
		if err := addDisks(sys, below, found, layer+1); err != nil {
			return err
		}
	}
	return nil
}

// btrfsDisks are the disks below every device of the btrfs that has the given one:
// a file system of several devices shows only one of them in mountinfo.
func btrfsDisks(sys sysfs, device string) ([]string, error) {
	own, err := sys.Readlink("dev/block/" + device)
	if err != nil {
		return nil, err
	}
	pools, err := sys.ReadDir("fs/btrfs")
	if err != nil {
		return disksBelow(sys, device) // an old kernel
	}
	for _, pool := range pools {
		members, err := sys.ReadDir("fs/btrfs/" + pool + "/devices")
		if err != nil || !slices.Contains(members, path.Base(own)) {
			continue // "features" and the like are no pools
		}
		found := map[string]bool{}
		for _, m := range members {
			at, err := sys.Readlink("fs/btrfs/" + pool + "/devices/" + m)
			if err != nil {
				return nil, err
			}
			if err := addDisks(sys, at, found, 0); err != nil {
				return nil, err
			}
		}
		return slices.Sorted(maps.Keys(found)), nil
	}
	return disksBelow(sys, device)
}
