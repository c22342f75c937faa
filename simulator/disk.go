// Package simulator makes disks and what happens to them, from one seed, for
// tests and for the demonstration.
//
// A Disk is a vfs.FS with a capacity and a plug, over memory or a real folder. A
// Carrier damages disks as shipping does, and says of each damage exactly what it
// did, so that a report of losses can be compared with the truth:
//
//	disk, err := simulator.OpenDisk("bay0", folder, 1<<30)
//	…                                       // load, seal
//	carrier := simulator.Carrier{Seed: 7}
//	damage, err := carrier.FlipBits(disk, "packs/1f/shard", 4096, 1)
//	…                                       // scrub must report damage
//
// Nothing here knows sledge's format: names and block sizes are passed in.
package simulator

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/sledge-io/sledge/internal/vfs"
)

// ErrUnplugged is what every operation returns while a Disk is unplugged. The
// error also is syscall.EIO, which is what a real one would show.
var ErrUnplugged = errors.New("the disk is unplugged")

// Disk is a simulated disk: another FS with a capacity and a plug. It may be used
// from many goroutines. The capacity counts the bytes of files and what was
// preallocated; a file's space is free as soon as its last name is removed.
type Disk struct {
	Name   string // how reports and Damage call it
	Folder string // the real folder, or "" for memory

	inner     vfs.FS
	capacity  int64
	mu        sync.Mutex
	used      int64
	files     map[string]*usage // by name; hard links share one
	unplugged bool
}

// usage is the space that one file takes.
type usage struct {
	size, reserved int64
	names          int
}

func (u *usage) cost() int64 { return max(u.size, u.reserved) }

// NewDisk makes a disk over inner, whose files count as used; hard links that are
// there already count once each. Capacity 0 means no limit of its own. Nobody
// else may change inner, except a Carrier.
func NewDisk(name string, inner vfs.FS, capacity int64) (*Disk, error) {
	if capacity == 0 {
		capacity = math.MaxInt64
	}
	d := &Disk{Name: name, inner: inner, capacity: capacity}
	if err := d.recount(); err != nil {
		return nil, err
	}
	return d, nil
}

// OpenDisk makes a disk over an existing real folder. Close it.
func OpenDisk(name, folder string, capacity int64) (*Disk, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	inner, err := vfs.OS(folder)
	if err != nil {
		return nil, err
	}
	d, err := NewDisk(name, inner, capacity)
	if err != nil {
		return nil, errors.Join(err, vfs.Close(inner))
	}
	d.Folder = folder
	return d, nil
}

// recount learns what is on the inner disk. Files that were known keep their
// usage, so that hard links and open files stay counted once.
func (d *Disk) recount() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	files := map[string]*usage{}
	names := map[*usage]int{}
	err := vfs.Walk(d.inner, ".", vfs.Limits{}, func(name string, e fs.DirEntry) error {
		if !e.Type().IsRegular() {
			return nil
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		u := d.files[name]
		if u == nil {
			u = &usage{}
		}
		u.size = info.Size()
		files[name] = u
		names[u]++
		return nil
	})
	if err != nil {
		return fmt.Errorf("disk %s: %w", d.Name, err)
	}
	for _, u := range d.files {
		u.names = 0 // also those that are gone but still open
	}
	d.files, d.used = files, 0
	for u, n := range names {
		u.names = n
		d.used += u.cost()
	}
	return nil
}

// Unplug makes every operation fail, also on open files, until Plug.
func (d *Disk) Unplug() { d.setUnplugged(true) }

// Plug ends Unplug. What was not synced is still there: a plug is not a power
// cut, which is vfs.Mem's business.
func (d *Disk) Plug() { d.setUnplugged(false) }

func (d *Disk) setUnplugged(unplugged bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unplugged = unplugged
}

// begin takes the lock if the disk is plugged in.
func (d *Disk) begin(op vfs.OpKind, name string) error {
	d.mu.Lock()
	if d.unplugged {
		d.mu.Unlock()
		return &fs.PathError{Op: string(op), Path: name, Err: fmt.Errorf("%w: %w", ErrUnplugged, syscall.EIO)}
	}
	return nil
}

