package tail

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/frames"
	"github.com/sledge-io/sledge/appliance/pack"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// The last frame of a journal file may be one that was never acknowledged: a crash
// came between its copies. Open and Rebuild decide by the same rule whether it
// counts, and the rule needs no key:
//
//   - a frame on m+1 disks counts, and so does one without a pack;
//   - a later file's first pack says how an earlier Open has decided;
//   - a pack counts if its bytes are there;
//   - it does not if too few disks are absent to hold the copies that are missing;
//   - else nobody can tell: ErrTooFewDisks.

// Frame is the last whole frame of a journal file.
type Frame struct {
	Copies int            // disks at hand that hold it whole
	Unread int            // disks whose copy cannot be read; they may hold it, too
	Entry  *manifest.Pack // nil if it has none
	Next   *manifest.Pack // the first pack of the files behind, nil if they have none
}

// Counts decides whether the frame counts. The bays without a working disk are
// those that may hold further copies.
func (f Frame) Counts(s disk.Bays, m int) (bool, error) {
	switch {
	case f.Copies > m || f.Entry == nil:
		return true, nil
	case f.Next != nil:
		return f.Next.Number > f.Entry.Number, nil
	}
	proof, silent, err := provePack(s, f.Entry)
	if proof == nil || err != nil {
		return err == nil, err
	}
	absent := append(s.Missing(), silent...)
	if f.Copies+f.Unread+len(absent) <= m {
		return false, nil
	}
	return false, fmt.Errorf("%w: whether pack %s was acknowledged cannot be told without %s: %v", disk.ErrTooFewDisks, f.Entry.ID, disk.BayList(absent), proof)
}

// provePack reads a pack and compares it with its signed hashes. lacking is nil if
// all of it is there; silent are bays whose disk did not answer.
func provePack(s disk.Bays, p *manifest.Pack) (lacking error, silent []int, err error) {
	var notes []*notingFS // in the set's order
	set := s.SetBy(func(disk vfs.FS) vfs.FS {
		notes = append(notes, &notingFS{FS: disk})
		return notes[len(notes)-1]
	})
	if lacking = readPack(set, p); lacking == nil {
		return nil, nil, nil
	}
	for i, w := range notes {
		fault := w.fault()
		if disk.OwnFault(fault) {
			return nil, nil, fmt.Errorf("disk %s: %w", set.Disks[i].Name, fault)
		}
		if fault != nil {
			silent = append(silent, set.Bays[i])
		}
	}
	return lacking, silent, nil
}

func readPack(set *disk.Set, p *manifest.Pack) error {
	pr, err := pack.NewReader(set, p, &pack.Repairs{})
	if err != nil {
		return err
	}
	defer pr.Close()
	buf := make([]byte, min(1<<20, p.BodySize))
	for off := int64(0); off < p.BodySize && err == nil; off += int64(len(buf)) {
		err = pr.ReadProven(buf[:min(int64(len(buf)), p.BodySize-off)], off)
	}
	return err
}

// errFound ends a walk that has what it looked for.
var errFound = errors.New("stopped")

// FirstPack is the first pack that the files name, nil if they name none.
func FirstPack(files []*frames.File, lenient bool, entry func(raw []byte) *manifest.Pack) (*manifest.Pack, error) {
	var first *manifest.Pack
	for _, c := range files {
		if c.Headless {
			continue // its place among the others is not known
		}
		copies, err := c.Open(lenient)
		if err != nil {
			return nil, err
		}
		_, err = copies.EachPart(0, false, func(p frames.Part) error {
			if p.Whole {
				first = entry(p.Raw)
			}
			if first != nil {
				return errFound
			}
			return nil
		})
		copies.Close()
		if first != nil || err != nil && !errors.Is(err, errFound) {
			return first, notStopped(err)
		}
	}
	return nil, nil
}

func notStopped(err error) error {
	if errors.Is(err, errFound) {
		return nil
	}
	return err
}

// notingFS notes errors of reading by which a disk did not answer.
type notingFS struct {
	vfs.FS
	mu  sync.Mutex
	err error
}

func (w *notingFS) note(err error) {
	if !disk.ReadFault(err) || errors.Is(err, fs.ErrNotExist) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil || disk.OwnFault(err) {
		w.err = err
	}
}

func (w *notingFS) fault() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Open opens a file whose reads are noted.
func (w *notingFS) Open(name string, o vfs.OpenOptions) (vfs.File, error) {
	f, err := w.FS.Open(name, o)
	w.note(err)
	if err != nil {
		return nil, err
	}
	return &notingFile{f, w}, nil
}

type notingFile struct {
	vfs.File
	fs *notingFS
}

func (f *notingFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(p, off)
	f.fs.note(err)
	return n, err
}

func (f *notingFile) Size() (int64, error) {
	size, err := f.File.Size()
	f.fs.note(err)
	return size, err
}
