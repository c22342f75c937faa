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

// Locker is what an FS may be, too: one whose names can be locked.
type Locker interface {
	// Lock locks a name until the closer is closed or the process ends, however it
	// ends; a power cut leaves no lock behind. "." is the disk's own folder, to which
	// nothing is written; a file that does not exist is made, and is not durable. It
	// does not wait: a name that has a lock already, by this process or another, is
	// ErrLocked. Reads and writes ask no lock.
	Lock(name string) (io.Closer, error)
}

// Lock locks a name; where that cannot be done, it is errors.ErrUnsupported.
func Lock(fsys FS, name string) (io.Closer, error) {
	if l, ok := fsys.(Locker); ok {
		return l.Lock(name)
	}
	return nil, fmt.Errorf("lock %s: %w", clip(name), errors.ErrUnsupported)
}

// Lock implements Locker by flock, each with a descriptor of its own.
func (o *osFS) Lock(name string) (io.Closer, error) {
	if err := checkNames(OpLock, name); err != nil {
		return nil, err
	}
	f, err := o.openLock(name)
	if err != nil {
		return nil, err
	}
	if err := flock(f); err != nil {
		f.Close()
		return nil, &fs.PathError{Op: string(OpLock), Path: name, Err: err}
	}
	return f, nil
}

func (o *osFS) openLock(name string) (*os.File, error) {
	if name == "." {
		return o.openDir(name)
	}
	f, err := o.root.OpenFile(localize(name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return o.openSame(name, os.O_RDWR, fs.FileMode.IsRegular, ErrNotRegular)
	}
	return f, err
}

// Lock implements Locker. CrashClone knows of no lock.
func (m *Mem) Lock(name string) (io.Closer, error) {
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
	if err == nil && node.locked {
		err = &fs.PathError{Op: string(OpLock), Path: name, Err: ErrLocked}
	}
	if err != nil {
		return nil, err
	}
	node.locked = true
	return &memLock{m: m, node: node}, nil
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
		l.node.locked = false
	})
	return nil
}

// Lock implements Locker.
func (f *Fault) Lock(name string) (held io.Closer, err error) {
	err = f.do(OpLock, name, func() (err error) {
		held, err = Lock(f.inner, name)
		return err
	})
	if err != nil && held != nil {
		held.Close() // the caller gets none
		held = nil
	}
	return held, err
}

var (
	_ Locker = (*osFS)(nil)
	_ Locker = (*Mem)(nil)
	_ Locker = (*Fault)(nil)
)
