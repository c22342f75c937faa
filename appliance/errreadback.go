package appliance

import (
	"errors"
)

// ErrReadBack: a disk gave back something else than it was given.
var ErrReadBack = errors.New("what was written does not read back")
