package appliance

import "errors"

// ErrEmptySource: the source holds nothing. Most often it is not mounted.
var ErrEmptySource = errors.New("the source is empty")
