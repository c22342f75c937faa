package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"syscall"
)

// OwnFault reports whether an error is of this process or its machine: no file
// descriptors or no memory left. It says nothing about a disk.
func ownFault(err error) bool {
	for _, own := range [...]error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EAGAIN} {
		if errors.Is(err, own) {
			return true
		}
	}
	return false
}

// Watch keeps the first error of the process's own that was met on any disk. What
// was found after it may be wrong, so the check has no result.
type Watch struct {
	mu   sync.Mutex
	err  error
	stop func(error) // ends the check, if it runs
}

func (w *Watch) see(place string, err error) error {
	if !ownFault(err) {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = fmt.Errorf("%s: %w", place, err)
		if w.stop != nil {
			w.stop(w.err)
		}
	}
	return err
}

// Met is why the check could not be made, nil if it could.
func (w *Watch) Met() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// OnFault sets what is to be done when the first error comes.
func (w *Watch) OnFault(stop func(error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stop = stop
}

// WatchedFS is a disk whose errors are seen.
type WatchedFS struct {
	fs.FS
	Place string
	W     *Watch
}

// Open is fs.FS.Open. The file can do what the disk's own can.
func (s WatchedFS) Open(name string) (fs.File, error) {
	f, err := s.FS.Open(name)
	if err != nil {
		return nil, s.W.see(s.Place, err)
	}
	watched := watchedFile{f, s.Place, s.W}
	at, readsAt := f.(io.ReaderAt)
	dir, lists := f.(fs.ReadDirFile)
	switch {
	case readsAt && lists: // as of os.Root
		return watchedBoth{watchedFile: watched, watchedAt: watchedAt{at, s.Place, s.W}, watchedDir: watchedDir{dir, s.Place, s.W}}, nil
	case readsAt:
		return struct {
			watchedFile
			watchedAt
		}{watched, watchedAt{at, s.Place, s.W}}, nil
	case lists:
		return struct {
			watchedFile
			watchedDir
		}{watched, watchedDir{dir, s.Place, s.W}}, nil
	}
	return watched, nil
}

type watchedFile struct {
	fs.File
	place string
	w     *Watch
}

func (f watchedFile) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	return n, f.w.see(f.place, err)
}

type watchedAt struct {
	at    io.ReaderAt
	place string
	w     *Watch
}

func (f watchedAt) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.at.ReadAt(p, off)
	return n, f.w.see(f.place, err)
}

type watchedDir struct {
	dir   fs.ReadDirFile
	place string
	w     *Watch
}

func (f watchedDir) ReadDir(n int) ([]fs.DirEntry, error) {
	list, err := f.dir.ReadDir(n)
	return list, f.w.see(f.place, err)
}

type watchedBoth struct {
	watchedFile
	watchedAt
	watchedDir
}
