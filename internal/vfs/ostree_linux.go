package vfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// osTree holds the root open, so that what is read is one tree even if the path
// to it changes.
type osTree struct {
	fd      int
	path    string
	block   string // the root's device, or empty
	volume  Volume
	volumes *volumeCache
}

// OSTree opens a folder of the system. The path to it may lead through symbolic
// links; below it none is followed.
func OSTree(path string) (Tree, error) {
	fd, err := openAt(unix.AT_FDCWD, path, unix.O_DIRECTORY)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	volume, block := volumeOf(fd)
	return osTree{fd: fd, path: path, block: block, volume: volume, volumes: &volumeCache{}}, nil
}

func (t osTree) Close() error { return unix.Close(t.fd) }

func (t osTree) Volume() Volume { return t.volume }

// OpenDir asks the system to resolve the path below the root without symbolic
// links; where it cannot (Linux before 5.6, a filter of calls, a path longer than
// it takes), one element after another.
func (t osTree) OpenDir(path string) (Dir, error) {
	if path == "" {
		path = "."
	}
	fd, err := retry(func() (int, error) {
		return unix.Openat2(t.fd, path, &unix.OpenHow{Flags: unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC,
			Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS})
	})
	switch {
	case err == unix.ENOSYS || err == unix.EPERM || err == unix.ENAMETOOLONG || err == unix.EAGAIN:
		fd, err = t.descend(path)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return &osDir{fd: fd, volumes: t.volumes}, nil
}

func (t osTree) descend(path string) (int, error) {
	at := t.fd
	for element := range strings.SplitSeq(path, "/") {
		if element == ".." || element == "" {
			return -1, unix.EINVAL
		}
		next, err := openAt(at, element, unix.O_DIRECTORY|unix.O_NOFOLLOW)
		if at != t.fd {
			unix.Close(at)
		}
		if err != nil {
			return -1, err
		}
		at = next
	}
	return at, nil
}

func openAt(dir int, name string, flags int) (int, error) {
	return retry(func() (int, error) { return unix.Openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC|flags, 0) })
}

// retry calls again what a signal interrupted.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR {
			return n, err
		}
	}
}

type osDir struct {
	fd      int
	volumes *volumeCache
}

func (d *osDir) Close() error { return unix.Close(d.fd) }

var direntBuffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

func (d *osDir) Names(f func(name string, dir bool) error) error {
	if _, err := unix.Seek(d.fd, 0, io.SeekStart); err != nil {
		return err
	}
	buf := direntBuffers.Get().(*[64 << 10]byte)
	defer direntBuffers.Put(buf)
	for {
		n, err := retry(func() (int, error) { return unix.ReadDirent(d.fd, buf[:]) })
		if n <= 0 || err != nil {
			return err
		}
		for rest := buf[:n]; len(rest) > 0; {
			var name []byte
			var kind byte
			if name, kind, rest, err = cutDirent(rest); err != nil {
				return err
			}
			if s := string(name); s != "." && s != ".." {
				if err := f(s, d.isDir(s, kind)); err != nil {
					return err
				}
			}
		}
	}
}

// cutDirent takes the first struct linux_dirent64 off (getdents64(2)): inode,
// offset, length of the entry, kind, name up to a NUL.
func cutDirent(b []byte) (name []byte, kind byte, rest []byte, err error) {
	const head = 19
	if len(b) < head {
		return nil, 0, nil, unix.EIO
	}
	n := int(binary.NativeEndian.Uint16(b[16:]))
	if n < head || n > len(b) {
		return nil, 0, nil, unix.EIO
	}
	name, _, _ = bytes.Cut(b[head:n], []byte{0})
	return name, b[18], b[n:], nil
}

// isDir asks where the file system's folders do not say.
func (d *osDir) isDir(name string, kind byte) bool {
	if kind != unix.DT_UNKNOWN {
		return kind == unix.DT_DIR
	}
	st, err := d.Stat(name)
	return err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
}

func (d *osDir) Volume() Volume { return d.volumes.of(d.fd) }

