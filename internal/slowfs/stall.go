package slowfs

import (
	"context"
	"os"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// stall is what hangs.
type stall struct {
	all     bool
	content bool            // only opens, reads and lists of attributes hang
	inodes  map[uint64]bool // of the source
	over    context.Context // ends with the stall
	end     context.CancelFunc
}

// Stall lets every call hang that is about one of these files or folders of the
// source, or every call at all if none is named, until Resume, the end of the mount,
// or a signal to the caller, who gets EINTR then. It replaces an earlier stall.
func (f *FS) Stall(paths ...string) error { return f.startStall(false, paths) }

// StallContent is a Stall of opens, reads and lists of extended attributes alone:
// the files are still found and looked at.
func (f *FS) StallContent(paths ...string) error { return f.startStall(true, paths) }

func (f *FS) startStall(content bool, paths []string) error {
	s := &stall{all: len(paths) == 0, content: content, inodes: map[uint64]bool{}}
	for _, path := range paths {
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		s.inodes[inode(info)] = true
	}
	s.over, s.end = context.WithCancel(f.ctx)
	f.setStall(s)
	return nil
}

// Resume lets the calls that hang go on.
func (f *FS) Resume() { f.setStall(nil) }

func (f *FS) setStall(s *stall) {
	f.mu.Lock()
	old := f.stall
	f.stall = s
	f.mu.Unlock()
	if old != nil {
		old.end()
	}
}

// hang waits as long as a stall holds a call about a file back.
func (f *FS) hang(cancel <-chan struct{}, s *stall, ino uint64, content bool) fuse.Status {
	if s == nil || s.content && !content || !s.all && !s.inodes[ino] {
		return fuse.OK
	}
	select {
	case <-s.over.Done():
	case <-cancel:
		return fuse.EINTR
	}
	if f.ctx.Err() != nil {
		return fuse.ENODEV
	}
	return fuse.OK
}
