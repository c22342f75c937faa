package appliance

import "errors"

// ErrEmptySource: a source has no entry below its root. Most often it is a mount point
// with nothing mounted, so a load of nothing is no success. It is allowed where the
// operator says so (sledge load --allow-empty).
var ErrEmptySource = errors.New("source is empty")
