package vfs

import (
	"slices"
	"strings"
)

// overwritesInPlace are the file systems known to write what is overwritten where it was.
// btrfs, zfs, bcachefs, f2fs and nilfs2 write it elsewhere; ntfs and reiserfs have small
// files in what they journal, or between them; of a layer, a FUSE program or another
// machine nobody here knows; tmpfs leaves copies in swap.
var overwritesInPlace = []string{"ext4", "xfs", "jfs", "vfat", "exfat", "ramfs"}

// keeps says why an overwritten block may stay readable: of what is not known it is said.
// Snapshots below the file system, and what a flash disk keeps to itself, no program sees.
func keeps(filesystem string, mount mountEntry) string {
	switch {
	case !slices.Contains(overwritesInPlace, filesystem):
		return filesystem
	case slices.Contains(strings.Split(mount.options, ","), "data=journal"):
		return filesystem + " with data=journal"
	case mount.kind == "":
		return filesystem + " with options that are not known"
	}
	return ""
}
