//go:build !linux

package firmware

import (
	"errors"
	"fmt"
)

var errLinuxOnly = fmt.Errorf("unlocking a device needs Linux: %w", errors.ErrUnsupported)

// OpenSecrets needs Linux.
func OpenSecrets() (*Secrets, error) { return nil, errLinuxOnly }

// Put needs Linux.
func (s *Secrets) Put(Secret) error { return errLinuxOnly }

// Get needs Linux.
func (s *Secrets) Get(ID) (Secret, error) { return Secret{}, errLinuxOnly }

// Remove needs Linux.
func (s *Secrets) Remove(ID) error { return errLinuxOnly }

// HardenProcess needs Linux; elsewhere it does nothing.
func HardenProcess() error { return nil }

// SwapInUse needs Linux; elsewhere it says no.
func SwapInUse() bool { return false }
