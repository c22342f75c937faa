package vfs

import (
	"io"
	"time"
)

// Tree is a site's folder with all that is below it, read only: what a load takes
// its entries from. Names are bytes, exactly as they are stored. Paths have
// slashes; the root's is "". No path is followed through a symbolic link, so
// nothing outside the root can be reached.
//
// Its methods, and those of Dir, may be called at once from many goroutines.
// Errors hold the system's (fs.ErrNotExist, ENOTDIR or ELOOP for a folder that is
// none, …); callers retry nothing.
type Tree interface {
	OpenDir(path string) (Dir, error)

	// Volume describes the root's file system as it was when the tree was opened.
	// Other file systems may be mounted below: see Dir.
	Volume() Volume

	// Check returns why the root cannot be used any more: its medium was pulled out,
	// its server does not answer, its path leads elsewhere. Without an error, sure
	// tells that the device itself was read; else the answer may have come from a
	// cache, here or at the server. The call may take as long as a server's timeout.
	Check() (sure bool, err error)

	io.Closer
}

// Dir is an open folder of a Tree. A name is one element.
type Dir interface {
	// Names calls f for each name in the folder, in any order; dir tells that it
	// was a folder. It stops at f's first error. Only one call at a time.
	Names(f func(name string, dir bool) error) error

	// Volume describes the file system that the folder lies on; its Root is empty.
	Volume() Volume

	// Stat describes an entry; a symbolic link is described, not followed. The
	// answer may come from a client's cache of what a server keeps.
	Stat(name string) (Info, error)

	// StatFresh is Stat without that cache.
	StatFresh(name string) (Info, error)

	// Open opens a regular file for reading. Of anything else it fails, or gives a
	// file whose Stat tells; it never waits for the other end of a pipe.
	Open(name string) (TreeFile, error)

	// Readlink returns what a symbolic link names; more than max bytes are an error.
	Readlink(name string, max int) (string, error)

	// Attributes gives the extended attributes of an entry that is not followed.
	Attributes(name string) Attributes

	io.Closer
}

// TreeFile is an open file of a Tree.
type TreeFile interface {
	io.ReaderAt // short reads come with io.EOF

	// ReadSome reads once: it may be short, and 0 bytes without an error are the end.
	ReadSome(p []byte, off int64) (int, error)

	// Stat describes the file as it is now, also where a server keeps it.
	Stat() (Info, error)

	// Data returns the next run [from, to) that holds data, at off or behind it, of
	// a file of the given size; from is size if there is none. Where the system
	// does not know, all is data. The answer is the file system's, right or wrong.
	Data(off, size int64) (from, to int64)

	// Written reports whether somebody has the file open for writing. False also
	// means that the system does not say.
	Written() bool

	Attributes() Attributes
	io.Closer
}

// Attributes reads extended attributes, by the rules of listxattr(2) and
// getxattr(2): ERANGE if dest is too short.
type Attributes interface {
	List(dest []byte) (int, error)
	Get(name string, dest []byte) (int, error)
}

// Info describes an entry.
type Info struct {
	Mode         uint32 // st_mode: kind and permissions
	UID, GID     uint32
	Size         int64 // bytes
	Allocated    int64 // bytes; less than Size for a file with holes, or a compressed one
	Mtime, Ctime time.Time
	Dev, Ino     uint64
	Nlink        uint64
}
