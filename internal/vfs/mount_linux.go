package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// filesystems names file systems by statfs(2)'s f_type.
var filesystems = map[uint32]string{
	0xEF53: "ext4", 0x58465342: "xfs", 0x9123683E: "btrfs", 0x2FC12FC1: "zfs",
	0x65735546: "fuse", 0x01021994: "tmpfs", 0x858458F6: "ramfs", 0x794C7630: "overlay",
	0x7366746E: "ntfs3", 0x5346544E: "ntfs", 0x2011BAB0: "exfat", 0x4D44: "vfat",
	0x6969: "nfs", 0xFF534D42: "cifs", 0xFE534D42: "smb2", 0x00C36400: "ceph", 0x01021997: "9p",
	0xF2F52010: "f2fs", 0xCA451A4E: "bcachefs", 0x3153464A: "jfs", 0x52654973: "reiserfs", 0x3434: "nilfs2",
	0x482B: "hfsplus", 0x4244: "hfs", 0x15013346: "udf", 0x9660: "iso9660", 0x73717368: "squashfs", 0xE0F5E1E2: "erofs",
	0x01161970: "gfs2", 0x7461636F: "ocfs2", 0x0BD00BD0: "lustre", 0xF15F: "ecryptfs", 0x61756673: "aufs", 0x00011954: "ufs",
}

// MountOf describes the mount of a folder. Symbolic links to it are followed first:
// what counts is the folder that they lead to.
func MountOf(folder string) (*Mount, error) {
	real, err := filepath.EvalSymlinks(folder)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return nil, err
	}
	here, err := statMount(real)
	if err != nil {
		return nil, err
	}
	above, err := statMount(filepath.Dir(real))
	if err != nil {
		return nil, err
	}
	m := &Mount{Path: real, Device: here.device, Filesystem: here.filesystem, ReadOnly: here.readOnly}
	// A subvolume of btrfs has a device of its own without being mounted, and a
	// folder that is bound to another place is mounted without a device of its own.
	m.Point = here.device != above.device && (here.id != above.id || here.id == 0) && real != "/"
	entry, err := mountOn(here.id, real)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	m.Source, m.Keeps = entry.source, keeps(m.Filesystem, entry)
	if m.Disks, err = m.findDisks(realSysfs{}); err != nil {
		return nil, err
	}
	return m, nil
}

// mounted is what two calls tell of a folder's mount.
type mounted struct {
	device     string
	filesystem string
	id         int // of the mount; 0: a kernel before 5.8
	readOnly   bool
}

func statMount(name string) (*mounted, error) {
	var st unix.Statx_t
	if _, err := retry(func() (int, error) {
		return 0, unix.Statx(unix.AT_FDCWD, name, 0, unix.STATX_BASIC_STATS|unix.STATX_MNT_ID, &st)
	}); err != nil {
		return nil, &fs.PathError{Op: "statx", Path: name, Err: err}
	}
	var sfs unix.Statfs_t
	if _, err := retry(func() (int, error) { return 0, unix.Statfs(name, &sfs) }); err != nil {
		return nil, &fs.PathError{Op: "statfs", Path: name, Err: err}
	}
	m := &mounted{device: fmt.Sprintf("%d:%d", st.Dev_major, st.Dev_minor), filesystem: filesystems[uint32(sfs.Type)], readOnly: sfs.Flags&unix.ST_RDONLY != 0}
	if st.Mask&unix.STATX_MNT_ID != 0 {
		m.id = int(st.Mnt_id)
	}
	if m.filesystem == "" {
		m.filesystem = fmt.Sprintf("0x%X", uint32(sfs.Type))
	}
	return m, nil
}

// mountOn is readMount that has a kernel without ids in statx(2) tell by a descriptor.
func mountOn(id int, folder string) (mountEntry, error) {
	if id != 0 {
		return readMount(id)
	}
	fd, err := retry(func() (int, error) { return unix.Open(folder, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0) })
	if err != nil {
		return mountEntry{}, &fs.PathError{Op: "open", Path: folder, Err: err}
	}
	defer unix.Close(fd)
	return openedBy(fd)
}

// readMount asks the system for a mount by its id.
func readMount(id int) (mountEntry, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return mountEntry{}, err
	}
	return findMount(string(text), id)
}

// findDisks finds what the file system is stored on: the disks below its block
// device, if it has one, else the pool of a zfs, else what it is itself.
func (m *Mount) findDisks(sys sysfs) ([]string, error) {
	if m.Filesystem == "zfs" {
		pool, _, _ := strings.Cut(m.Source, "/")
		return []string{"zfs pool " + pool}, nil
	}
	device := m.Device
	if strings.HasPrefix(device, "0:") {
		device = numberOf(m.Source)
	}
	if device == "" || !sys.Exists("dev/block/"+device) {
		return []string{fmt.Sprintf("%s %s", m.Filesystem, m.Device)}, nil
	}
	if m.Filesystem == "btrfs" {
		return btrfsDisks(sys, device)
	}
	return disksBelow(sys, device)
}

// numberOf is the number of a block device by its name, "" if it is none.
func numberOf(name string) string {
	if !strings.HasPrefix(name, "/dev/") {
		return ""
	}
	return deviceNumber(name)
}

// realSysfs is /sys.
type realSysfs struct{}

func (realSysfs) Readlink(name string) (string, error) {
	target, err := filepath.EvalSymlinks("/sys/" + name)
	if err != nil {
		return "", err
	}
	return strings.TrimPrefix(target, "/sys/"), nil
}

func (realSysfs) ReadDir(name string) ([]string, error) {
	list, err := os.ReadDir("/sys/" + name)
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names, err
}

func (realSysfs) Exists(name string) bool {
	_, err := os.Stat("/sys/" + name)
	return err == nil
}
