package vfs

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Mount is what the system knows of the file system on which a folder lies, and of
// the disks below it.
type Mount struct {
	Path       string   // the folder, links resolved
	Point      bool     // a file system of its own is mounted there
	Filesystem string   // "ext4" (also ext2, ext3), "xfs", "btrfs", "zfs", "fuse", …; "0x…" of one without a name here
	Device     string   // "major:minor" of the file system
	Source     string   // what was mounted, as mountinfo tells it: "/dev/sdb1", "server:/share"
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

// mountLine is one line of /proc/PID/mountinfo (proc_pid_mountinfo(5)).
type mountLine struct {
	id     int
	device string // major:minor
	point  string
	kind   string // file system type, with subtype: fuse.sshfs
	source string
}

// errMountinfo reports a line that is not as the manual page says.
var errMountinfo = errors.New("mountinfo: malformed line")

// parseMountinfo finds the line of a mount by its id.
func parseMountinfo(r io.Reader, id int) (*mountLine, error) {
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		left, right, ok := strings.Cut(s.Text(), " - ")
		a, b := strings.Fields(left), strings.Fields(right)
		if !ok || len(a) < 6 || len(b) < 1 {
			return nil, fmt.Errorf("%w: %q", errMountinfo, clip(s.Text()))
		}
		n, err := strconv.Atoi(a[0])
		if err != nil {
			return nil, fmt.Errorf("%w: %q", errMountinfo, clip(s.Text()))
		}
		if n != id {
			continue
		}
		line := &mountLine{id: n, device: a[2], point: unescapeOctal(a[4]), kind: b[0]}
		if len(b) > 2 { // an empty source leaves two fields
			line.source = unescapeOctal(b[1])
		}
		return line, nil
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("mountinfo: mount %d: %w", id, fs.ErrNotExist)
}

// unescapeOctal undoes the kernel's \040 for a space and the like.
func unescapeOctal(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
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
	return sortedKeys(found), nil
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
		return sortedKeys(found), nil
	}
	return disksBelow(sys, device)
}

func sortedKeys(set map[string]bool) []string {
	var out []string
	for k := range set {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
