package read

import (
	"errors"
)

var (
	// ErrNotSealed: only a sealed device can be received, read and imported.
	ErrNotSealed = errors.New("this device is not sealed")
	// ErrRollback: the disks are not the ones that the label describes.
	ErrRollback = errors.New("label and disks differ")
	// ErrForked: a device key signed two states of one generation that do not fit together.
	ErrForked = errors.New("the device signed two states of one generation")
	// ErrNotFound: no such entry in the manifest.
	ErrNotFound = errors.New("not in the manifest")
)

// ErrRefused: the verifier that has its own parser and no key refuses the device.
// Nothing of it is to be used.
var ErrRefused = errors.New("not to be used")
