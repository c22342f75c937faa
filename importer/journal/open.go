package journal

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

// ErrOldKind says that a folder holds a journal of the kind before this one, which another program
// has to finish.
var ErrOldKind = errors.New("a journal of an older kind")

// version is that of the frames. It is in each changes file's first one.
const version = 1

// maxChanges bounds what is read of a changes file.
const maxChanges = 64 << 20

func changesName(number uint32) string { return fmt.Sprintf("%08d.changes", number) }

// Fixed tells by its name a file of which nobody changes what counts, once a changes file lists it.
func Fixed(name string) bool {
	_, ok := numbered(name, pagesName)
	return ok
}

// guard is the name of a file that keeps software from before this kind from beginning a journal of
// its own beside this one: its database takes the name for a version that it does not know.
const guard = "marker.format-version.999999.999"

// found is what is in a journal's folder.
type found struct{ changes, pages []uint32 }

// RefuseOld is ErrOldKind for a folder with a journal of the older kind.
func RefuseOld(disk vfs.FS, folder string) error {
	_, err := look(disk, folder)
	return err
}

// look lists a folder, each kind of file from the newest on.
func look(disk vfs.FS, folder string) (f found, err error) {
	entries, err := disk.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	for _, e := range entries {
		name := e.Name()
		if number, ok := numbered(name, changesName); ok {
			f.changes = append(f.changes, number)
		} else if number, ok := numbered(name, pagesName); ok {
			f.pages = append(f.pages, number)
		} else if old(name) {
			return f, fmt.Errorf("%s: %w: %s", folder, ErrOldKind, name)
		}
	}
	newest := func(a, b uint32) int { return cmp.Compare(b, a) }
	slices.SortFunc(f.changes, newest)
	slices.SortFunc(f.pages, newest)
	return f, nil
}

func numbered(name string, form func(uint32) string) (number uint32, ok bool) {
	digits, _, _ := strings.Cut(name, ".")
	n, err := strconv.ParseUint(digits, 10, 32)
	return uint32(n), err == nil && n > 0 && form(uint32(n)) == name
}

// old tells a file of the database that journals were before.
func old(name string) bool {
	digits, isLog := strings.CutSuffix(name, ".log")
	return name != guard && strings.HasPrefix(name, "marker.") || strings.HasPrefix(name, "MANIFEST-") || strings.HasPrefix(name, "OPTIONS-") ||
		strings.HasSuffix(name, ".sst") || isLog && len(digits) == 6
}

// Open opens the journal in a folder of a disk, or begins one. An older kind is ErrOldKind. What was
// being written when a process ended is cut off. A file that lacks, or is damaged where it was
// durable, is an error that names it; but damage in a page is told when the page is read.
func Open(disk vfs.FS, folder string) (*Store, error) {
	s := &Store{disk: disk, folder: folder, mu: make(lock, 1), dirty: map[pageKey]*changes{}, index: index{}, files: map[uint32]*pagesFile{}}
	s.synced.L = s.mu
	f, err := look(disk, folder)
	if err != nil {
		return nil, err
	}
	if len(f.pages) > 0 {
		s.lastFile = f.pages[0]
	}
	text, err := s.newest(f)
	switch {
	case err != nil:
		return nil, err
	case text == nil:
		if err := s.begin(f); err != nil {
			return nil, err
		}
		return s, nil
	}
	if s.log, err = disk.Open(path.Join(folder, changesName(s.number)), vfs.OpenOptions{Write: true}); err != nil {
		return nil, err
	}
	if err := s.replay(text); err != nil {
		return nil, errors.Join(err, s.log.Close())
	}
	if err := s.sweep(f); err != nil {
		return nil, errors.Join(err, s.log.Close())
	}
	return s, nil
}

// begin makes a new journal.
func (s *Store) begin(f found) error {
	if err := durable.MkdirAll(s.disk, s.folder); err != nil {
		return err
	}
	for _, number := range f.changes { // one that was being made
		if err := s.disk.Remove(path.Join(s.folder, changesName(number))); err != nil {
			return err
		}
	}
	g, err := s.disk.Create(path.Join(s.folder, guard), vfs.CreateOptions{})
	if err == nil {
		err = g.Close()
	} else if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	if err != nil {
		return err
	}
	return s.nextChanges()
}

// nextChanges begins the changes file after the one that is open, removes that, and the pages files
// that count no more.
func (s *Store) nextChanges() error {
	var table []byte
	var dead []uint32
	for _, f := range s.files {
		if f.live == 0 && (s.out == nil || f != s.out.to) {
			dead = append(dead, f.number)
			continue
		}
		for _, n := range []uint32{f.number, f.size, f.last} {
			table = binary.BigEndian.AppendUint32(table, n)
		}
	}
	name := path.Join(s.folder, changesName(s.number+1))
	log, err := s.disk.Create(name, vfs.CreateOptions{})
	if err != nil {
		return err
	}
	frame := appendFrame(nil, head{what: whatBegin, number: version, file: s.number + 1}, table)
	_, err = log.WriteAt(frame, 0)
	if err == nil {
		err = log.Sync()
	}
	if err == nil {
		err = s.disk.SyncDir(s.folder)
	}
	if err != nil {
		return errors.Join(err, log.Close())
	}
	before := s.log
	s.log, s.number, s.size, s.durable = log, s.number+1, uint32(len(frame)), uint32(len(frame))
	s.dirty, s.unwritten = map[pageKey]*changes{}, nil
	if before != nil {
		err = errors.Join(before.Close(), s.remove(changesName(s.number-1)))
	}
	for _, number := range dead {
		delete(s.files, number)
		err = errors.Join(err, s.remove(pagesName(number)))
	}
	return err
}

