package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/internal/slowfs"
)

// medium is where a run writes to.
type medium string

const (
	tmpfs medium = "tmpfs"
	disk  medium = "disk"
)

// space is everything that the benchmark makes: one folder on the disk, one in
// memory. A lock keeps a second benchmark out, so what lies there at the start
// is a killed run's.
type space struct {
	work, mem string
	sets      string // data sets; kept with --keep
	lock      *os.File
	keep      bool
	made      int // folders so far
}

func openSpace(work, mem string, keep bool) (*space, error) {
	work, err := filepath.Abs(work)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(work, 0o755); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(work, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("another benchmark is running in %s", work)
	}
	s := &space{work: work, sets: filepath.Join(work, "sets"), lock: lock, keep: keep}
	note := filepath.Join(work, "memory-folder")
	if old, err := os.ReadFile(note); err == nil {
		err = errors.Join(slowfs.UnmountBelow(string(old)), removeAll(string(old)))
		if err != nil {
			return nil, errors.Join(err, lock.Close())
		}
	}
	err = removeAll(s.scratch())
	if err == nil {
		s.mem, err = os.MkdirTemp(mem, "sledge-bench-")
	}
	if err == nil {
		err = os.WriteFile(note, []byte(s.mem), 0o644)
	}
	if err == nil {
		err = errors.Join(os.MkdirAll(filepath.Join(s.scratch(), "trash"), 0o755), os.MkdirAll(s.sets, 0o755))
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *space) scratch() string { return filepath.Join(s.work, "scratch") }

// fresh makes an empty folder that no run has used.
func (s *space) fresh(m medium, name string) (string, error) {
	s.made++
	root := s.mem
	if m == disk {
		root = s.scratch()
	}
	dir := filepath.Join(root, fmt.Sprintf("%04d-%s", s.made, name))
	return dir, os.Mkdir(dir, 0o755)
}

// retire ends the use of a folder. One on the disk with many files is only put
// aside: ext4 creates files ten times slower right after a large delete. Others
// go at once, so that the next run finds their page cache free.
func (s *space) retire(dir string) error {
	const many = 1000
	if strings.HasPrefix(dir, s.scratch()+"/") && countUpTo(dir, many) == many {
		return os.Rename(dir, filepath.Join(s.scratch(), "trash", filepath.Base(dir)))
	}
	return removeAll(dir)
}

// countUpTo counts what is below a folder, but not beyond a number.
func countUpTo(dir string, most int) (n int) {
	_ = filepath.WalkDir(dir, func(string, fs.DirEntry, error) error {
		if n++; n == most {
			return filepath.SkipAll
		}
		return nil
	})
	return n
}

// makeRoom empties the trash if the disk has less than n bytes, and lets the
// file system settle.
func (s *space) makeRoom(n int64) error {
	if free(s.work) > n {
		return nil
	}
	trash := filepath.Join(s.scratch(), "trash")
	if err := errors.Join(removeAll(trash), os.Mkdir(trash, 0o755)); err != nil {
		return err
	}
	unix.Sync()
	time.Sleep(3 * time.Second)
	return nil
}

// close removes everything but the sets that are to be kept.
func (s *space) close() error {
	var err error
	if s.mem != "" {
		err = errors.Join(slowfs.UnmountBelow(s.mem), removeAll(s.mem))
	}
	err = errors.Join(err, removeAll(s.scratch()), os.RemoveAll(filepath.Join(s.work, "memory-folder")))
	if !s.keep {
		err = errors.Join(err, removeAll(s.sets))
	}
	return errors.Join(err, s.lock.Close())
}

// removeAll removes a tree, also one whose folders are read-only.
func removeAll(dir string) error {
	if os.RemoveAll(dir) == nil {
		return nil
	}
	_ = filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			return os.Chmod(name, 0o700)
		}
		return nil
	})
	return os.RemoveAll(dir)
}

func free(dir string) int64 {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return 0
	}
	return int64(s.Bavail) * s.Bsize
}

// readAgain reads every file below a folder, because idle page cache is dropped
// within minutes.
func readAgain(dir string) error {
	names := make(chan string, 64)
	errs := make(chan error, 2)
	for range 2 {
		go func() {
			buf := make([]byte, 256<<10)
			var err error
			for name := range names {
				err = errors.Join(err, readFile(name, buf))
			}
			errs <- err
		}()
	}
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			names <- name
		}
		return err
	})
	close(names)
	return errors.Join(err, <-errs, <-errs)
}

func readFile(name string, buf []byte) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		if _, err := f.Read(buf); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// treeSize is the size of all files below a folder.
func treeSize(dir string) (total int64) {
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			if info, err := e.Info(); err == nil {
				total += info.Size()
			}
		}
		return nil
	})
	return total
}

func syncDisk() { unix.Sync() }
