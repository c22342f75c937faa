package importer

import (
	"errors"
	"strings"
	"syscall"

	"github.com/sledge-io/sledge/internal/vfs"
)

// ownFault returns an error of this process, such as too many open files, as one that is
// no word about an object, the disks, the state folder or the target; nil if it is none.
// It halts the run, so it never becomes an outcome.
func ownFault(path string, err error) *Error {
	if !vfs.OwnFault(err) {
		return nil
	}
	return newError(CodeProcessLimit, path, err.Error(), err)
}

// noSocket does so for a connection that could not be begun. The resolver keeps no more
// than the text of its error.
func noSocket(key string, err error) *Error {
	for _, own := range [...]error{syscall.EMFILE, syscall.ENFILE} {
		if errors.Is(err, own) || strings.Contains(err.Error(), own.Error()) {
			return newError(CodeProcessLimit, key, withoutKey(lastCause(err), key), err)
		}
	}
	return nil
}
