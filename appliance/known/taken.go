package known

import (
	"errors"
	"fmt"
)

// ErrTaken: two sources have files under one path, be they alike or not; load
// one of them under a prefix.
var ErrTaken = errors.New("this path is on the device already")

// TakenError names what the device has in the way of a path of the source. It is
// [known.ErrTaken].
type TakenError struct {
	Path  string // of the source
	Has   string // the path of what is in its way: the same, above it or below
	From  string // the source that brought it; empty where no list tells it
	Moved bool   // From was loaded under this load's prefix: the source may be the same, at another path
	what  string // the kind, with its article
}

// taken is the refusal of a path of the scan.
func (k *Set) taken(path string, has *keptEntry) error {
	return &TakenError{Path: path, Has: has.path, From: has.from, Moved: k.twins[has.from] && has.from != "", what: kindText(has.kind)}
}

func (e *TakenError) Error() string {
	text := fmt.Sprintf("%q: %v, as %s from %s", e.Has, ErrTaken, e.what, e.From)
	if e.Has != e.Path {
		text += fmt.Sprintf(", and %q cannot be there with it", e.Path)
	}
	return text
}

// Is makes it ErrTaken.
func (e *TakenError) Is(target error) bool { return target == ErrTaken }
