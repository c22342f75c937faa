package statefolder

import (
	"github.com/sledge-io/sledge/importer/lease"
	"github.com/sledge-io/sledge/internal/vfs"
)

// HeldBy is the newest status that the process which has the state folder has written since it
// took it: of the run that it is at work on. nil is one that has written none yet, or is not known.
func HeldBy(state string) (*Status, error) {
	top, err := vfs.OS(state) // the leases stay here after a takeover
	if err != nil {
		return nil, err
	}
	defer vfs.Close(top) // read only
	disk, err := Open(state)
	if err != nil {
		return nil, err
	}
	defer vfs.Close(disk) // read only
	folders, err := runFolders(disk)
	if err != nil {
		return nil, err
	}
	by := lease.HolderOf(top)
	if by.At.IsZero() {
		return nil, nil
	}
	var found *Status
	for _, folder := range folders {
		s, err := readStatus(disk, folder)
		if err != nil || s == nil || s.Host != by.Host || s.PID != by.PID || s.Updated.Before(by.At) {
			continue // what cannot be read is told by who looks for its run
		}
		if found == nil || s.Updated.After(found.Updated) {
			found = s
		}
	}
	return found, nil
}
