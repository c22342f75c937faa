//go:build !linux

package firmware

import (
	"errors"
	"fmt"
)

var errLinuxOnly = fmt.Errorf("unlocking a device needs Linux: %w", errors.ErrUnsupported)

// OpenSecrets needs Linux.
func OpenSecrets(Record) (*Secrets, error) { return nil, errLinuxOnly }

// Put needs Linux.
func (s *Secrets) Put(Secret) error { return errLinuxOnly }

// Get needs Linux.
func (s *Secrets) Get(ID) (Secret, error) { return Secret{}, errLinuxOnly }

// Remove needs Linux.
func (s *Secrets) Remove(ID) error { return errLinuxOnly }

// Usable needs Linux.
func (s *Secrets) Usable() error { return errLinuxOnly }

// Sweep needs Linux.
func (s *Secrets) Sweep(ID) error { return errLinuxOnly }

func (s *Secrets) place() (SecretPlace, error) { return SecretPlace{}, errLinuxOnly }

func (s *Secrets) erase([]SecretPlace, ID) (int, []SecretPlace, error) { return 0, nil, errLinuxOnly }

// HardenProcess needs Linux; elsewhere it does nothing.
func HardenProcess() error { return nil }

// SwapInUse needs Linux; elsewhere it says no.
func SwapInUse() bool { return false }
