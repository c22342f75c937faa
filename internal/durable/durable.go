// Package durable does the few things to a disk that must have happened when
// they return: whole files written, names changed, folders made and removed.
// Acknowledged means durable, file and name.
//
// Each function is a straight list of calls, and its comment gives their exact
// order and what a crash at any point leaves. On Linux a vfs call is one system
// call: Create is openat(O_CREAT|O_EXCL), WriteAt pwrite, Sync fsync, Rename
// renameat, Link linkat, and SyncDir is open, fsync and close of the folder.
//
// # An fsync error is final
//
// When fsync fails, Linux reports the error once and marks the pages clean: ext4,
// XFS and Btrfs then answer the next fsync with success although the bytes never
// reached the disk, and what is read meanwhile may be the new bytes from the
// cache or the old ones from the disk. None of the retry strategies of five
// databases was enough (Rebello et al., "Can Applications Recover from fsync
// Failures?", USENIX ATC 2020; see also the PostgreSQL "fsyncgate" thread of
// 2018). So nothing here calls Sync again after an error. It returns ErrDiskFailed,
// and the caller takes the disk out of use and rebuilds what was on it.
//
// A failed write, rename or link is not that error: the outcome is unknown, the
// old or the new state is there, and calling the same function again is safe.
//
//	err := durable.WriteFile(disk, "header", data)
//	if errors.Is(err, durable.ErrDiskFailed) {
//		// mark the disk failed; never try again on it
//	}
//
// Calls for different names may run at once. WriteFile, Rename and Remove of one
// name at once end in one of the orders; CreateExclusive of one name at once has
// one winner.
package durable

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/sledge-io/sledge/internal/vfs"
)

var (
	// ErrDiskFailed reports a failed fsync: what is on the disk is unknown for
	// good. Take the disk out of use.
	ErrDiskFailed = errors.New("fsync failed, the disk must not be used any more")

	// ErrDifferent reports that CreateExclusive found the name with other content.
	// It also is fs.ErrExist.
	ErrDifferent = errors.New("exists with other content")
)

// TempSuffix ends the names of files that are being written. A crash may leave
// some; whoever lists a folder skips them, and Sweep removes them.
const TempSuffix = ".tmp"

// maxTemps bounds how many leftovers of one name are stepped over.
const maxTemps = 64

// WriteFile makes name hold data, whatever it held before.
//
//  1. Create name.N.tmp in the same folder, for the first N that is free
//  2. WriteAt all of data
//  3. Sync the file
//  4. Close
//  5. Rename to name
//  6. SyncDir of the folder
//
// Returned nil guarantees that data is what a crash leaves. A crash before that
// leaves the old content or the new, never a mixture, and perhaps a temporary
// file. After an error the old or the new content is there; unless it is
// ErrDiskFailed, WriteFile may be called again.
func WriteFile(fsys vfs.FS, name string, data []byte) error {
	return writeFile(fsys, name, data, 0)
}

func writeFile(fsys vfs.FS, name string, data []byte, perm fs.FileMode) error {
	temp, err := writeTemp(fsys, name, data, perm)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := fsys.Rename(temp, name); err != nil {
		removeTemp(fsys, temp)
		return fmt.Errorf("write %s: %w", name, err)
	}
	return syncDirs(fsys, path.Dir(name))
}

// CreateExclusive makes name hold data if it does not exist, and never replaces
// a file: one that exists with the same content is success, with another it is
// ErrDifferent.
//
//  1. to 4. as WriteFile
//  5. Link to name; if that exists: compare, and Sync what was found, as whoever
//     made it may not have come that far
//  6. Remove the temporary file
//  7. SyncDir of the folder
//
// Returned nil guarantees that data is what a crash leaves. A crash before that
// leaves no file or all of it. A file system without hard links (exFAT) cannot do
// it and says so. ErrDiskFailed as for WriteFile.
func CreateExclusive(fsys vfs.FS, name string, data []byte) error {
	return createExclusive(fsys, name, data, 0)
}

func createExclusive(fsys vfs.FS, name string, data []byte, perm fs.FileMode) error {
	temp, err := writeTemp(fsys, name, data, perm)
	if err != nil {
		return fmt.Errorf("create %s: %w", name, err)
	}
	linkErr := fsys.Link(temp, name)
	if errors.Is(linkErr, fs.ErrExist) {
		linkErr = adopt(fsys, name, data)
	}
	removeTemp(fsys, temp)
	if linkErr != nil {
		return fmt.Errorf("create %s: %w", name, linkErr)
	}
	return syncDirs(fsys, path.Dir(name))
}

