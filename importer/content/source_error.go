package content

import (
	"errors"

	"github.com/sledge-io/sledge/importer/target"
)

// SourceError says that the source could not give an entry's bytes.
func SourceError(path string, err error) error {
	if own := target.OwnFault(path, err); own != nil {
		return own // whatever the disks' reader made of it
	}
	if e := (*target.Error)(nil); errors.As(err, &e) || target.IsCanceled(err) {
		return err
	}
	return target.NewError(target.CodeSourceLost, path, err.Error(), err)
}
