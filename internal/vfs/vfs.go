// Package vfs is the one way by which sledge touches a disk: a small file
// system interface, and the three implementations of it that the rest of the
// module and its tests need.
//
// One FS value stands for one disk (or one folder). The path of the data:
//
//	appliance, durable, … → FS → OS:    a folder, held by its descriptor
//	                           → Mem:   memory that can lose power
//	                           → Fault: any other FS, with errors on order
//
// Names are slash-separated and relative to the disk, without dot elements;
// "." names the disk's own folder. CheckName says exactly what is accepted.
// Names need not be UTF-8.
//
// Nothing here retries. An error from a write means that the bytes written may
// be old, new or mixed; an error from Sync or SyncDir is final for the disk
// (see package durable for why). A short example:
//
//	disk, err := vfs.OS("/mnt/bay0")
//	…
//	f, err := disk.Create("packs/1f/shard", vfs.CreateOptions{Direct: true})
//	…
//	buf := vfs.AlignedBuffer(1 << 20)
//	_, err = f.WriteAt(buf, 0) // in the page cache or the disk's cache
//	err = f.Sync()             // the bytes are durable, the name is not
//	err = f.Close()
//	err = disk.SyncDir("packs/1f") // now the name is durable, too
package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"unsafe"
)

const (
	// Alignment is what direct I/O asks of buffers, offsets and lengths.
	Alignment = 4096

	// MaxName and MaxElement bound a name and each of its elements, in bytes.
	MaxName    = 4095
	MaxElement = 255

	// MaxDirEntries bounds what one ReadDir returns, so that a folder planted on
	// a disk cannot exhaust memory. A larger folder is ErrTooLarge.
	MaxDirEntries = 1 << 20
)

var (
	// ErrUnaligned reports a read or write of a direct file whose buffer, offset
	// or length is not a multiple of Alignment: a mistake of the caller. It is
	// reported even where direct I/O fell back to buffered, so that a test on any
	// file system finds the mistake.
	ErrUnaligned = errors.New("direct I/O is not aligned")

	// ErrTooLarge reports a file or folder over the caller's or this package's bound.
	ErrTooLarge = errors.New("larger than allowed")

	// ErrNotRegular reports that Open met something that is neither a regular file
	// nor a folder: a symbolic link, a pipe or a device planted on the disk. It is also
	// what stands behind a link in the place of a folder.
	ErrNotRegular = errors.New("not a regular file")
)

// OpenOptions says how to open an existing file. The zero value opens it for
// buffered reading.
type OpenOptions struct {
	Write  bool // allow WriteAt, Truncate and Punch
	Direct bool // bypass the page cache where the file system can
}

// CreateOptions says how to create a file. The zero value is a buffered file
// with mode 0600.
type CreateOptions struct {
	Direct      bool        // bypass the page cache where the file system can
	Perm        fs.FileMode // whatever the umask; 0 means 0600, less the umask
	Preallocate int64       // bytes to reserve, so that a full disk is found now; the size stays 0
}

// FS is one disk. Its methods may be called at once from many goroutines; calls
// that touch the same name are ordered only by the caller. No method retries,
// and the caller must not retry Sync or SyncDir.
//
// Errors wrap the system's (fs.ErrNotExist, fs.ErrExist, syscall.ENOSPC, …) in
// *fs.PathError or *os.LinkError.
type FS interface {
	// Open opens an existing regular file. It follows no symbolic link of the name.
	// Returned nil guarantees nothing about durability.
	Open(name string, o OpenOptions) (File, error)

	// Create makes a file that did not exist and opens it for reading and writing;
	// an existing name is fs.ErrExist. Of several at once, one succeeds. The name
	// is durable only after SyncDir of its folder, also when the file was synced.
	// A failed preallocation removes the file again.
	Create(name string, o CreateOptions) (File, error)

	// Remove removes a file or an empty folder. It may come back after a power
	// cut until SyncDir of its folder.
	Remove(name string) error

	// Rename moves a file or folder and replaces a file of the new name, at once
	// for every reader. After a power cut within one folder the old or the new
	// state is there; it is durable only after SyncDir of both folders, the new
	// one first: in the other order a power cut may lose both names.
	Rename(oldname, newname string) error

	// Link gives a file one more name; an existing newname is fs.ErrExist. With
	// Remove it is a move that replaces nothing. Durable after SyncDir.
	Link(oldname, newname string) error

	// Mkdir makes one folder; perm 0 means 0700. Durable after SyncDir of the
	// folder above.
	Mkdir(name string, perm fs.FileMode) error

	// ReadDir lists a folder sorted by name, at most MaxDirEntries entries.
	ReadDir(name string) ([]fs.DirEntry, error)

	// Stat describes a name; a symbolic link is described, not followed.
	Stat(name string) (fs.FileInfo, error)

	// SyncDir makes the folder's entries durable: every create, remove, rename and
	// link in it that returned before SyncDir was called. An error is final.
	SyncDir(name string) error

	// Free returns the bytes that can still be written and the disk's size. It is
	// a hint: only a write or a preallocation knows.
	Free() (free, total int64, err error)
}

