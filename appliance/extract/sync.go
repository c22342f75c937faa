package extract

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// ErrUnsynced: the system could not write to the disk what was extracted. Nothing that
// was written since the sync before has its name.
var ErrUnsynced = errors.New("what was written may not be on the disk")

// syncCalls are the system's ways to have bytes on the disk, and to read them from there.
type syncCalls struct {
	syncfs func(fd int) error // writes all of the file system
	fsync  func(fd int) error
	forget func(fd int) error // drops an open file's pages that are written
}

var systemSyncs = syncCalls{
	syncfs: unix.Syncfs,
	fsync:  unix.Fsync,
	forget: func(fd int) error { return unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED) },
}

// outSync makes what is below the extraction folder durable. The system reports a failed
// write once, and takes the pages for clean then: after the first failure every sync
// fails.
type outSync struct {
	calls syncCalls
	each  bool // syncfs is not believed: each file is synced by itself

	mu   sync.Mutex // held while syncfs runs, as the report is of whoever asks first
	some bool       // syncfs was called
	err  error      // the first failure
}

// all syncs the file system of root. name is for the error.
func (s *outSync) all(root int, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.locked(root, name)
}

func (s *outSync) locked(root int, name string) error {
	if s.err == nil {
		s.some = true
		s.err = syncError(name, again(s.calls.syncfs, root))
	}
	return s.err
}

// one syncs an open file where that is needed.
func (s *outSync) one(fd int, name string) error {
	if !s.each {
		return nil
	}
	return s.failed(syncError(name, again(s.calls.fsync, fd)))
}

// folder is one for a folder, which not every file system can sync.
func (s *outSync) folder(fd int, name string) error {
	if !s.each {
		return nil
	}
	err := again(s.calls.fsync, fd)
	if err == unix.EINVAL || err == unix.ENOTSUP {
		return nil
	}
	return s.failed(syncError(name, err))
}

// names is folder for a place for names, which fsync does not take. Its error is the next
// sync's.
func (s *outSync) names(at int, name string) {
	if !s.each {
		return
	}
	fd, err := unix.Openat(at, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		s.failed(syncError(name, err))
		return
	}
	defer unix.Close(fd)
	s.folder(fd, name)
}

// above is names for a folder outside of the extraction folder.
func (s *outSync) above(folder string) {
	if f, err := os.Open(folder); s.each && err == nil { // one that may not be read cannot be synced
		defer f.Close()
		s.folder(int(f.Fd()), folder)
	}
}

func (s *outSync) failed(err error) error {
	if err == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
	return err
}

// cold has the next reads of an open file come from the disk. What the file system has
// still to write is written before the first one.
func (s *outSync) cold(fd, root int, name string) error {
	s.mu.Lock()
	var err error
	if !s.some {
		err = s.locked(root, name)
	}
	s.mu.Unlock()
	if err == nil {
		err = s.one(fd, name)
	}
	if err == nil {
		_ = s.calls.forget(fd) // a hint
	}
	return err
}

func syncError(name string, err error) error {
	if err != nil {
		err = fmt.Errorf("sync of %s: %w: %w", name, ErrUnsynced, err)
	}
	return err
}

func again(call func(fd int) error, fd int) error {
	for {
		if err := call(fd); err != unix.EINTR {
			return err
		}
	}
}

// Types of file systems whose syncfs does not report what their fsync does: a FUSE
// server is not asked, and stacked ones do not pass on the errors of what is below.
var silentSyncfs = map[uint32]bool{0x65735546: true, 0x794C7630: true, 0xF15F: true, 0x61756673: true}

// needsEach reports whether syncfs is silent about failed writes in an open folder.
func needsEach(fd int) bool {
	var u unix.Utsname
	var st unix.Statfs_t
	return unix.Uname(&u) != nil || !syncfsReports(unix.ByteSliceToString(u.Release[:])) ||
		unix.Fstatfs(fd, &st) != nil || silentSyncfs[uint32(st.Type)]
}

// syncfsReports reports whether a kernel's syncfs tells failed writes, as from Linux 5.8.
func syncfsReports(release string) bool {
	first, rest, _ := strings.Cut(release, ".")
	second := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
	major, err := strconv.Atoi(first)
	minor, merr := strconv.Atoi(second)
	return err == nil && merr == nil && (major > 5 || major == 5 && minor >= 8)
}
