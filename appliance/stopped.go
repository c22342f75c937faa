package appliance

import "errors"

// errStopped ends a walk whose caller has what it looked for.
var errStopped = errors.New("stopped")
