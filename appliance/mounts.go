package appliance

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

var (
	// ErrNotMounted: the folder is an empty mount point, not a disk.
	ErrNotMounted = errors.New("nothing is mounted")
	// ErrShared: bays share a disk, so that one failure takes more than one of them.
	ErrShared = errors.New("bays share a disk")
	// ErrFilesystem: the file system does not keep what a disk of the device must keep.
	ErrFilesystem = errors.New("file system is not fit for a disk")
)

// Allowed is what passes as a disk although it is less than one: at the operator's
// word, which the seal statement repeats. The zero value allows nothing.
type Allowed struct {
	Shared      bool     // bays may be plain folders, and lie on one disk
	Filesystems []string // names as in vfs.Mount
}

// fitFilesystems keep what fsync and rename promise through a power cut.
var fitFilesystems = []string{"ext4", "xfs", "btrfs", "zfs"}

// CheckMounts looks at the disks that have not been prepared yet, in the company of
// the others: each is a mount point of its own, has a file system that is fit for
// it, and shares no physical disk. What does not hold must be in may. It returns
// what of may was needed. Disks whose mount is not known pass.
func CheckMounts(disks []Disk, may Allowed) (needed Allowed, err error) {
	for i := range disks {
		if disks[i].Mount == nil || !unprepared(disks[i]) {
			continue
		}
		if err := checkMount(disks, i, may, &needed); err != nil {
			return needed, err
		}
	}
	slices.Sort(needed.Filesystems)
	return needed, nil
}

// unprepared reports whether a disk has no unlock wrap and no checkpoint.
func unprepared(d Disk) bool {
	for _, name := range []string{unlockName, cpName} {
		if _, err := d.FS.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			return false
		}
	}
	return true
}

// checkMount looks at one disk in the company of the others.
func checkMount(disks []Disk, i int, may Allowed, needed *Allowed) error {
	for _, check := range []func([]Disk, int, Allowed, *Allowed) error{checkPoint, checkFilesystem, checkShared} {
		if err := check(disks, i, may, needed); err != nil {
			return err
		}
	}
	return nil
}

func checkPoint(disks []Disk, i int, may Allowed, needed *Allowed) error {
	d := disks[i]
	if d.Mount.Point {
		return nil
	}
	needed.Shared = true
	if may.Shared {
		return nil
	}
	return fmt.Errorf("%w at %s: the folder lies on the file system around it (%s on %s)", ErrNotMounted, d.Name, d.Mount.Filesystem, strings.Join(d.Mount.Disks, ", "))
}

func checkShared(disks []Disk, i int, may Allowed, needed *Allowed) error {
	for j, other := range disks {
		if i == j || other.Mount == nil {
			continue
		}
		both := disks[i].Mount.Shared(other.Mount)
		if len(both) == 0 {
			continue
		}
		needed.Shared = true
		if !may.Shared {
			return fmt.Errorf("disks %s and %s: %w: both are stored on %s", disks[min(i, j)].Name, disks[max(i, j)].Name, ErrShared, strings.Join(both, ", "))
		}
	}
	return nil
}

func checkFilesystem(disks []Disk, i int, may Allowed, needed *Allowed) error {
	d := disks[i]
	name := d.Mount.Filesystem
	if slices.Contains(fitFilesystems, name) {
		return nil
	}
	if !slices.Contains(may.Filesystems, name) {
		return &filesystemError{d.Name, name}
	}
	if !slices.Contains(needed.Filesystems, name) {
		needed.Filesystems = append(needed.Filesystems, name)
	}
	return nil
}

// filesystemError names the file system, for the flag that would allow it.
type filesystemError struct{ disk, filesystem string }

func (e *filesystemError) Error() string {
	return fmt.Sprintf("disk %s: %v: %s: %s", e.disk, ErrFilesystem, e.filesystem, unfit(e.filesystem))
}
func (e *filesystemError) Unwrap() error { return ErrFilesystem }

