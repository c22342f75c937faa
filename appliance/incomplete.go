package appliance

import (
	"fmt"

	"github.com/sledge-io/sledge/appliance/seal"
)

// IncompleteError is a seal's refusal while a load has begun and not ended. It is
// [seal.ErrIncomplete].
type IncompleteError struct{ Load UnfinishedError }

func (e *IncompleteError) Error() string {
	if e.Load.Root == "" {
		return fmt.Sprintf("%v: that of a source whose list is damaged on every disk, with %d entries done", seal.ErrIncomplete, e.Load.Done)
	}
	return fmt.Sprintf("%v: %d of %d entries of %s are on the device", seal.ErrIncomplete, e.Load.Done, e.Load.Count, e.Load.Source())
}

// Is makes it ErrIncomplete.
func (e *IncompleteError) Is(target error) bool { return target == seal.ErrIncomplete }