// File is one open file. ReadAt and WriteAt may be called at once for ranges
// that do not overlap; Close must be last.
type File interface {
	// ReadAt follows io.ReaderAt: fewer bytes than asked come with an error,
	// io.EOF at the end of the file. For a direct file the buffer, offset and
	// length are multiples of Alignment; the last bytes of a file may be fewer.
	io.ReaderAt

	// WriteAt follows io.WriterAt and makes the file longer where needed.
	// Returned nil means the bytes can be read, not that they are durable. After
	// an error the range holds old, new or mixed bytes.
	io.WriterAt

	Size() (int64, error)

	// Truncate sets the size; new bytes are zero. Durable after Sync.
	Truncate(size int64) error

	// Sync makes durable what was written before it was called, content and size,
	// not the name. An error is final: see package durable.
	Sync() error

	// Punch zeroes n bytes at off, as far as they lie inside the file, and gives
	// their space back where the file system can. Whether the disk itself forgets
	// the bytes (trim) is up to the mount's options and the disk. Durable after Sync.
	Punch(off, n int64) error

	// DropCache asks the system to forget its cached copy of what has been synced,
	// so that the next read comes from the disk. It is a hint; nil promises nothing.
	DropCache() error

	// Direct reports whether reads and writes really bypass the page cache.
	Direct() bool

	// Close gives the descriptor back. It syncs nothing.
	Close() error
}

// Prefetcher is what a File may be, too: one that can be told what will be read
// soon, so that the disk begins while the caller works. It is a hint; nothing
// waits and nothing fails.
type Prefetcher interface {
	Prefetch(off, n int64)
}

// Prefetch tells a file that n bytes at off will be read soon, if it can be told.
func Prefetch(f File, off, n int64) {
	if p, ok := f.(Prefetcher); ok {
		p.Prefetch(off, n)
	}
}

// CheckName returns nil if name may be given to an FS: relative, slash-separated,
// no empty, "." or ".." element, no NUL, at most MaxName bytes with elements of
// at most MaxElement. "." alone is the disk's folder. Errors wrap fs.ErrInvalid.
func CheckName(name string) error {
	if name == "." {
		return nil
	}
	if name == "" || len(name) > MaxName || strings.IndexByte(name, 0) >= 0 {
		return fmt.Errorf("name %q: %w", clip(name), fs.ErrInvalid)
	}
	for element := range strings.SplitSeq(name, "/") {
		if element == "" || element == "." || element == ".." || len(element) > MaxElement {
			return fmt.Errorf("name %q: %w", clip(name), fs.ErrInvalid)
		}
	}
	return nil
}

// checkNames wraps the first bad name in an error of the given operation.
func checkNames(op OpKind, names ...string) error {
	for _, name := range names {
		if err := CheckName(name); err != nil {
			return &fs.PathError{Op: string(op), Path: clip(name), Err: err}
		}
	}
	return nil
}

// clip keeps a hostile name from filling an error.
func clip(name string) string {
	if len(name) > 200 {
		return name[:200] + "…"
	}
	return name
}

// Close gives back what an FS holds open, such as OS's descriptor of the folder,
// without which a disk cannot be unmounted. An FS that holds nothing returns nil.
func Close(fsys FS) error {
	if c, ok := fsys.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// AlignedBuffer returns n zero bytes that begin at a multiple of Alignment, fit
// for direct I/O. It is ordinary memory of the garbage collector.
func AlignedBuffer(n int) []byte {
	b := make([]byte, n+Alignment)
	skip := 0
	if r := int(uintptr(unsafe.Pointer(&b[0])) % Alignment); r != 0 {
		skip = Alignment - r
	}
	return b[skip : skip+n : skip+n]
}

// checkAligned returns ErrUnaligned if p at off does not suit direct I/O.
func checkAligned(op OpKind, name string, p []byte, off int64) error {
	if len(p) == 0 {
		return nil
	}
	address := uintptr(unsafe.Pointer(&p[0]))
	if address%Alignment != 0 || len(p)%Alignment != 0 || off%Alignment != 0 {
		return &fs.PathError{Op: string(op), Path: name, Err: ErrUnaligned}
	}
	return nil
}

// checkRange refuses negative offsets and lengths, and sums that overflow.
func checkRange(op OpKind, name string, off, n int64) error {
	if off < 0 || n < 0 || off+n < 0 {
		return &fs.PathError{Op: string(op), Path: name, Err: fs.ErrInvalid}
	}
	return nil
}

// parent returns the folder of a name; that of "." is ".".
func parent(name string) string { return path.Dir(name) }
