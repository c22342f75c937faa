package vfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
)

// OS returns the folder root of the real file system as a disk. The folder must
// exist. It is held by its descriptor: if it is renamed or another disk is
// mounted over it, the FS stays with the folder it opened. Close gives the
// descriptor back.
//
// What was planted on the disk cannot lead out of it: os.Root resolves every
// name below the descriptor. A symbolic link in the place of a folder, and a link,
// pipe or device as a name's last element, are refused with ErrNotRegular before
// anything is opened or made. Mounts inside the folder are followed.
//
// Direct I/O and preallocation are used on Linux where the file system has them;
// elsewhere they fall back silently (File.Direct tells).
func OS(root string) (FS, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	return &osFS{root: r}, nil
}

type osFS struct{ root *os.Root }

// Close gives back the descriptor of the folder; open files stay usable.
func (o *osFS) Close() error { return o.root.Close() }

func (o *osFS) Open(name string, opt OpenOptions) (File, error) {
	if err := checkNames(OpOpen, name); err != nil {
		return nil, err
	}
	flag := os.O_RDONLY | noWait
	if opt.Write {
		flag = os.O_RDWR
	}
	f, err := openSame(o.root, name, flag, fs.FileMode.IsRegular, ErrNotRegular)
	if err != nil {
		return nil, err
	}
	return newOSFile(f, name, opt.Direct), nil
}

// openTries bounds how often a name is opened again that another file took meanwhile.
const openTries = 100

// openSame opens what name itself is, never what a link points to, nor what stands
// behind one. Opening is the only way to hold it, so its kind is read before (a pipe
// would block, a device might act) and the opened file compared with what was seen:
// the comparison holds for the folders of the name, too. A name that a rename gave to
// another file in between is opened again.
func openSame(root *os.Root, name string, flag int, want func(fs.FileMode) bool, otherwise error) (*os.File, error) {
	for range openTries {
		f, err := openSeen(root, name, flag, want, otherwise)
		if !errors.Is(err, errReplaced) {
			return f, err
		}
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: otherwise}
}

// errReplaced: the name was another file's when it was opened.
var errReplaced = errors.New("replaced meanwhile")

