//go:build !unix

package vfs

import (
	"errors"
	"os"
)

func lockDir(*os.File) error { return errors.ErrUnsupported }

func lockFile(*os.File, LockKind) error { return errors.ErrUnsupported }

func fileLocked(*os.File) (LockKind, error) { return NoLock, errors.ErrUnsupported }
