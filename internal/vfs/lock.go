package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
)

// ErrLocked reports a name that somebody else has locked.
var ErrLocked = errors.New("it is locked by another process")

// LockKind is how its holder means to keep a lock. Both kinds exclude both; who is
// refused learns by [Locked] whether waiting is worth while.
type LockKind int

// The kinds of lock.
const (
	NoLock    LockKind = iota
	LongLock           // until some work is done
	BriefLock          // for a look
)

// Locker is what an FS may be, too: one whose names can be locked.
type Locker interface {
	// Lock locks a name until the closer is closed or the process ends, however it
	// ends; a power cut leaves no lock behind. "." is the disk's own folder, to which
	// nothing is written; a file that does not exist is made, and is not durable. It
	// does not wait: a name that has a lock already, by this process or another, is
	// ErrLocked. Reads and writes ask no lock.
	Lock(name string, kind LockKind) (io.Closer, error)
	// Locked tells which lock a file has, and takes none: a Lock at the same moment
	// does not feel it. A file that does not exist has NoLock. Of a folder it is
	// errors.ErrUnsupported.
	Locked(name string) (LockKind, error)
}

// Lock locks a name for long; where that cannot be done, it is errors.ErrUnsupported.
func Lock(fsys FS, name string) (io.Closer, error) { return LockAs(fsys, name, LongLock) }

// LockAs locks a name with a kind that [Locked] tells to others.
func LockAs(fsys FS, name string, kind LockKind) (io.Closer, error) {
	if l, ok := fsys.(Locker); ok {
		return l.Lock(name, kind)
	}
	return nil, fmt.Errorf("lock %s: %w", clip(name), errors.ErrUnsupported)
}

// Locked tells which lock a file has; where that cannot be told, it is errors.ErrUnsupported.
func Locked(fsys FS, name string) (LockKind, error) {
	if l, ok := fsys.(Locker); ok {
		return l.Locked(name)
	}
	return NoLock, fmt.Errorf("lock %s: %w", clip(name), errors.ErrUnsupported)
}

// Lock implements Locker by locks of the system, each with a descriptor of its own.
func (o *osFS) Lock(name string, kind LockKind) (io.Closer, error) {
	if err := checkNames(OpLock, name); err != nil {
		return nil, err
	}
	f, err := o.openLock(name)
	if err != nil {
		return nil, err
	}
	if name == "." {
		err = lockDir(f)
	} else {
		err = lockFile(f, kind)
	}
	if err != nil {
		f.Close()
		return nil, &fs.PathError{Op: string(OpLock), Path: name, Err: err}
	}
	return f, nil
}

// Locked implements Locker.
func (o *osFS) Locked(name string) (LockKind, error) {
	if err := checkNames(OpLock, name); err != nil {
		return NoLock, err
	}
	if name == "." {
		return NoLock, &fs.PathError{Op: string(OpLock), Path: name, Err: errors.ErrUnsupported}
	}
	f, err := openSame(o.root, name, os.O_RDONLY|noWait, fs.FileMode.IsRegular, ErrNotRegular)
	if errors.Is(err, fs.ErrNotExist) {
		return NoLock, nil
	}
	if err != nil {
		return NoLock, err
	}
	defer f.Close()
	kind, err := fileLocked(f)
	if err != nil {
		err = &fs.PathError{Op: string(OpLock), Path: name, Err: err}
	}
	return kind, err
}

func (o *osFS) openLock(name string) (*os.File, error) {
	if name == "." {
		return o.openDir(name)
	}
	f, err := createBeneath(o.root, name, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return openSame(o.root, name, os.O_RDWR, fs.FileMode.IsRegular, ErrNotRegular)
	}
	return f, err
}

// Lock implements Locker. CrashClone knows of no lock.
func (m *Mem) Lock(name string, kind LockKind) (io.Closer, error) {
	if name != "." {
		f, err := m.Create(name, CreateOptions{})
		if err == nil {
			err = f.Close()
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
	if err := m.beginRead(OpLock, name); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	node, err := m.find(OpLock, name)
	if err == nil && node.locked != NoLock {
		err = &fs.PathError{Op: string(OpLock), Path: name, Err: ErrLocked}
	}
	if err != nil {
		return nil, err
	}
	node.locked = kind
	return &memLock{m: m, node: node}, nil
}

// Locked implements Locker.
func (m *Mem) Locked(name string) (LockKind, error) {
	if name == "." {
		return NoLock, &fs.PathError{Op: string(OpLock), Path: name, Err: errors.ErrUnsupported}
	}
	if err := m.beginRead(OpLock, name); err != nil {
		return NoLock, err
	}
	defer m.mu.Unlock()
	node, err := m.find(OpLock, name)
	if errors.Is(err, fs.ErrNotExist) {
		return NoLock, nil
	}
	if err != nil {
		return NoLock, err
	}
	return node.locked, nil
}

type memLock struct {
	m    *Mem
	node *memNode
	once sync.Once
}

func (l *memLock) Close() error {
	l.once.Do(func() {
		l.m.mu.Lock()
		defer l.m.mu.Unlock()
		l.node.locked = NoLock
	})
	return nil
}

// Lock implements Locker.
func (f *Fault) Lock(name string, kind LockKind) (held io.Closer, err error) {
	err = f.do(OpLock, name, func() (err error) {
		held, err = LockAs(f.inner, name, kind)
		return err
	})
	if err != nil && held != nil {
		held.Close() // the caller gets none
		held = nil
	}
	return held, err
}

// Locked implements Locker.
func (f *Fault) Locked(name string) (kind LockKind, err error) {
	err = f.do(OpLock, name, func() (err error) {
		kind, err = Locked(f.inner, name)
		return err
	})
	return kind, err
}

var (
	_ Locker = (*osFS)(nil)
	_ Locker = (*Mem)(nil)
	_ Locker = (*Fault)(nil)
)
