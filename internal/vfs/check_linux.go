package vfs

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Check looks from the outside in: whether the path still leads to the root that
// is held open, whether the system still has the device, whether the file system
// answers, and whether the device can be read. A file system whose medium is gone
// answers from its cache for a long time.
func (t osTree) Check() (sure bool, err error) {
	fd, err := openAt(unix.AT_FDCWD, t.path, unix.O_DIRECTORY)
	if err != nil {
		return false, fmt.Errorf("open %s: %w", t.path, err)
	}
	defer unix.Close(fd)
	root := osDir{fd: fd}
	now, err := root.StatFresh(".")
	if err != nil {
		return false, fmt.Errorf("stat %s: %w", t.path, err)
	}
	was, err := (&osDir{fd: t.fd}).StatFresh(".")
	if err != nil {
		return false, fmt.Errorf("stat %s: %w", t.path, err)
	}
	if now.Dev != was.Dev || now.Ino != was.Ino {
		return false, fmt.Errorf("%s is another folder now", t.path)
	}
	if err := root.Names(func(string, bool) error { return io.EOF }); err != nil && err != io.EOF {
		return false, fmt.Errorf("list %s: %w", t.path, err)
	}
	return t.checkDevice(was.Dev)
}

// checkDevice is for file systems that had a block device when the tree was
// opened.
func (t osTree) checkDevice(dev uint64) (sure bool, err error) {
	if t.block == "" {
		return false, nil
	}
	number := fmt.Sprintf("%d:%d", unix.Major(dev), unix.Minor(dev))
	if _, err := os.Stat("/sys/dev/block/" + number); err != nil {
		return false, fmt.Errorf("device %s is not there: %w", t.block, unix.ENODEV)
	}
	return readDevice(t.block)
}

// readDevice reads a device's first block past the cache. A device that the
// caller may not read is not judged.
func readDevice(node string) (sure bool, err error) {
	fd, err := openAt(unix.AT_FDCWD, node, unix.O_DIRECT)
	switch err {
	case nil:
	case unix.ENXIO, unix.ENODEV, unix.EIO, unix.ENOMEDIUM:
		return false, fmt.Errorf("open %s: %w", node, err)
	default:
		return false, nil
	}
	defer unix.Close(fd)
	_, err = retry(func() (int, error) { return unix.Pread(fd, AlignedBuffer(4096), 0) })
	if err != nil && err != unix.EINVAL {
		return false, fmt.Errorf("read %s: %w", node, err)
	}
	return err == nil, nil
}
