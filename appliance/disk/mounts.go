package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
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
		if disks[i].Mount == nil || !Unprepared(disks[i]) {
			continue
		}
		if err := checkMount(disks, i, may, &needed); err != nil {
			return needed, err
		}
	}
	slices.Sort(needed.Filesystems)
	return needed, nil
}

// Unprepared reports whether a disk has no unlock wrap and no checkpoint.
func Unprepared(d Disk) bool {
	for _, name := range []string{UnlockName, CheckpointName} {
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

// NoHeader is the error of a disk without a header, while the device is at work: it
// is not mounted, or was never prepared.
func (o Owner) NoHeader(d Disk) error {
	if err := Unmounted(d, o.Allowed); err != nil {
		return err
	}
	return fmt.Errorf("disk %s: %w: it was never prepared for this job (replace a failed disk with \"sledge rebuild\")", d.Name, ErrForeign)
}

// Unmounted is the error of a folder that is only a disk's empty mount point.
func Unmounted(d Disk, may Allowed) error {
	if NotMounted(d, may) {
		return fmt.Errorf("%w at %s: mount the disk", ErrNotMounted, d.Name)
	}
	return nil
}

// NotMounted reports whether a folder is only a disk's empty mount point. Where
// disks may be plain folders that cannot be told.
func NotMounted(d Disk, may Allowed) bool {
	if d.Mount == nil || d.Mount.Point || may.Shared {
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
