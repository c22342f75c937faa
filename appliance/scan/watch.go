package scan

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/internal/vfs"
)

// ErrSourceGone: the source cannot be read any more: pulled out, or its server
// does not answer. What was loaded stays; the same load goes on when it is back.
var ErrSourceGone = errors.New("the source has gone")

// maxFailedInRow is how many entries may fail one after another, where it is not
// sure that the source is still there, before other files of it are tried.
const maxFailedInRow = 32

// watch tells entries that cannot be read from a source that has gone: after
// an error that may mean the latter, the source is asked. Once gone it stays so:
// what fails then is not recorded as skipped.
type watch struct {
	name  string
	check func() (sure bool, err error) // vfs.Tree.Check
	alive func() bool                   // whether any other file can be read

	stop atomic.Pointer[stopping]

	row  atomic.Int32 // errors since something could be read
	is   atomic.Bool  // gone is set
	mu   sync.Mutex
	gone error
}

// failed judges an entry's error: it returns why the source has gone, or nil. An
// error of the process's own ends the load likewise.
func (s *watch) failed(err error) error {
	gone := s.judge(err)
	if why := s.stopped(); why != nil {
		return why
	}
	return gone
}

func (s *watch) judge(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone == nil && err != nil && disk.OwnFault(err) && !errors.Is(err, unix.EAGAIN) { // of a lease that did not end
		s.gone = fmt.Errorf("source %s: %w", s.name, err) // what this process cannot open says nothing of the source
		s.is.Store(true)
	}
	if s.gone != nil || errors.As(err, new(Judged)) || !mayBeGone(err) {
		return s.gone
	}
	row := s.row.Add(1)
	sure, lost := s.check()
	switch {
	case lost != nil:
		s.end(lost)
	case !sure && row >= maxFailedInRow && s.alive(): // bad files lie beside one another
		s.row.Store(0)
	case !sure && row >= maxFailedInRow:
		s.end(fmt.Errorf("%d entries in a row could not be read, the last: %w", row, err))
	}
	return s.gone
}

// Judged is an error that the watch knows already.
type Judged struct{ Err error }

func (j Judged) Error() string { return j.Err.Error() }
func (j Judged) Unwrap() error { return j.Err }

// end says that the source has gone. The caller holds the lock.
func (s *watch) end(why error) {
	s.gone = fmt.Errorf("%w: %s: %w", ErrSourceGone, s.name, why)
	s.is.Store(true)
}

// worked says that something could be read.
func (s *watch) worked() {
	if s.row.Load() != 0 {
		s.row.Store(0)
	}
}

// lost returns why the source has gone, or nil.
func (s *watch) lost() error {
	if why := s.stopped(); why != nil {
		return why
	}
	if !s.is.Load() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gone
}

// ask asks the source without an error before: a FAT whose medium is gone has
// empty folders.
func (s *watch) ask() error {
	gone := s.asked()
	if why := s.stopped(); why != nil {
		return why
	}
	return gone
}

func (s *watch) asked() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone == nil {
		if _, err := s.check(); err != nil {
			s.end(err)
		}
	}
	return s.gone
}

// goneErrors are what file systems answer without their medium or server.
var goneErrors = []error{unix.EIO, unix.ENODEV, unix.ENXIO, unix.ENOMEDIUM, unix.EREMOTEIO, unix.EUCLEAN, unix.ESHUTDOWN,
	unix.ESTALE, unix.ENOTCONN, unix.ETIMEDOUT, unix.EHOSTDOWN, unix.EHOSTUNREACH, unix.ENETDOWN, unix.ENETUNREACH,
	vfs.ErrNoAnswer, unix.ECONNREFUSED, unix.ECONNRESET, unix.ECONNABORTED, unix.EPIPE, fs.ErrNotExist}

// Unreachable reports whether a source's path answers as one without its medium or server.
func Unreachable(err error) bool { return mayBeGone(err) && !errors.Is(err, fs.ErrNotExist) }

func mayBeGone(err error) bool {
	for _, e := range goneErrors {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
