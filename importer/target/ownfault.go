package target

import (
	"github.com/sledge-io/sledge/internal/vfs"
)

// OwnFault returns an error of this process, such as too many open files, as one that is
// no word about an object, the disks, the state folder or the target; nil if it is none.
// It halts the run, so it never becomes an outcome.
func OwnFault(path string, err error) *Error {
	if !vfs.OwnFault(err) {
		return nil
	}
	return NewError(CodeProcessLimit, path, err.Error(), err)
}