// check is begin for operations that need no lock.
func (d *Disk) check(op vfs.OpKind, name string) error {
	err := d.begin(op, name)
	if err == nil {
		d.mu.Unlock()
	}
	return err
}

// Close closes the inner disk.
func (d *Disk) Close() error { return vfs.Close(d.inner) }

// Lock is vfs.Locker.Lock; a lock file counts nothing.
func (d *Disk) Lock(name string, kind vfs.LockKind) (io.Closer, error) {
	if err := d.check(vfs.OpLock, name); err != nil {
		return nil, err
	}
	return vfs.LockAs(d.inner, name, kind)
}

// Locked is vfs.Locker.Locked.
func (d *Disk) Locked(name string) (vfs.LockKind, error) {
	if err := d.check(vfs.OpLock, name); err != nil {
		return vfs.NoLock, err
	}
	return vfs.Locked(d.inner, name)
}

// Open is vfs.FS.Open; so are the others.
func (d *Disk) Open(name string, o vfs.OpenOptions) (vfs.File, error) {
	if err := d.begin(vfs.OpOpen, name); err != nil {
		return nil, err
	}
	defer d.mu.Unlock()
	f, err := d.inner.Open(name, o)
	if err != nil {
		return nil, err
	}
	u := d.files[name]
	if u == nil { // it came without us; from now on it is counted
		size, err := f.Size()
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		u = &usage{size: size, names: 1}
		d.files[name] = u
		d.used += size
	}
	return &diskFile{File: f, disk: d, name: name, usage: u}, nil
}

// Create is vfs.FS.Create.
func (d *Disk) Create(name string, o vfs.CreateOptions) (vfs.File, error) {
	if err := d.begin(vfs.OpCreate, name); err != nil {
		return nil, err
	}
	defer d.mu.Unlock()
	reserve := max(0, o.Preallocate)
	if reserve > d.capacity-d.used {
		if _, err := d.inner.Stat(name); err != nil { // else let Create say that it exists
			return nil, &fs.PathError{Op: "create", Path: name, Err: syscall.ENOSPC}
		}
	}
	f, err := d.inner.Create(name, o)
	if err != nil {
		return nil, err
	}
	u := &usage{reserved: reserve, names: 1}
	d.files[name] = u
	d.used += reserve
	return &diskFile{File: f, disk: d, name: name, usage: u}, nil
}

// forget takes one name from the accounts.
func (d *Disk) forget(name string) {
	u := d.files[name]
	if u == nil {
		return
	}
	delete(d.files, name)
	if u.names--; u.names == 0 {
		d.used -= u.cost()
	}
}

// Remove is vfs.FS.Remove.
func (d *Disk) Remove(name string) error {
	if err := d.begin(vfs.OpRemove, name); err != nil {
		return err
	}
	defer d.mu.Unlock()
	if err := d.inner.Remove(name); err != nil {
		return err
	}
	d.forget(name)
	return nil
}

// Rename is vfs.FS.Rename.
func (d *Disk) Rename(oldname, newname string) error {
	if err := d.begin(vfs.OpRename, oldname); err != nil {
		return err
	}
	defer d.mu.Unlock()
	if err := d.inner.Rename(oldname, newname); err != nil {
		return err
	}
	if u := d.files[oldname]; u != nil {
		if d.files[newname] != u { // two names of one file: rename(2) does nothing
			d.forget(newname)
			delete(d.files, oldname)
			d.files[newname] = u
		}
		return nil
	}
	moved := map[string]*usage{}
	for name, u := range d.files {
		if rest, ok := strings.CutPrefix(name, oldname+"/"); ok {
			delete(d.files, name)
			moved[newname+"/"+rest] = u
		}
	}
	for name, u := range moved {
		d.files[name] = u
	}
	return nil
}

// Link is vfs.FS.Link.
func (d *Disk) Link(oldname, newname string) error {
	if err := d.begin(vfs.OpLink, oldname); err != nil {
		return err
	}
	defer d.mu.Unlock()
	if err := d.inner.Link(oldname, newname); err != nil {
		return err
	}
	if u := d.files[oldname]; u != nil {
		u.names++
		d.files[newname] = u
	}
	return nil
}

