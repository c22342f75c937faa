//go:build !linux

package vfs

import "errors"

// MountOf is Linux's alone, as appliances are.
func MountOf(string) (*Mount, error) { return nil, errors.ErrUnsupported }
