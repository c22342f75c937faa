package extract

import (
	"fmt"
	"path"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/manifest"
)

// splitPath gives the folder, "." for the root, and the last element, which by
// the rules of paths is neither empty nor a dot element.
func splitPath(p string) (dir, base string) {
	dir, base = path.Split(p)
	return path.Clean("./" + dir), base
}

// outFile is a file being written. Writes to different places may come at once.
type outFile struct{ fd int }

func (f outFile) writeAt(p []byte, off int64) error {
	for len(p) > 0 {
		n, err := unix.Pwrite(f.fd, p, off)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("write: %w", err)
		}
		p, off = p[n:], off+int64(n)
	}
	return nil
}

// written is a file that is whole under its temporary name.
type written struct {
	rec  *manifest.Record
	temp string // in the same folder
	id   fileID
}

const (
	publishFiles = 4096
	publishBytes = 256 << 20
)

// publish gathers written files: one sync of the file system serves many small
// ones, and only then do they get their names.
func (w *extractWorker) publish(f written) {
	w.mu.Lock()
	w.pending = append(w.pending, f)
	w.pendingBytes += f.rec.Size
	full := len(w.pending) >= publishFiles || w.pendingBytes >= publishBytes
	w.mu.Unlock()
	if full {
		w.flush()
	}
}

// flush names what has been gathered.
func (w *extractWorker) flush() {
	w.mu.Lock()
	var files []written
	files, w.pending, w.pendingBytes = w.pending, nil, 0
	w.mu.Unlock()
	if len(files) == 0 {
		return
	}
	var err error
	w.pause(func() { err = w.tree.sync() })
	w.name(files, err)
}

// finish names what is left, once the workers have ended.
func (x *extractor) finish() error {
	if len(x.pending) == 0 {
		return nil
	}
	err := x.tree.sync()
	var wg sync.WaitGroup
	for files := range slices.Chunk(x.pending, (len(x.pending)-1)/cap(x.turns)+1) {
		wg.Go(func() { x.name(files, err) })
	}
	wg.Wait()
	x.pending, x.pendingBytes = nil, 0
	return err
}

// name gives files their names if they were synced. Each was counted, or will be.
func (x *extractor) name(files []written, synced error) {
	d := openFolder{tree: x.tree}
	defer d.close()
	for _, w := range files {
		id, err := x.nameOne(&d, w, synced)
		x.links.settle(w.rec, id, err)
		if err != nil {
			x.entries.Add(^uint64(0))
			x.fail(w.rec.Path, err)
			continue
		}
		x.size.Add(w.rec.Size)
	}
}

func (x *extractor) nameOne(d *openFolder, w written, synced error) (fileID, error) {
	dir, base := splitPath(w.rec.Path)
	fd, err := d.find(dir)
	if err != nil {
		return fileID{}, err
	}
	if synced != nil {
		unix.Unlinkat(fd, w.temp, 0)
		return fileID{}, synced
	}
	looked, err := x.names.move(fd, w.temp, base)
	if err != nil {
		return fileID{}, err
	}
	d.named = true
	if looked {
		x.notice("the folder's file system cannot name a file on condition that nothing has the name: each name was looked at first")
	}
	var st unix.Stat_t
	if w.rec.LinkGroup == 0 || unix.Fstatat(fd, base, &st, unix.AT_SYMLINK_NOFOLLOW) != nil || st.Ino != w.id.ino {
		return w.id, nil // an old state of the file: whoever links to it compares
	}
	return idOf(&st), nil
}