// adopt accepts an existing file with the wanted content, and makes it durable.
func adopt(fsys vfs.FS, name string, data []byte) error {
	found, err := vfs.ReadFile(fsys, name, int64(len(data)))
	if errors.Is(err, vfs.ErrTooLarge) || (err == nil && !bytes.Equal(found, data)) {
		return fmt.Errorf("%w: %w", ErrDifferent, fs.ErrExist)
	}
	if err != nil {
		return err
	}
	f, err := fsys.Open(name, vfs.OpenOptions{})
	if err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return failed(err)
	}
	return f.Close()
}

// writeTemp does steps 1 to 4. Without an error the temporary file is complete
// and its content durable; with one it is gone, as far as that was possible.
func writeTemp(fsys vfs.FS, name string, data []byte, perm fs.FileMode) (temp string, err error) {
	f, temp, err := createTemp(fsys, name, perm)
	if err != nil {
		return "", err
	}
	if _, err := f.WriteAt(data, 0); err != nil {
		f.Close()
		removeTemp(fsys, temp)
		return "", err
	}
	if err := f.Sync(); err != nil {
		f.Close() // the disk is failed: leave everything as it is
		return "", failed(err)
	}
	if err := f.Close(); err != nil {
		removeTemp(fsys, temp)
		return "", err
	}
	return temp, nil
}

// createTemp steps over what a crash or another writer left. Create is exclusive,
// so two writers never share a temporary file.
func createTemp(fsys vfs.FS, name string, perm fs.FileMode) (f vfs.File, temp string, err error) {
	for n := range maxTemps {
		temp = fmt.Sprintf("%s.%d%s", name, n, TempSuffix)
		f, err = fsys.Create(temp, vfs.CreateOptions{Perm: perm})
		if !errors.Is(err, fs.ErrExist) {
			return f, temp, err
		}
	}
	return nil, "", fmt.Errorf("%d temporary files were left, sweep the folder: %w", maxTemps, err)
}

// removeTemp tidies up. Its error changes nothing: the file is found by Sweep.
func removeTemp(fsys vfs.FS, temp string) { fsys.Remove(temp) }

// Sweep removes the temporary files that a crash left in folder. Nothing may be
// written there meanwhile.
//
//  1. Remove each regular file that ends in TempSuffix
//  2. SyncDir of the folder, if there were any
func Sweep(fsys vfs.FS, folder string) error {
	entries, err := fsys.ReadDir(folder)
	if err != nil {
		return err
	}
	removed := 0
	for _, d := range entries {
		if !d.Type().IsRegular() || !strings.HasSuffix(d.Name(), TempSuffix) {
			continue
		}
		if err := fsys.Remove(path.Join(folder, d.Name())); err != nil {
			return err
		}
		removed++
	}
	if removed == 0 {
		return nil
	}
	return syncDirs(fsys, folder)
}

// MkdirAll makes folder and the folders above it where they are missing.
//
// For each, from the top: Mkdir, unless it exists; SyncDir of the folder above.
// That is done for those that existed, too: an earlier attempt may have ended
// between the two calls.
//
// Returned nil guarantees that all are durable. A crash before leaves some of them.
func MkdirAll(fsys vfs.FS, folder string) error {
	if err := vfs.CheckName(folder); err != nil {
		return err
	}
	if folder == "." {
		return nil
	}
	for i := range len(folder) + 1 {
		if i < len(folder) && folder[i] != '/' {
			continue
		}
		name := folder[:i]
		if err := mkdir(fsys, name); err != nil {
			return err
		}
		if err := syncDirs(fsys, path.Dir(name)); err != nil {
			return err
		}
	}
	return nil
}

// mkdir makes one folder, or accepts that there is one. A file or link of that
// name is an error.
func mkdir(fsys vfs.FS, name string) error {
	err := fsys.Mkdir(name, 0)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, statErr := fsys.Stat(name)
	if statErr != nil {
		return statErr
	}
	if !info.IsDir() {
		return err
	}
	return nil
}

