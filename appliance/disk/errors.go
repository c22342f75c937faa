package disk

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/manifest"
)

var (
	// ErrTooFewDisks: more disks are needed; the text says which.
	ErrTooFewDisks = errors.New("too few disks")
	// ErrRebuildHelps: there are too few disks, and enough to rebuild one that is missing.
	ErrRebuildHelps = errors.New("a rebuild would help")
	// ErrBusy: another command is at work on one of the disks.
	ErrBusy = errors.New("another sledge command is at work on this disk")
	// ErrForeign: a disk belongs to another job, device or generation, or is there twice.
	ErrForeign = errors.New("disk does not belong here")
	// ErrLost: the bytes cannot be restored from the disks at hand.
	ErrLost = errors.New("data lost")
)

// ErrDiskFailed: a disk gave an error while it was in use.
var ErrDiskFailed = errors.New("a disk failed")

// diskError is the error that made a disk fail, with its place.
type diskError struct {
	disk string
	bay  int
	err  error
}

// Failure is the error of a disk that an error was final for.
func Failure(d Disk, bay int, err error) error { return &diskError{d.Name, bay, err} }

func (e *diskError) Error() string {
	return fmt.Sprintf("disk %s (bay %d) failed: %v", e.disk, e.bay, e.err)
}

func (e *diskError) Unwrap() []error { return []error{ErrDiskFailed, e.err} }

// ErrNoAnswer: a disk gives errors where its folders and files should be.
var ErrNoAnswer = errors.New("does not answer")

// NoAnswer reports whether an error is the disk's own: one of the system that
// concerns neither the name that was asked for, nor the asker's rights.
func NoAnswer(err error) bool {
	var errno syscall.Errno
	if !errors.As(err, &errno) || OwnFault(err) {
		return false
	}
	switch errno {
	case syscall.ENOENT, syscall.ENOTDIR, syscall.EISDIR, syscall.ELOOP, syscall.ENAMETOOLONG, syscall.EACCES, syscall.EPERM, syscall.EEXIST,
		syscall.ENOSPC, syscall.EDQUOT, syscall.EINVAL, syscall.EROFS:
		return false
	}
	return true
}

// Unanswered is the ErrNoAnswer of a disk.
func Unanswered(disk string, err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		err = errno // the folder and the file are of no interest
	}
	return fmt.Errorf("disk %s %w: %w; check cable and power", disk, ErrNoAnswer, err)
}

// badHeader is for a disk whose header is damaged or cannot be read: what it holds
// cannot be placed, and the others need not wait for it.
func badHeader(err error) error {
	return fmt.Errorf("%w: its header does not tell whose it is (go on without this disk, \"sledge rebuild\" puts a new one in its place; before anything is loaded, an empty disk will do): %w", ErrForeign, err)
}

// Rebuildable makes an error ErrRebuildHelps if so many disks of an unsealed device are
// enough to rebuild another. Its text stays.
func Rebuildable(err error, have int, g manifest.JobGeometry) error {
	if g.M == 0 || have < g.Disks-g.M {
		return err
	}
	return rebuildableError{err}
}

type rebuildableError struct{ error }

func (e rebuildableError) Unwrap() error { return e.error }

func (rebuildableError) Is(target error) bool { return target == ErrRebuildHelps }

// ErrFull: the device has no room for the rest; what is committed stays.
var ErrFull = errors.New("the device is full")

// IsFull tells an error of a full disk from others. One that comes from fsync is no
// such error: what it was about is lost.
func IsFull(err error) bool {
	return (errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)) && !errors.Is(err, durable.ErrDiskFailed)
}

var (
	// ErrNotMounted: the folder is an empty mount point, not a disk.
	ErrNotMounted = errors.New("nothing is mounted")
	// ErrShared: bays share a disk, so that one failure takes more than one of them.
	ErrShared = errors.New("bays share a disk")
	// ErrFilesystem: the file system does not keep what a disk of the device must keep.
	ErrFilesystem = errors.New("file system is not fit for a disk")
)

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

// ErrBayHere: the bay that is to be rebuilt has a disk among those given, or none is missing.
var ErrBayHere = errors.New("the bad disk is among those given")

// ErrNoBay: the device does not have such a bay.
var ErrNoBay = errors.New("this device has other bays")

// ErrReadBack: a disk gave back something else than it was given.
var ErrReadBack = errors.New("what was written does not read back")

// ErrUnread: some packs were never read back from their disks.
var ErrUnread = errors.New("some packs were never read back from the disks")
