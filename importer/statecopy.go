package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"strings"
	"time"

	pages "github.com/sledge-io/sledge/importer/journal"
	"github.com/sledge-io/sledge/importer/lease"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

// How often and how fast a journal is copied that changes meanwhile: its process is
// not frozen, but slow, and has a second or so to see that it was replaced.
const (
	copyTries = 20
	copyPause = 500 * time.Millisecond
)

// maxStateFiles bounds the files of a state: most are of receipt logs, 256 entries each.
const maxStateFiles = 1 << 20

// copyState copies a state into a folder of the same disk.
//
// Of a journal's pages files nobody changes what counts, so they are linked, and where the first
// process removes one, ours stays. The rest is copied, for it is appended to. The state of a journal
// is that of one moment if no file of it came, went or grew while it was copied; else
// the copy is made again. Then it is opened, which looks for every pages file.
func copyState(ctx context.Context, disk vfs.FS, from, to string) error {
	if from == "" {
		from = "."
	}
	var last error
	for try := range copyTries {
		if try > 0 {
			if err := pause(ctx, copyPause); err != nil {
				return err
			}
		}
		if err := durable.RemoveAll(disk, to, vfs.MaxDirEntries); err != nil {
			return err
		}
		still, err := copyOnce(disk, from, to)
		switch {
		case err == nil && still:
			return checkCopy(disk, to)
		case err == nil:
			last = errors.New("it changes while it is copied")
		case !errors.Is(err, fs.ErrNotExist): // a file that went meanwhile
			return err
		default:
			last = err
		}
	}
	return target.NewError(target.CodeStateLocked, "", "the journal could not be copied: its process is at work: "+last.Error(), last)
}

// copyOnce copies what is there and tells whether the journals stayed as they were.
func copyOnce(disk vfs.FS, from, to string) (still bool, err error) {
	before, err := stateFiles(disk, from)
	if err != nil {
		return false, err
	}
	dirs := map[string]bool{to: true}
	if err := durable.MkdirAll(disk, to); err != nil {
		return false, err
	}
	for name := range before {
		target := to + "/" + name
		if dir := path.Dir(target); !dirs[dir] {
			if err := durable.MkdirAll(disk, dir); err != nil {
				return false, err
			}
			dirs[dir] = true
		}
		if err := copyFile(disk, path.Join(from, name), target); err != nil {
			return false, err
		}
	}
	for dir := range dirs {
		if err := disk.SyncDir(dir); err != nil {
			return false, err
		}
	}
	after, err := stateFiles(disk, from)
	return maps.Equal(journalFiles(before), journalFiles(after)), err
}

// stateFiles are the files of a state with their sizes, without those of the folder
// itself: lock, leases, copies, and drafts of small files.
func stateFiles(disk vfs.FS, from string) (map[string]int64, error) {
	files := map[string]int64{}
	err := vfs.Walk(disk, from, vfs.Limits{Entries: maxStateFiles}, func(name string, d fs.DirEntry) error {
		name = strings.TrimPrefix(name, from+"/")
		switch {
		case d.IsDir() && (name == lease.Folder || name == takenFolder):
			return fs.SkipDir
		case d.IsDir(), name == lockName, strings.HasSuffix(name, durable.TempSuffix), strings.HasSuffix(name, status.DraftSuffix):
			return nil
		}
		info, err := disk.Stat(path.Join(from, name))
		if err == nil {
			files[name] = info.Size()
		}
		return err
	})
	return files, err
}

// inJournal tells a file of a journal.
func inJournal(name string) bool { return path.Base(path.Dir(name)) == journalFolder }

func journalFiles(files map[string]int64) map[string]int64 {
	files = maps.Clone(files)
	maps.DeleteFunc(files, func(name string, _ int64) bool { return !inJournal(name) })
	return files
}

// copyFile links a file that is never changed, or copies it and syncs the copy.
func copyFile(disk vfs.FS, from, to string) error {
	if !inJournal(from) || pages.Fixed(path.Base(from)) {
		err := disk.Link(from, to)
		if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
			return err
		} // else this file system has no hard links
	}
	in, err := disk.Open(from, vfs.OpenOptions{})
	if err != nil {
		return err
	}
	defer in.Close() // read only
	out, err := disk.Create(to, vfs.CreateOptions{})
	if err != nil {
		return err
	}
	_, err = io.Copy(vfs.NewWriter(out, 0), vfs.NewReader(in))
	return errors.Join(err, out.Sync(), out.Close())
}

// checkCopy opens each journal of a copy and reads what a run needs at once: its
// header, and the uploads that are under way.
func checkCopy(disk vfs.FS, to string) error {
	bases, err := stateBases(disk, to)
	if err != nil {
		return err
	}
	for _, base := range bases {
		if err := checkJournal(disk, base); err != nil {
			return fmt.Errorf("the copy of the journal: %w", err)
		}
	}
	return nil
}

// stateBases are the folders of a state that may have a journal each.
func stateBases(disk vfs.FS, state string) (bases []string, err error) {
	runs, err := disk.ReadDir(path.Join(state, RunsFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	bases = []string{state}
	for _, r := range runs {
		bases = append(bases, path.Join(state, RunsFolder, r.Name()))
	}
	return bases, nil
}

func checkJournal(disk vfs.FS, base string) (err error) {
	if _, err := disk.Stat(path.Join(base, journalFolder)); errors.Is(err, fs.ErrNotExist) {
		return nil // it had not begun
	}
	j, err := openJournal(Alone(disk), base)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.close()) }()
	var h header
	if _, err := j.load(headerKey, &h); err != nil {
		return err
	}
	for uploads := j.cursor('u', 0); ; {
		var p pending
		if _, ok, err := uploads.next(&p); err != nil || !ok {
			return err
		}
	}
}
