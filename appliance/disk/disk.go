package disk

import (
	"errors"
	"io/fs"
	"slices"

	"github.com/sledge-io/sledge/internal/vfs"
)

// Disk is one mount point, or a folder standing for one. Name is what the
// operator typed; messages use it.
type Disk struct {
	Name  string
	FS    vfs.FS
	Mount *vfs.Mount // nil: not known, as of a disk in memory

	Unmapped bool // the system was asked for the mount, and told nothing
}

// Root is the folder below which everything of a disk lies.
const Root = "sledge"

// OpenDisk opens a disk by its folder, with what the system tells of its mount; where
// it tells nothing, Mount is nil. An error is the disk's: it does not answer, say.
func OpenDisk(name string) (Disk, error) {
	disk, err := vfs.OS(name)
	if err != nil {
		return Disk{}, err
	}
	m, err := vfs.MountOf(name)
	if NoAnswer(err) || OwnFault(err) {
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

// Empty reports whether the folder holds nothing of a device, as one that a pattern caught.
func (d Disk) Empty() bool {
	_, err := d.FS.Stat(Root)
	return errors.Is(err, fs.ErrNotExist)
}
