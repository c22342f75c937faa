package extract

import (
	"io/fs"
	"slices"

	"golang.org/x/sys/unix"
)

// nameCalls are the system's ways to give a file its name.
type nameCalls struct {
	renameNew func(dir int, from, to string) error // fails where something has the name
	link      func(dir int, from, to string) error
}

var systemNames = nameCalls{
	renameNew: func(dir int, from, to string) error {
		return unix.Renameat2(dir, from, dir, to, unix.RENAME_NOREPLACE)
	},
	link: func(dir int, from, to string) error { return unix.Linkat(dir, from, dir, to, 0) },
}

// Errors of a file system that does not have a call.
var (
	noRenameNew = []error{unix.EINVAL, unix.ENOSYS, unix.ENOTSUP}
	noLink      = []error{unix.EPERM, unix.ENOTSUP, unix.ENOSYS, unix.EMLINK, unix.EINVAL}
)

// move gives a file its name, which nothing else may have; the temporary one goes in
// any case. Where the file system has neither call it looks first: what takes the name
// between the look and the rename is replaced.
func (c *nameCalls) move(dir int, temp, name string) (looked bool, err error) {
	err = c.renameNew(dir, temp, name)
	if err == nil {
		return false, nil
	}
	if slices.Contains(noRenameNew, err) {
		err = c.link(dir, temp, name)
		if slices.Contains(noLink, err) {
			if err = lookAndRename(dir, temp, name); err == nil {
				return true, nil
			}
		}
	}
	if rerr := unix.Unlinkat(dir, temp, 0); err == nil {
		err = rerr
	}
	if err != nil {
		return false, &fs.PathError{Op: "rename", Path: name, Err: err}
	}
	return false, nil
}

func lookAndRename(dir int, temp, name string) error {
	var st unix.Stat_t
	switch err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW); err {
	case unix.ENOENT:
		return unix.Renameat(dir, temp, dir, name)
	case nil:
		return unix.EEXIST
	default:
		return err
	}
}
