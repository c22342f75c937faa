package appliance

import "github.com/sledge-io/sledge/appliance/disk"

// What callers of a device name of its disks.
type (
	Disk    = disk.Disk
	Header  = disk.Header
	Allowed = disk.Allowed
)

// Root is the folder below which everything of a disk lies.
const Root = disk.Root

// Errors of disks, by what the caller should do; package disk says what each means.
var (
	ErrTooFewDisks  = disk.ErrTooFewDisks
	ErrRebuildHelps = disk.ErrRebuildHelps
	ErrBusy         = disk.ErrBusy
	ErrForeign      = disk.ErrForeign
	ErrLost         = disk.ErrLost
	ErrFull         = disk.ErrFull
	ErrDiskFailed   = disk.ErrDiskFailed
	ErrNoAnswer     = disk.ErrNoAnswer
	ErrNotMounted   = disk.ErrNotMounted
	ErrShared       = disk.ErrShared
	ErrFilesystem   = disk.ErrFilesystem
	ErrRebuilding   = disk.ErrRebuilding
)

// OpenDisk is [disk.OpenDisk].
func OpenDisk(name string) (Disk, error) { return disk.OpenDisk(name) }

// ReadHeader is [disk.ReadHeader].
func ReadHeader(d Disk) (*Header, error) { return disk.ReadHeader(d) }

// CheckMounts is [disk.CheckMounts].
func CheckMounts(disks []Disk, may Allowed) (needed Allowed, err error) {
	return disk.CheckMounts(disks, may)
}

// CheckNewDisk is [disk.CheckNewDisk].
func CheckNewDisk(onto Disk, disks []Disk, may Allowed) (needed Allowed, err error) {
	return disk.CheckNewDisk(onto, disks, may)
}

// NoAnswer is [disk.NoAnswer].
func NoAnswer(err error) bool { return disk.NoAnswer(err) }

// Unanswered is [disk.Unanswered].
func Unanswered(name string, err error) error { return disk.Unanswered(name, err) }

// Unfit is [disk.Unfit].
func Unfit(err error) string { return disk.Unfit(err) }

// KeepsOverwritten is [disk.KeepsOverwritten].
func KeepsOverwritten(disks []Disk) []string { return disk.KeepsOverwritten(disks) }