func (d *osDir) Stat(name string) (Info, error) {
	var st unix.Stat_t
	_, err := retry(func() (int, error) { return 0, unix.Fstatat(d.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	if err != nil {
		return Info{}, err
	}
	return statInfo(&st), nil
}

func (d *osDir) StatFresh(name string) (Info, error) {
	info, err := statFresh(d.fd, name, unix.AT_SYMLINK_NOFOLLOW)
	if noStatx(err) {
		return d.Stat(name)
	}
	return info, err
}

func statInfo(st *unix.Stat_t) Info {
	return Info{Mode: st.Mode, UID: st.Uid, GID: st.Gid, Size: st.Size, Allocated: st.Blocks * 512,
		Mtime: time.Unix(st.Mtim.Unix()), Ctime: time.Unix(st.Ctim.Unix()), Dev: uint64(st.Dev), Ino: st.Ino, Nlink: uint64(st.Nlink)}
}

// statFresh has a client ask its server. On a local file system it costs no more
// than any other stat.
func statFresh(fd int, name string, flags int) (Info, error) {
	var st unix.Statx_t
	_, err := retry(func() (int, error) {
		return 0, unix.Statx(fd, name, flags|unix.AT_STATX_FORCE_SYNC, unix.STATX_BASIC_STATS, &st)
	})
	if err != nil {
		return Info{}, err
	}
	return Info{Mode: uint32(st.Mode), UID: st.Uid, GID: st.Gid, Size: int64(st.Size), Allocated: int64(st.Blocks) * 512,
		Mtime: time.Unix(st.Mtime.Sec, int64(st.Mtime.Nsec)), Ctime: time.Unix(st.Ctime.Sec, int64(st.Ctime.Nsec)),
		Dev: unix.Mkdev(st.Dev_major, st.Dev_minor), Ino: st.Ino, Nlink: uint64(st.Nlink)}, nil
}

// noStatx reports whether the call itself is what failed: before Linux 4.11, or
// under a filter of calls that does not know it.
func noStatx(err error) bool { return err == unix.ENOSYS || err == unix.EPERM || err == unix.EINVAL }

// Open leaves access times alone where it may.
func (d *osDir) Open(name string) (TreeFile, error) {
	flags := unix.O_NOFOLLOW | unix.O_NONBLOCK
	fd, err := openAt(d.fd, name, flags|unix.O_NOATIME)
	if err == unix.EPERM {
		fd, err = openAt(d.fd, name, flags)
	}
	if err != nil {
		return nil, err
	}
	return osTreeFile(fd), nil
}

func (d *osDir) Readlink(name string, max int) (string, error) {
	buf := make([]byte, max+1)
	n, err := retry(func() (int, error) { return unix.Readlinkat(d.fd, name, buf) })
	if err == nil && n > max {
		err = unix.ENAMETOOLONG
	}
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}

func (d *osDir) Attributes(name string) Attributes {
	return pathAttributes(fmt.Sprintf("/proc/self/fd/%d/%s", d.fd, name))
}

// pathAttributes are of a path that is not followed: the calls that take a folder
// and a name are younger than most kernels.
type pathAttributes string

func (p pathAttributes) List(dest []byte) (int, error) {
	return retry(func() (int, error) { return unix.Llistxattr(string(p), dest) })
}

func (p pathAttributes) Get(name string, dest []byte) (int, error) {
	return retry(func() (int, error) { return unix.Lgetxattr(string(p), name, dest) })
}

// osTreeFile is a descriptor.
type osTreeFile int

func (f osTreeFile) Close() error           { return unix.Close(int(f)) }
func (f osTreeFile) Attributes() Attributes { return f }

func (f osTreeFile) ReadAt(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		n, err := unix.Pread(int(f), p[done:], off+int64(done))
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return done, err
		case n == 0:
			return done, io.EOF
		}
		done += max(n, 0)
	}
	return done, nil
}

func (f osTreeFile) ReadSome(p []byte, off int64) (int, error) {
	n, err := retry(func() (int, error) { return unix.Pread(int(f), p, off) })
	return max(n, 0), err
}

func (f osTreeFile) Stat() (Info, error) {
	info, err := statFresh(int(f), "", unix.AT_EMPTY_PATH)
	if !noStatx(err) {
		return info, err
	}
	var st unix.Stat_t
	_, err = retry(func() (int, error) { return 0, unix.Fstat(int(f), &st) })
	return statInfo(&st), err
}

// Written asks for a read lease, which only a file's owner and CAP_LEASE get, and
// gives it back at once: a writer that comes in between waits for that long.
func (f osTreeFile) Written() bool {
	_, err := unix.FcntlInt(uintptr(f), unix.F_SETLEASE, unix.F_RDLCK)
	if err == nil {
		unix.FcntlInt(uintptr(f), unix.F_SETLEASE, unix.F_UNLCK)
	}
	return err == unix.EAGAIN
}

func (f osTreeFile) Data(off, size int64) (from, to int64) {
	from, err := unix.Seek(int(f), off, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) {
		return size, size
	}
	if err != nil {
		return off, size
	}
	to, err = unix.Seek(int(f), from, unix.SEEK_HOLE)
	if err != nil || to > size || to <= from {
		to = size
	}
	return min(from, size), to
}

func (f osTreeFile) List(dest []byte) (int, error) {
	return retry(func() (int, error) { return unix.Flistxattr(int(f), dest) })
}

func (f osTreeFile) Get(name string, dest []byte) (int, error) {
	return retry(func() (int, error) { return unix.Fgetxattr(int(f), name, dest) })
}