// remove takes a file away that counts no more.
func (s *Store) remove(name string) error {
	if err := s.disk.Remove(path.Join(s.folder, name)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// newest reads the changes file that counts: the last one whose beginning is whole. nil says that
// there is none, as no journal was begun.
func (s *Store) newest(f found) (text []byte, err error) {
	for _, number := range f.changes {
		name := path.Join(s.folder, changesName(number))
		if text, err = vfs.ReadFile(s.disk, name, maxChanges); err != nil {
			return nil, err
		}
		h, _, err := parseFrame(text, number, 0)
		switch {
		case err == nil && h.what == whatBegin && h.number != version:
			return nil, fmt.Errorf("%s: a journal of version %d, this software reads %d", name, h.number, version)
		case err == nil && h.what == whatBegin:
			s.number = number
			return text, nil
		case durableBehind(text, number, 0):
			return nil, fmt.Errorf("%s: its beginning is damaged", name)
		}
	}
	if len(f.pages) > 0 || len(f.changes) > 0 && f.changes[len(f.changes)-1] > 1 {
		return nil, fmt.Errorf("%s: its changes file is not there", s.folder)
	}
	return nil, nil
}

// durableBehind tells that a file was durable beyond a place at which no frame is: one that was
// written later says so. Else a crash may have left what is there.
func durableBehind(text []byte, number, at uint32) bool {
	for place := uint64(at) + 1; place < uint64(len(text)); place++ {
		next := bytes.Index(text[place:], []byte(frameMagic))
		if next < 0 {
			return false
		}
		place += uint64(next)
		if h, _, err := parseFrame(text[place:], number, uint32(place)); err == nil && h.durable > at {
			return true
		}
	}
	return false
}

// replay reads the pages files that count, and the changes since then.
func (s *Store) replay(text []byte) (err error) {
	h, table, err := parseFrame(text, s.number, 0)
	if err == nil {
		err = s.readFiles(table)
	}
	if err != nil {
		return err
	}
	for s.size = headSize + h.length; int(s.size) < len(text); {
		h, body, err := parseFrame(text[s.size:], s.number, s.size)
		if err != nil || h.what != whatSet && h.what != whatDelete && h.what != whatClear {
			if durableBehind(text, s.number, s.size) {
				return fmt.Errorf("%s: the changes at %d are damaged", path.Join(s.folder, changesName(s.number)), s.size)
			}
			return errors.Join(s.log.Truncate(int64(s.size)), s.log.Sync())
		}
		s.apply(h, body)
		s.size += headSize + h.length
	}
	return nil
}

// readFiles takes the table of pages files, and finds the newest frame of each page.
func (s *Store) readFiles(table []byte) error {
	const row = 3 * 4
	if len(table)%row != 0 {
		return fmt.Errorf("%s: the table of %s is not in its form", s.folder, changesName(s.number))
	}
	var all []*pagesFile
	for ; len(table) > 0; table = table[row:] {
		f := &pagesFile{number: binary.BigEndian.Uint32(table), size: binary.BigEndian.Uint32(table[4:]), last: binary.BigEndian.Uint32(table[8:])}
		info, err := s.disk.Stat(path.Join(s.folder, pagesName(f.number)))
		if err != nil {
			return err
		}
		if info.Size() < int64(f.size) {
			return fmt.Errorf("%s: %d bytes, %d are known", path.Join(s.folder, pagesName(f.number)), info.Size(), f.size)
		}
		all = append(all, f)
		s.files[f.number], s.lastFile = f, max(s.lastFile, f.number)
	}
	slices.SortFunc(all, func(a, b *pagesFile) int { return cmp.Compare(b.number, a.number) })
	for _, f := range all {
		err := s.eachTurn(f, func(list []turnEntry) {
			for _, e := range slices.Backward(list) {
				if at := s.index.at(e.page, true); !at.met {
					*at = place{f.number, e.at, e.size, true}
					f.live += int64(e.size)
				}
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// sweep removes files that count no more, or not yet.
func (s *Store) sweep(f found) (err error) {
	for _, number := range f.changes {
		if number != s.number {
			err = errors.Join(err, s.remove(changesName(number)))
		}
	}
	for _, number := range f.pages {
		if s.files[number] == nil {
			err = errors.Join(err, s.remove(pagesName(number)))
		}
	}
	return err
}