// Mkdir is vfs.FS.Mkdir.
func (d *Disk) Mkdir(name string, perm fs.FileMode) error {
	if err := d.check(vfs.OpMkdir, name); err != nil {
		return err
	}
	return d.inner.Mkdir(name, perm)
}

// ReadDir is vfs.FS.ReadDir.
func (d *Disk) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := d.check(vfs.OpReadDir, name); err != nil {
		return nil, err
	}
	return d.inner.ReadDir(name)
}

// Stat is vfs.FS.Stat.
func (d *Disk) Stat(name string) (fs.FileInfo, error) {
	if err := d.check(vfs.OpStat, name); err != nil {
		return nil, err
	}
	return d.inner.Stat(name)
}

// SyncDir is vfs.FS.SyncDir.
func (d *Disk) SyncDir(name string) error {
	if err := d.check(vfs.OpSyncDir, name); err != nil {
		return err
	}
	return d.inner.SyncDir(name)
}

// Free tells what the capacity leaves, or the inner disk if that is less.
func (d *Disk) Free() (free, total int64, err error) {
	if err := d.begin(vfs.OpFree, "."); err != nil {
		return 0, 0, err
	}
	free, total = max(0, d.capacity-d.used), d.capacity
	d.mu.Unlock()
	innerFree, innerTotal, err := d.inner.Free()
	if errors.Is(err, errors.ErrUnsupported) {
		return free, total, nil
	}
	return min(free, innerFree), min(total, innerTotal), err
}

// diskFile is an open file. DropCache, Direct and Close work without a plug.
type diskFile struct {
	vfs.File
	disk  *Disk
	name  string
	usage *usage
}

func (f *diskFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.disk.check(vfs.OpRead, f.name); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

// WriteAt refuses a write that would pass the capacity, all of it.
func (f *diskFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.grow(vfs.OpWrite, off+int64(len(p))); err != nil {
		return 0, err
	}
	n, err := f.File.WriteAt(p, off)
	if err != nil {
		f.settle()
	}
	return n, err
}

// grow accounts for a file that will be at least size bytes long.
func (f *diskFile) grow(op vfs.OpKind, size int64) error {
	d, u := f.disk, f.usage
	if err := d.begin(op, f.name); err != nil {
		return err
	}
	defer d.mu.Unlock()
	more := max(0, size-u.cost())
	if u.names == 0 {
		more = 0 // removed already: it counts no more
	}
	if more > d.capacity-d.used {
		return &fs.PathError{Op: string(op), Path: f.name, Err: syscall.ENOSPC}
	}
	d.used += more
	u.size = max(u.size, size)
	return nil
}

// settle corrects the accounts after a call that did less than was announced.
func (f *diskFile) settle() {
	size, err := f.File.Size()
	if err != nil {
		return
	}
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	before := f.usage.cost()
	f.usage.size = size
	if f.usage.names > 0 {
		f.disk.used += f.usage.cost() - before
	}
}

func (f *diskFile) Size() (int64, error) {
	if err := f.disk.check(vfs.OpSize, f.name); err != nil {
		return 0, err
	}
	return f.File.Size()
}

func (f *diskFile) Truncate(size int64) error {
	if err := f.grow(vfs.OpTruncate, size); err != nil {
		return err
	}
	err := f.File.Truncate(size)
	if err == nil {
		f.disk.mu.Lock()
		before := f.usage.cost()
		f.usage.reserved = 0
		if f.usage.names > 0 {
			f.disk.used += f.usage.cost() - before
		}
		f.disk.mu.Unlock()
	}
	f.settle()
	return err
}

func (f *diskFile) Sync() error {
	if err := f.disk.check(vfs.OpSync, f.name); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *diskFile) Punch(off, n int64) error {
	if err := f.disk.check(vfs.OpPunch, f.name); err != nil {
		return err
	}
	return f.File.Punch(off, n)
}
