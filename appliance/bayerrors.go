package appliance

import (
	"errors"
)

// ErrBayHere: the bay that is to be rebuilt has a disk among those given, or none is missing.
var ErrBayHere = errors.New("the bad disk is among those given")

// ErrNoBay: the device does not have such a bay.
var ErrNoBay = errors.New("this device has other bays")
