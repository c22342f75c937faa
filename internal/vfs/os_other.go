//go:build !linux

package vfs

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
)

// Appliances run Linux. Elsewhere (an auditor's laptop) files are buffered, and
// nothing is preallocated or punched; zeros are written instead.

// noWait is nothing here: a name's kind is read before it is opened.
const noWait = 0

func localize(name string) string { return filepath.FromSlash(name) }

func setDirect(*os.File, bool) error { return errors.ErrUnsupported }

func directReadAt(f *os.File, p []byte, off int64) (int, error) { return f.ReadAt(p, off) }

func preallocate(*os.File, int64) error { return nil }

func punch(*os.File, int64, int64) error { return errors.ErrUnsupported }

func dropCache(*os.File) error { return nil }

func syncAll(*os.File) error { return nil }

func prefetch(*os.File, int64, int64) {}

// syncDir syncs a folder. Windows cannot, and journals its folders itself.
func syncDir(d *os.File) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	return d.Sync()
}

func diskFree(*os.File) (free, total int64, err error) { return 0, 0, errors.ErrUnsupported }
