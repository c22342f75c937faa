package vfs

import (
	"errors"
	"io"
	"io/fs"
	"math/bits"
	"os"

	"golang.org/x/sys/unix"
)

// noWait makes open return although a pipe that took a file's name has no writer.
const noWait = unix.O_NONBLOCK

// localize turns a checked name into the system's form, which here is the same.
func localize(name string) string { return name }

// control runs fn with the descriptor, again if a signal interrupted it, and
// without taking the descriptor out of the file's keeping.
func control(f *os.File, fn func(fd int) error) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	err = c.Control(func(fd uintptr) {
		for {
			if result = fn(int(fd)); !errors.Is(result, unix.EINTR) {
				return
			}
		}
	})
	return errors.Join(err, result)
}

// setDirect turns direct I/O on or off for an open file. The flag is set after
// opening because open(2) with O_CREAT and O_DIRECT may leave an empty file
// behind where it is not supported.
func setDirect(f *os.File, on bool) error {
	return control(f, func(fd int) error {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if err != nil {
			return err
		}
		flags &^= unix.O_DIRECT
		if on {
			flags |= unix.O_DIRECT
		}
		_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFL, flags)
		return err
	})
}

// directReadAt is os.File.ReadAt for direct files. That one would go on after a
// short read at the file's end, from an offset that is not aligned.
func directReadAt(f *os.File, p []byte, off int64) (int, error) {
	total := 0
	for total < len(p) {
		n := 0
		err := control(f, func(fd int) (err error) {
			n, err = unix.Pread(fd, p[total:], off+int64(total))
			return err
		})
		if err != nil {
			return total, &fs.PathError{Op: "read", Path: f.Name(), Err: err}
		}
		total += n
		if n == 0 || n%Alignment != 0 {
			break
		}
	}
	if total < len(p) {
		return total, io.EOF
	}
	return total, nil
}

// preallocate reserves n bytes without changing the size.
func preallocate(f *os.File, n int64) error {
	if n <= 0 {
		return nil
	}
	err := control(f, func(fd int) error {
		return unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, 0, n)
	})
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	return err
}

func punch(f *os.File, off, n int64) error {
	return control(f, func(fd int) error {
		return unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
	})
}

func dropCache(f *os.File) error {
	return control(f, func(fd int) error {
		return unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED)
	})
}

// syncAll writes what the file system of an open file has still to write. One that
// cannot be written to has nothing.
func syncAll(f *os.File) error {
	err := control(f, unix.Syncfs)
	if errors.Is(err, unix.EROFS) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) {
		return nil
	}
	return err
}

func prefetch(f *os.File, off, n int64) {
	control(f, func(fd int) error { return unix.Fadvise(fd, off, n, unix.FADV_WILLNEED) }) // a hint
}

func syncDir(d *os.File) error { return d.Sync() }

func diskFree(d *os.File) (free, total int64, err error) {
	var st unix.Statfs_t
	err = control(d, func(fd int) error { return unix.Fstatfs(fd, &st) })
	if err != nil {
		return 0, 0, err
	}
	free, total = spaceOf(&st)
	return free, total, nil
}

// spaceOf counts in fragments, as statvfs(3) says; f_bsize is only the size that
// I/O likes, and larger on some file systems. Bavail leaves out what only root may
// use. It goes below zero where root has used of it: then nothing is free.
func spaceOf(st *unix.Statfs_t) (free, total int64) {
	unit := uint64(st.Frsize)
	if st.Frsize <= 0 { // Linux before 2.6
		unit = uint64(max(st.Bsize, 1))
	}
	available := st.Bavail
	if available > st.Blocks {
		available = 0
	}
	return clampBytes(available, unit), clampBytes(st.Blocks, unit)
}

// maxSpace is more than any disk has, and so little that a set's sum fits an int64.
const maxSpace = 1 << 56

// clampBytes is n·unit, at most maxSpace: file systems without a limit, such as
// those of a network, tell counts whose bytes fit no integer.
func clampBytes(n, unit uint64) int64 {
	high, low := bits.Mul64(n, unit)
	if high > 0 {
		return maxSpace
	}
	return int64(min(low, maxSpace))
}