func openSeen(root *os.Root, name string, flag int, want func(fs.FileMode) bool, otherwise error) (*os.File, error) {
	before, err := statBeneath(root, name)
	if err != nil {
		return nil, err
	}
	if !want(before.Mode()) {
		if before.IsDir() {
			otherwise = syscall.EISDIR
		}
		return nil, &fs.PathError{Op: "open", Path: name, Err: otherwise}
	}
	f, err := root.OpenFile(localize(name), flag, 0)
	if err != nil {
		return nil, err
	}
	after, err := f.Stat()
	if err == nil && !os.SameFile(before, after) {
		err = errReplaced
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (o *osFS) openDir(name string) (*os.File, error) {
	return openSame(o.root, name, os.O_RDONLY|noWait, fs.FileMode.IsDir, syscall.ENOTDIR)
}

func (o *osFS) Create(name string, opt CreateOptions) (File, error) {
	if err := checkNames(OpCreate, name); err != nil {
		return nil, err
	}
	perm := opt.Perm
	if perm == 0 {
		perm = 0o600
	}
	f, err := createBeneath(o.root, name, perm)
	if err != nil {
		return nil, err
	}
	if opt.Perm != 0 {
		f.Chmod(opt.Perm) // the umask has taken bits; a file system without modes has its own
	}
	if err := preallocate(f, opt.Preallocate); err != nil {
		f.Close()
		// We made it a moment ago and nobody has written to it.
		o.root.Remove(localize(name))
		return nil, &fs.PathError{Op: "create", Path: name, Err: err}
	}
	return newOSFile(f, name, opt.Direct), nil
}

func (o *osFS) Remove(name string) error {
	if err := checkNames(OpRemove, name); err != nil {
		return err
	}
	return o.root.Remove(localize(name))
}

func (o *osFS) Rename(oldname, newname string) error {
	if err := checkNames(OpRename, oldname, newname); err != nil {
		return err
	}
	return o.root.Rename(localize(oldname), localize(newname))
}

func (o *osFS) Link(oldname, newname string) error {
	if err := checkNames(OpLink, oldname, newname); err != nil {
		return err
	}
	return o.root.Link(localize(oldname), localize(newname))
}

func (o *osFS) Mkdir(name string, perm fs.FileMode) error {
	if err := checkNames(OpMkdir, name); err != nil {
		return err
	}
	if perm == 0 {
		perm = 0o700
	}
	return o.root.Mkdir(localize(name), perm)
}

func (o *osFS) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := checkNames(OpReadDir, name); err != nil {
		return nil, err
	}
	d, err := o.openDir(name)
	if err != nil {
		return nil, err
	}
	defer d.Close() // only read
	entries, err := d.ReadDir(MaxDirEntries + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(entries) > MaxDirEntries {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: ErrTooLarge}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

func (o *osFS) Stat(name string) (fs.FileInfo, error) {
	if err := checkNames(OpStat, name); err != nil {
		return nil, err
	}
	return statBeneath(o.root, name)
}

func (o *osFS) SyncDir(name string) error {
	if err := checkNames(OpSyncDir, name); err != nil {
		return err
	}
	d, err := o.openDir(name)
	if err != nil {
		return err
	}
	// The sync error comes first: it is the one that condemns the disk.
	return errors.Join(syncDir(d), d.Close())
}

func (o *osFS) Free() (free, total int64, err error) {
	d, err := openPlace(o.root)
	if err != nil {
		return 0, 0, err
	}
	defer d.Close() // only asked
	free, total, err = diskFree(d)
	if err != nil {
		err = &fs.PathError{Op: "free", Path: ".", Err: err}
	}
	return free, total, err
}

// osFile is an open file. asked is the option, direct what became of it.
type osFile struct {
	f      *os.File
	name   string
	asked  bool
	direct atomic.Bool
}

func newOSFile(f *os.File, name string, direct bool) *osFile {
	o := &osFile{f: f, name: name, asked: direct}
	o.direct.Store(direct && setDirect(f, true) == nil)
	return o
}

func (o *osFile) ReadAt(p []byte, off int64) (int, error) {
	if !o.asked {
		return o.f.ReadAt(p, off)
	}
	if err := checkAligned(OpRead, o.name, p, off); err != nil {
		return 0, err
	}
	if o.direct.Load() {
		n, err := directReadAt(o.f, p, off)
		if !o.fallBack(err) {
			return n, err
		}
	}
	return o.f.ReadAt(p, off)
}

func (o *osFile) WriteAt(p []byte, off int64) (int, error) {
	if o.asked {
		if err := checkAligned(OpWrite, o.name, p, off); err != nil {
			return 0, err
		}
	}
	n, err := o.f.WriteAt(p, off)
	if o.asked && n == 0 && o.fallBack(err) {
		return o.f.WriteAt(p, off)
	}
	return n, err
}

// fallBack gives up direct I/O if a file system let the flag be set and then
// refuses an aligned call, and reports whether the call is worth making again:
// EINVAL is given before any byte moves. Of several calls that are refused at once
// the first gives it up, and each is made again.
func (o *osFile) fallBack(err error) bool {
	if !errors.Is(err, syscall.EINVAL) {
		return false
	}
	if setDirect(o.f, false) != nil {
		return false
	}
	o.direct.Store(false)
	return true
}

func (o *osFile) Size() (int64, error) {
	info, err := o.f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (o *osFile) Punch(off, n int64) error {
	if err := checkRange(OpPunch, o.name, off, n); err != nil {
		return err
	}
	size, err := o.Size()
	if err != nil {
		return err
	}
	n = min(n, size-off)
	if n <= 0 {
		return nil
	}
	err = punch(o.f, off, n)
	if errors.Is(err, errors.ErrUnsupported) {
		err = o.writeZeros(off, n)
	}
	if err != nil {
		return &fs.PathError{Op: "punch", Path: o.name, Err: err}
	}
	return nil
}

// WriteTo is Punch where holes cannot be made. The range need not be aligned,
// so direct I/O is off meanwhile.
func (o *osFile) writeZeros(off, n int64) error {
	if o.direct.Load() {
		if err := setDirect(o.f, false); err != nil {
			return err
		}
		defer setDirect(o.f, true) // if it stays off, writes are buffered: slower, not wrong
	}
	zeros := make([]byte, min(n, 1<<20))
	for n > 0 {
		w, err := o.f.WriteAt(zeros[:min(n, int64(len(zeros)))], off)
		if err != nil {
			return err
		}
		off, n = off+int64(w), n-int64(w)
	}
	return nil
}

func (o *osFile) Truncate(size int64) error { return o.f.Truncate(size) }
func (o *osFile) Sync() error               { return o.f.Sync() }

// Prefetch has no sense where reads bypass the cache.
func (o *osFile) Prefetch(off, n int64) {
	if !o.direct.Load() {
		prefetch(o.f, off, n)
	}
}

func (o *osFile) DropCache() error { return dropCache(o.f) }
func (o *osFile) Direct() bool     { return o.direct.Load() }
func (o *osFile) Close() error     { return o.f.Close() }
