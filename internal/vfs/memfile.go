package vfs

import (
	"io"
	"io/fs"
	"syscall"
	"time"
)

// maxMemFile bounds a file in memory, so that a wild offset fails as it would on
// a disk and does not exhaust the machine.
const maxMemFile = 4 << 30

// memWrite is a write, truncation or punch that was not synced: enough to undo
// it (from the newest to the oldest gives what was synced) and to redo it.
type memWrite struct {
	off      int64
	old      []byte // what stood at off, up to the old end of the file
	new      []byte // what was written; nil for a truncation
	oldSize  int64
	newSize  int64
	truncate bool
}

// memFile is one open file of a Mem.
type memFile struct {
	m             *Mem
	node          *memNode
	name          string
	write, direct bool
	closed        bool
}

// checkOpen is called with the lock held.
func (f *memFile) checkOpen(kind OpKind) error {
	if f.closed {
		return &fs.PathError{Op: string(kind), Path: f.name, Err: fs.ErrClosed}
	}
	return nil
}

// beginWrite checks a changing operation, numbers it and takes the lock.
func (f *memFile) beginWrite(op Op) error {
	if err := checkRange(op.Kind, f.name, op.Offset, op.Length); err != nil {
		return err
	}
	op.Name = f.name
	if err := f.m.begin(op); err != nil {
		return err
	}
	err := f.checkOpen(op.Kind)
	if err == nil && !f.write {
		err = &fs.PathError{Op: string(op.Kind), Path: f.name, Err: syscall.EBADF}
	}
	if err != nil {
		f.m.mu.Unlock()
	}
	return err
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	if err := checkRange(OpRead, f.name, off, int64(len(p))); err != nil {
		return 0, err
	}
	if f.direct {
		if err := checkAligned(OpRead, f.name, p, off); err != nil {
			return 0, err
		}
	}
	if err := f.m.beginRead(OpRead, f.name); err != nil {
		return 0, err
	}
	defer f.m.mu.Unlock()
	if err := f.checkOpen(OpRead); err != nil {
		return 0, err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if off >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt writes all or, when the disk is full, as much as there is room for.
func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	if f.direct {
		if err := checkAligned(OpWrite, f.name, p, off); err != nil {
			return 0, err
		}
	}
	if err := f.beginWrite(Op{Kind: OpWrite, Offset: off, Length: int64(len(p))}); err != nil {
		return 0, err
	}
	defer f.m.mu.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	room := f.room()
	n := max(0, min(int64(len(p)), room-off))
	if n > 0 {
		f.put(p[:n], off)
	}
	if n < int64(len(p)) {
		return int(n), &fs.PathError{Op: "write", Path: f.name, Err: f.full(room)}
	}
	return int(n), nil
}

// room returns how long the file may become.
func (f *memFile) room() int64 {
	free := f.m.capacity - f.m.used
	if free > maxMemFile {
		return maxMemFile
	}
	return min(maxMemFile, f.node.cost()+free)
}

func (f *memFile) full(room int64) error {
	if room == maxMemFile {
		return syscall.EFBIG
	}
	return syscall.ENOSPC
}

// put writes p at off for the running system and notes it for a crash.
func (f *memFile) put(p []byte, off int64) {
	n := f.node
	w := memWrite{off: off, new: append([]byte(nil), p...), oldSize: int64(len(n.data))}
	if off < w.oldSize {
		w.old = append([]byte(nil), n.data[off:min(w.oldSize, off+int64(len(p)))]...)
	}
	w.newSize = max(w.oldSize, off+int64(len(p)))
	f.resize(w.newSize)
	copy(n.data[off:], p)
	n.pending = append(n.pending, w)
	n.modTime = time.Now()
}

// resize sets the length, new bytes zero, and accounts for it.
func (f *memFile) resize(size int64) {
	before := f.node.cost()
	f.node.data = setLength(f.node.data, size)
	f.m.used += f.node.cost() - before
}

// setLength cuts data or extends it with zeros.
func setLength(data []byte, size int64) []byte {
	if size <= int64(len(data)) {
		clear(data[size:]) // a later extension must find zeros
		return data[:size]
	}
	if size <= int64(cap(data)) {
		return data[:size]
	}
	return append(data, make([]byte, size-int64(len(data)))...)
}

func (f *memFile) Size() (int64, error) {
	if err := f.m.beginRead(OpSize, f.name); err != nil {
		return 0, err
	}
	defer f.m.mu.Unlock()
	return int64(len(f.node.data)), f.checkOpen(OpSize)
}

func (f *memFile) Truncate(size int64) error {
	if err := f.beginWrite(Op{Kind: OpTruncate, Offset: size}); err != nil {
		return err
	}
	defer f.m.mu.Unlock()
	if room := f.room(); size > room {
		return &fs.PathError{Op: "truncate", Path: f.name, Err: f.full(room)}
	}
	n := f.node
	w := memWrite{off: size, oldSize: int64(len(n.data)), newSize: size, truncate: true}
	if size < w.oldSize {
		w.old = append([]byte(nil), n.data[size:]...)
	}
	f.m.used -= n.cost()
	n.reserved = 0 // a real truncation gives the blocks behind the end back, too
	f.m.used += n.cost()
	f.resize(size)
	n.pending = append(n.pending, w)
	n.modTime = time.Now()
	return nil
}

// Sync works on a file opened for reading, too, as fsync(2) does.
func (f *memFile) Sync() error {
	if err := f.m.begin(Op{Kind: OpSync, Name: f.name}); err != nil {
		return err
	}
	defer f.m.mu.Unlock()
	if err := f.checkOpen(OpSync); err != nil {
		return err
	}
	f.node.pending = nil
	return nil
}

func (f *memFile) Punch(off, n int64) error {
	if err := f.beginWrite(Op{Kind: OpPunch, Offset: off, Length: n}); err != nil {
		return err
	}
	defer f.m.mu.Unlock()
	n = min(n, int64(len(f.node.data))-off)
	if n > 0 {
		f.put(make([]byte, n), off)
	}
	return nil
}

func (f *memFile) DropCache() error {
	if err := f.m.beginRead(OpDrop, f.name); err != nil {
		return err
	}
	defer f.m.mu.Unlock()
	return f.checkOpen(OpDrop)
}

// Direct is true as asked, so that tests in memory find unaligned calls.
func (f *memFile) Direct() bool { return f.direct }

func (f *memFile) Close() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.checkOpen(OpClose); err != nil {
		return err
	}
	f.closed = true
	f.node.handles--
	f.m.release(f.node)
	if f.m.halted {
		return &fs.PathError{Op: "close", Path: f.name, Err: ErrHalted}
	}
	return nil
}