// Unfit returns the name of the file system that an ErrFilesystem is about.
func Unfit(err error) string {
	var e *filesystemError
	if errors.As(err, &e) {
		return e.filesystem
	}
	return ""
}

// unfit says why a kind of file system is no disk.
func unfit(name string) string {
	switch name {
	case "fuse":
		return "whether fsync reaches the disk depends on the program behind it"
	case "tmpfs", "ramfs":
		return "it lies in memory, and a power cut takes all of it"
	case "vfat", "exfat", "hfs", "ufs":
		return "it has no journal: a power cut during a rename may lose the file"
	case "ntfs", "ntfs3", "hfsplus":
		return "its driver promises little for folders and renames after a power cut"
	case "nfs", "cifs", "smb2", "9p", "ceph", "lustre":
		return "it is another machine's: what fsync means there is not known here, and the disk cannot be taken out"
	case "overlay", "aufs", "ecryptfs":
		return "it is a layer over another file system, whose disk is not known"
	case "iso9660", "udf", "squashfs", "erofs":
		return "it is made to be read"
	}
	return "its behaviour at a power cut has not been tested"
}

// allowedEvents tell the log what was let pass.
func (c *Config) allowedEvents() (events []manifest.Event) {
	if c.Allowed.Shared {
		events = append(events, manifest.Event{What: "note", Text: "bays share a disk, as was allowed", Bay: -1})
	}
	for _, name := range c.Allowed.Filesystems {
		events = append(events, manifest.Event{What: "note", Text: "disks on the file system " + name + ", as was allowed", Bay: -1})
	}
	return events
}

// noHeader is the error of a disk without a header, while the device is at work: it
// is not mounted, or was never prepared.
func (c *Config) noHeader(d Disk) error {
	if err := c.unmounted(d); err != nil {
		return err
	}
	return fmt.Errorf("disk %s: %w: it was never prepared for this job (replace a failed disk with \"sledge rebuild\")", d.Name, ErrForeign)
}

// unmounted is the error of a folder that is only a disk's empty mount point.
func (c *Config) unmounted(d Disk) error {
	if c.notMounted(d) {
		return fmt.Errorf("%w at %s: mount the disk", ErrNotMounted, d.Name)
	}
	return nil
}

// notMounted reports whether a folder is only a disk's empty mount point. Where
// disks may be plain folders that cannot be told.
func (c *Config) notMounted(d Disk) bool {
	if d.Mount == nil || d.Mount.Point || c.Allowed.Shared {
		return false
	}
	_, err := d.FS.Stat(Root)
	return errors.Is(err, fs.ErrNotExist)
}

// CheckNewDisk is CheckMounts for the disk that a rebuild writes, begun or not.
func CheckNewDisk(onto Disk, disks []Disk, may Allowed) (needed Allowed, err error) {
	if onto.Mount == nil {
		return needed, nil
	}
	err = checkMount(append([]Disk{onto}, disks...), 0, may, &needed)
	return needed, err
}

// OpenDisk opens a disk by its folder, with what the system tells of its mount; where
// it tells nothing, Mount is nil. An error is the disk's: it does not answer, say.
func OpenDisk(name string) (Disk, error) {
	disk, err := vfs.OS(name)
	if err != nil {
		return Disk{}, err
	}
	m, err := vfs.MountOf(name)
	if NoAnswer(err) || ownFault(err) {
		vfs.Close(disk)
		return Disk{}, err
	}
	return Disk{Name: name, FS: disk, Mount: m, Unmapped: err != nil}, nil
}

// KeepsOverwritten names the file systems of disks on which an overwritten file may stay
// readable, sorted. There the unlock wrap may outlive the seal, and the code opens it.
func KeepsOverwritten(disks []Disk) (names []string) {
	for _, d := range disks {
		switch {
		case d.Unmapped:
			names = append(names, "a file system that is not known")
		case d.Mount != nil && d.Mount.Keeps != "":
			names = append(names, d.Mount.Keeps)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
