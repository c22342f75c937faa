package extract

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/manifest"
)

// metaPlace is a file, folder or link whose attributes are restored: an open
// descriptor, or a name in a folder that is not followed.
type metaPlace struct {
	fd   int
	name string // "": fd itself
}

func (p metaPlace) flags() int {
	if p.name == "" {
		return unix.AT_EMPTY_PATH
	}
	return unix.AT_SYMLINK_NOFOLLOW
}

func (p metaPlace) setXattr(name string, value []byte) error {
	if p.name == "" {
		return unix.Fsetxattr(p.fd, name, value, 0)
	}
	return unix.Lsetxattr(fmt.Sprintf("/proc/self/fd/%d/%s", p.fd, p.name), name, value, 0)
}

// setTime takes the way by /proc on kernels before 5.8, which know no empty path here.
func (p metaPlace) setTime(t time.Time) error {
	tv := times(t)
	err := unix.UtimesNanoAt(p.fd, p.name, tv[:], p.flags())
	if p.name == "" && (err == unix.EINVAL || err == unix.ENOENT) {
		err = unix.UtimesNanoAt(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", p.fd), tv[:], 0)
	}
	return err
}

// stat asks by statx, which has the times that 32 bits do not hold. Kernels before 4.11 and
// some sandboxes refuse it.
func (p metaPlace) stat(statx func(fd int, name string, flags, mask int, st *unix.Statx_t) error) (st unix.Statx_t, err error) {
	err = statx(p.fd, p.name, p.flags(), unix.STATX_MODE|unix.STATX_UID|unix.STATX_GID|unix.STATX_MTIME, &st)
	if err != unix.ENOSYS && err != unix.EPERM {
		return st, err
	}
	var old unix.Stat_t
	if err := unix.Fstatat(p.fd, p.name, &old, p.flags()); err != nil {
		return st, err
	}
	st.Mode, st.Uid, st.Gid = uint16(old.Mode), old.Uid, old.Gid
	st.Mtime.Sec, st.Mtime.Nsec = int64(old.Mtim.Sec), uint32(old.Mtim.Nsec)
	return st, nil
}

// fileMeta restores the attributes of an open file or folder. What cannot be restored
// is named in the report; the content is right all the same.
func (x *extractor) fileMeta(fd int, rec *manifest.Record) { x.restore(metaPlace{fd: fd}, rec) }

// linkMeta is fileMeta for a symbolic link.
func (x *extractor) linkMeta(dir int, base string, rec *manifest.Record) {
	x.restore(metaPlace{dir, base}, rec)
}

// restore sets the owner first, as that takes set-id bits and capabilities away. The mode
// comes behind the attributes that a mode without w would refuse, and before those that
// give rights.
func (x *extractor) restore(p metaPlace, rec *manifest.Record) {
	var set attributes
	if x.o.Owner {
		err := unix.Fchownat(p.fd, p.name, int(rec.UID), int(rec.GID), p.flags())
		if set.owner = err == nil; err != nil {
			x.lose(rec.Path, fmt.Sprintf("owner: %v", err))
		}
	}
	x.setXattrs(p, rec, false)
	if p.name == "" { // a symbolic link's mode means nothing
		err := unix.Fchmod(p.fd, x.mode(rec))
		if set.mode = err == nil; err != nil {
			x.lose(rec.Path, fmt.Sprintf("mode: %v", err))
		}
	}
	x.setXattrs(p, rec, true)
	if !rec.Mtime.IsZero() { // one that is not known stays what the system gives
		err := p.setTime(rec.Mtime)
		if set.time = err == nil; err != nil {
			x.lose(rec.Path, fmt.Sprintf("time: %v", err))
		}
	}
	x.look(p, rec, set)
}

// isPrivileged reports whether an attribute says what the system lets its file do, as
// capabilities and labels. Such ones are the source's system's, as the owner is.
func isPrivileged(name string) bool {
	return strings.HasPrefix(name, "security.") || strings.HasPrefix(name, "trusted.")
}

// setXattrs sets the attributes of one kind. The privileged ones need --owner.
func (x *extractor) setXattrs(p metaPlace, rec *manifest.Record, privileged bool) {
	for _, a := range rec.Xattrs {
		if isPrivileged(a.Name) != privileged {
			continue
		}
		if privileged && !x.o.Owner {
			x.notice("extended attributes \"security.\" and \"trusted.\" (file capabilities are among them) are left out, as are set-id bits: they are restored with the owner (--owner)")
			return
		}
		if err := p.setXattr(a.Name, a.Value); err != nil {
			x.lose(rec.Path, fmt.Sprintf("extended attribute %q: %v", a.Name, err))
		}
	}
}

// attributes that were set.
type attributes struct{ owner, mode, time bool }

// look compares what was set with what the file system keeps.
func (x *extractor) look(p metaPlace, rec *manifest.Record, set attributes) {
	st, err := p.stat(unix.Statx)
	if err != nil {
		x.lose(rec.Path, fmt.Sprintf("owner, mode and time cannot be seen: %v", err))
		return
	}
	if set.owner && (st.Uid != rec.UID || st.Gid != rec.GID) {
		x.lose(rec.Path, fmt.Sprintf("owner: %d:%d became %d:%d", rec.UID, rec.GID, st.Uid, st.Gid))
	}
	if got := uint32(st.Mode) & 07777; set.mode && got != x.mode(rec) {
		x.lose(rec.Path, fmt.Sprintf("mode: %04o became %04o", x.mode(rec), got))
	}
	if set.time {
		x.lookTime(rec, time.Unix(st.Mtime.Sec, int64(st.Mtime.Nsec)))
	}
}

// lookTime allows for what file systems round to: up to two seconds.
func (x *extractor) lookTime(rec *manifest.Record, got time.Time) {
	if got.Equal(rec.Mtime) {
		return
	}
	const coarsest = 2 // seconds
	if d := got.Unix() - rec.Mtime.Unix(); d >= coarsest || d <= -coarsest {
		x.lose(rec.Path, fmt.Sprintf("time: %s became %s", rec.Mtime.UTC().Format(time.RFC3339), got.UTC().Format(time.RFC3339)))
		return
	}
	x.notice("the folder's file system keeps times to " + granularity(rec.Mtime, got) + ", so times are off by less than that")
}

// granularity is the coarsest unit that explains a rounded time.
func granularity(want, got time.Time) string {
	switch ns := got.Nanosecond(); {
	case ns == 0 && want.Unix() != got.Unix():
		return "two seconds"
	case ns == 0:
		return "a second"
	case ns%1e6 == 0:
		return "a millisecond"
	case ns%1e3 == 0:
		return "a microsecond"
	}
	return "100 nanoseconds"
}

// mode leaves out set-id bits unless the owner is restored, too.
func (x *extractor) mode(rec *manifest.Record) uint32 {
	if !x.o.Owner {
		return rec.Mode &^ 06000
	}
	return rec.Mode
}

func times(t time.Time) [2]unix.Timespec {
	ts := unix.Timespec{Sec: t.Unix(), Nsec: int64(t.Nanosecond())} // UnixNano ends in 2262
	return [2]unix.Timespec{ts, ts}
}
