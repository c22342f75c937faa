package appliance

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/manifest"
)

// fileMeta restores the metadata of an open file or folder.
func (x *extractor) fileMeta(fd int, rec *manifest.Record) error {
	for _, a := range rec.Xattrs {
		if err := unix.Fsetxattr(fd, a.Name, a.Value, 0); err != nil {
			x.warn(fmt.Sprintf("%q: extended attribute %q: %v", rec.Path, a.Name, err))
		}
	}
	if x.o.Owner {
		if err := unix.Fchown(fd, int(rec.UID), int(rec.GID)); err != nil {
			x.warn(fmt.Sprintf("%q: owner: %v", rec.Path, err))
		}
	}
	if err := unix.Fchmod(fd, x.mode(rec)); err != nil {
		return err
	}
	tv := times(rec.Mtime)
	return unix.UtimesNanoAt(fd, "", tv[:], unix.AT_EMPTY_PATH)
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

func (x *extractor) linkMeta(dir int, base string, rec *manifest.Record) {
	tv := times(rec.Mtime)
	if err := unix.UtimesNanoAt(dir, base, tv[:], unix.AT_SYMLINK_NOFOLLOW); err != nil {
		x.warn(fmt.Sprintf("%q: time: %v", rec.Path, err))
	}
	if x.o.Owner {
		if err := unix.Fchownat(dir, base, int(rec.UID), int(rec.GID), unix.AT_SYMLINK_NOFOLLOW); err != nil {
			x.warn(fmt.Sprintf("%q: owner: %v", rec.Path, err))
		}
	}
}

// meta restores a folder's metadata.
func (x *extractor) meta(rec *manifest.Record) {
	f, err := x.root.OpenFile(filepath.FromSlash(rec.Path), os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		x.warn(fmt.Sprintf("%q: %v", rec.Path, err))
		return
	}
	defer f.Close()
	if err := x.fileMeta(int(f.Fd()), rec); err != nil {
		x.warn(fmt.Sprintf("%q: %v", rec.Path, err))
	}
}