// Rename moves a file or folder and replaces a file that is there. Its content
// must have been synced before.
//
//  1. Rename
//  2. SyncDir of the new folder
//  3. SyncDir of the old folder, if it is another
//
// Returned nil guarantees the new name, and that the old is gone. A crash before
// leaves the old name, the new one, or between 2 and 3 both, never none.
func Rename(fsys vfs.FS, oldname, newname string) error {
	if err := fsys.Rename(oldname, newname); err != nil {
		return err
	}
	if path.Dir(oldname) == path.Dir(newname) {
		return syncDirs(fsys, path.Dir(newname))
	}
	return syncDirs(fsys, path.Dir(newname), path.Dir(oldname))
}

// Remove removes a file or an empty folder.
//
//  1. Remove
//  2. SyncDir of the folder
//
// Returned nil guarantees that it does not come back.
func Remove(fsys vfs.FS, name string) error {
	if err := fsys.Remove(name); err != nil {
		return err
	}
	return syncDirs(fsys, path.Dir(name))
}

// RemoveAll removes a file, or a folder with everything in it; links are removed,
// not followed. More than limit entries is vfs.ErrTooLarge, before anything is
// removed. What does not exist is success.
//
//  1. Walk, to count and list
//  2. Remove each, what is in a folder before the folder
//  3. SyncDir of the folder that held name
//
// Returned nil guarantees that it does not come back. A crash before leaves any
// part of it.
func RemoveAll(fsys vfs.FS, name string, limit int) error {
	info, err := fsys.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return syncGone(fsys, path.Dir(name))
	}
	if err != nil {
		return err
	}
	names := []string{name}
	if info.IsDir() {
		err = vfs.Walk(fsys, name, vfs.Limits{Entries: max(1, limit)}, func(name string, _ fs.DirEntry) error {
			names = append(names, name)
			return nil
		})
		if err != nil {
			return err
		}
	}
	if len(names) > limit {
		return fmt.Errorf("remove %s: %w: more than %d entries", name, vfs.ErrTooLarge, limit)
	}
	for i := len(names) - 1; i >= 0; i-- {
		if err := fsys.Remove(names[i]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return syncDirs(fsys, path.Dir(name))
}

// syncGone makes the absence of a name durable: an earlier attempt may have ended
// between Remove and SyncDir. Without the folder itself there is nothing to do.
func syncGone(fsys vfs.FS, folder string) error {
	if _, err := fsys.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return syncDirs(fsys, folder)
}

// Overwrite destroys a small file, such as the wrap of a key, as well as can be
// done through a file system.
//
//  1. Open for writing
//  2. WriteAt random bytes over all of it
//  3. Sync
//  4. Punch all of it, so that a mount with discard lets the disk trim it
//  5. Close
//  6. Remove
//  7. SyncDir of the folder
//
// The name goes last: as long as it exists, destruction is not proven and the
// call may be made again. Returned nil guarantees that the file system has put
// other bytes where the content was, and forgotten the name. It cannot guarantee
// what a disk that remaps blocks, a journal or a snapshot has kept. Further hard
// links keep their name and show zeros. A failed Punch does not stop it.
func Overwrite(fsys vfs.FS, name string) error {
	f, err := fsys.Open(name, vfs.OpenOptions{Write: true})
	if err != nil {
		return fmt.Errorf("overwrite %s: %w", name, err)
	}
	size, err := f.Size()
	if err == nil {
		err = randomize(f, size)
	}
	if err != nil {
		f.Close()
		return fmt.Errorf("overwrite %s: %w", name, err)
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return fmt.Errorf("overwrite %s: %w", name, failed(err))
	}
	f.Punch(0, size) // the random bytes are durable; this is extra
	if err := f.Close(); err != nil {
		return fmt.Errorf("overwrite %s: %w", name, err)
	}
	return Remove(fsys, name)
}

// randomize writes random bytes over the first size bytes of f.
func randomize(f vfs.File, size int64) error {
	buf := make([]byte, min(size, 64<<10))
	for off := int64(0); off < size; {
		p := buf[:min(size-off, int64(len(buf)))]
		rand.Read(p) // it never fails: crypto/rand ends the program instead
		n, err := f.WriteAt(p, off)
		if err != nil {
			return err
		}
		off += int64(n)
	}
	return nil
}

// syncDirs syncs folders in the given order and stops at the first error.
func syncDirs(fsys vfs.FS, folders ...string) error {
	for _, folder := range folders {
		if err := fsys.SyncDir(folder); err != nil {
			return failed(err)
		}
	}
	return nil
}

// failed marks a sync error. A folder that is not there, or that this process
// cannot open, was not synced, but says nothing about the disk.
func failed(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) || vfs.OwnFault(err) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrDiskFailed, err)
}
