package scan

import "errors"

// ErrEmptySource: a source has no entry below its root. Most often it is a mount point
// with nothing mounted, so a load of nothing is no success. It is allowed where the
// operator says so (sledge load --allow-empty).
var ErrEmptySource = errors.New("source is empty")

// Vanished is the reason of what is not there any more.
const Vanished = "vanished"

// DeviceError is an error of the device, not of the source: it ends the load.
type DeviceError struct{ Err error }

func (e DeviceError) Error() string { return e.Err.Error() }
