package vfs

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// volumeOf finds out about the file system of an open folder. What cannot be had
// is left empty; nothing fails. The identity never comes from the device's number,
// which the next medium in the same reader has as well. block is the file system's
// device, if it has one.
func volumeOf(fd int) (v Volume, block string) {
	mount, err := openedBy(fd)
	if err != nil {
		return Volume{}, ""
	}
	kind := kindOf(mount.kind)
	v = Volume{FS: mount.kind, Coarse: kind.coarse, StableInodes: kind.stable, TrustHoles: kind.holes, Remote: kind.remote}
	v.Root = volumeRoot(fd, &mount, kind.stable)
	if kind.source != "" {
		v.ID = kind.networkID(mount.kind, mount.source)
		return v, ""
	}
	block = blockDevice(mount.device)
	s := superblockOf(block, mount.kind)
	v.Coarse = max(v.Coarse, s.coarse)
	switch {
	case kind.fsid: // also where a UUID could be had: each of the ways must give the same
		v.ID = statfsID(fd)
	default:
		v.ID = firstID(mountedID(fd, mount.kind), s.id, linkedID(block))
	}
	return v, block
}

// volumeCache keeps what was found out of the file systems of a tree, by the
// device's number: as long as a tree's folder is open, that names one.
type volumeCache struct {
	mu    sync.Mutex
	found map[uint64]Volume
}

// of is volumeOf without the root, which is the folder's own.
func (c *volumeCache) of(fd int) Volume {
	var st unix.Stat_t
	if _, err := retry(func() (int, error) { return 0, unix.Fstat(fd, &st) }); err != nil {
		return Volume{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.found[uint64(st.Dev)]
	if !ok {
		v, _ = volumeOf(fd)
		v.Root = ""
		if c.found == nil {
			c.found = map[uint64]Volume{}
		}
		c.found[uint64(st.Dev)] = v
	}
	return v
}

func firstID(ids ...string) string {
	for _, id := range ids {
		if id != "" {
			return "uuid:" + id
		}
	}
	return ""
}

// openedBy finds the mount that a descriptor was opened by, also where others lie
// over it.
func openedBy(fd int) (mountEntry, error) {
	info, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", fd))
	if err != nil {
		return mountEntry{}, err
	}
	for line := range strings.Lines(string(info)) {
		text, ok := strings.CutPrefix(line, "mnt_id:")
		if !ok {
			continue
		}
		id, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil {
			return mountEntry{}, err
		}
		return readMount(id)
	}
	return mountEntry{}, fs.ErrNotExist
}

func volumeRoot(fd int, mount *mountEntry, stable bool) string {
	if stable {
		var st unix.Stat_t
		if _, err := retry(func() (int, error) { return 0, unix.Fstat(fd, &st) }); err != nil {
			return ""
		}
		return "ino:" + strconv.FormatUint(st.Ino, 10) + born(fd)
	}
	full, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return ""
	}
	if rel, ok := mount.within(full); ok {
		return "path:" + rel
	}
	return ""
}

// statfsID is f_fsid, of file systems that derive it from a UUID.
func statfsID(fd int) string {
	var st unix.Statfs_t
	_, err := retry(func() (int, error) { return 0, unix.Fstatfs(fd, &st) })
	if err != nil || st.Fsid.Val[0] == 0 && st.Fsid.Val[1] == 0 {
		return ""
	}
	return fmt.Sprintf("fsid:%08x%08x", uint32(st.Fsid.Val[0]), uint32(st.Fsid.Val[1]))
}

// Calls that x/sys does not know. The direction's bits differ between processors.
const (
	ioctlRead      = unix.FS_IOC_GETFLAGS & 0xe0000000
	getUUID        = ioctlRead | 17<<16 | 0x15<<8      // FS_IOC_GETFSUUID, Linux 6.9
	getFATVolumeID = ioctlRead | 4<<16 | 'r'<<8 | 0x13 // FAT_IOCTL_GET_VOLUME_ID, Linux 3.11
)

// mountedID asks the mounted file system itself.
func mountedID(fd int, kind string) string {
	switch kind {
	case "vfat", "msdos", "exfat":
		if v, err := unix.IoctlGetUint32(fd, getFATVolumeID); err == nil && v != 0 {
			return formatSerial(v)
		}
		return ""
	}
	var answer [17]byte // length and UUID
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), getUUID, uintptr(unsafe.Pointer(&answer)))
	if errno != 0 || answer[0] != 16 {
		return ""
	}
	return formatUUID(answer[1:])
}

// blockDevice is the node of a device's number major:minor, or empty.
func blockDevice(number string) string {
	event, err := os.ReadFile("/sys/dev/block/" + number + "/uevent")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(event)) {
		name, ok := strings.CutPrefix(strings.TrimSpace(line), "DEVNAME=")
		if !ok {
			continue
		}
		if node := "/dev/" + name; deviceNumber(node) == number {
			return node
		}
	}
	return ""
}

func deviceNumber(path string) string {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return ""
	}
	return fmt.Sprintf("%d:%d", unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev)))
}

// superblockOf reads a device, which mostly takes root.
func superblockOf(node, kind string) superblock {
	if node == "" {
		return superblock{}
	}
	f, err := os.Open(node)
	if err != nil {
		return superblock{}
	}
	defer f.Close()
	return readSuperblock(f, kind)
}

// linkedID is the name that udev has given a device's file system.
func linkedID(node string) string {
	const links = "/dev/disk/by-uuid"
	if node == "" {
		return ""
	}
	want := deviceNumber(node)
	entries, err := os.ReadDir(links)
	if err != nil {
		return ""
	}
	for _, e := range entries {
		if deviceNumber(filepath.Join(links, e.Name())) == want {
			return e.Name()
		}
	}
	return ""
}

// born is when a folder was made, where the file system knows: a number of a folder
// that was removed is given to the next one.
func born(fd int) string {
	var st unix.Statx_t
	err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_BTIME, &st)
	if err != nil || st.Mask&unix.STATX_BTIME == 0 {
		return ""
	}
	return fmt.Sprintf("@%d.%09d", st.Btime.Sec, st.Btime.Nsec)
}
