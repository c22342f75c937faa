package vfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// statBeneath says what a name itself is. No folder of the name may be a symbolic link:
// the system resolves the name as a whole, at the cost of one folder.
func statBeneath(root *os.Root, name string) (fs.FileInfo, error) {
	f, err := openBeneath(root, name, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if unresolved(err) {
		return statEach(root, name)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() // only looked at
	return f.Stat()
}

// createBeneath makes a file that was not there, behind no symbolic link.
func createBeneath(root *os.Root, name string, perm fs.FileMode) (*os.File, error) {
	f, err := openBeneath(root, name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_LARGEFILE, perm)
	if unresolved(err) {
		return createEach(root, name, perm)
	}
	return f, err
}

// unresolved tells whether the call is what failed: before Linux 5.6, or under a filter
// of calls that does not know it.
func unresolved(err error) bool { return errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) }

// openPlace opens the root as a place to begin or to ask about, which needs no right to
// read it: mode 0311 is a folder's, too.
func openPlace(root *os.Root) (*os.File, error) {
	return root.OpenFile(".", unix.O_PATH|unix.O_DIRECTORY, 0)
}

// openBeneath opens a name of which no folder is a symbolic link.
func openBeneath(root *os.Root, name string, flags uint64, perm fs.FileMode) (*os.File, error) {
	dir, err := openPlace(root)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	how := unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Mode: uint64(perm.Perm()), Resolve: unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_BENEATH}
	fd := -1
	err = control(dir, func(at int) (err error) {
		fd, err = unix.Openat2(at, name, &how)
		return err
	})
	if errors.Is(err, unix.ELOOP) {
		err = errLinked
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), filepath.Join(root.Name(), name)), nil
}
