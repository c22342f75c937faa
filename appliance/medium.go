package appliance

import (
	"fmt"

	"github.com/sledge-io/sledge/appliance/scan"
)

// MediumError says that a source's path has another file system, or another folder,
// than the one that was loaded from there. It is [ErrOtherMedium]. Its text is for
// people; the identities that were compared are fields.
type MediumError struct {
	Root string         `json:"root"`
	Now  SourceIdentity `json:"now"`
	Was  SourceIdentity `json:"loaded"` // of the newest load from that path
}

// SourceIdentity tells a source from others at the same path.
type SourceIdentity struct {
	Volume string `json:"file_system"` // id of the file system
	Folder string `json:"folder"`      // the root's place in it
}

func (i SourceIdentity) String() string { return i.Volume + ", folder " + i.Folder }

func newMediumError(root string, now, was *scan.Head) *MediumError {
	return &MediumError{root, SourceIdentity{now.Volume, now.Folder}, SourceIdentity{was.Volume, was.Folder}}
}

func (e *MediumError) Error() string {
	if e.Now.Volume == e.Was.Volume {
		return fmt.Sprintf("source %s: this is another folder of the disk than the one that was loaded from this path: it was moved or made anew", e.Root)
	}
	return fmt.Sprintf("source %s: this is another disk, card or share than the one that was loaded from this path", e.Root)
}

// Is makes it ErrOtherMedium.
func (e *MediumError) Is(target error) bool { return target == ErrOtherMedium }
