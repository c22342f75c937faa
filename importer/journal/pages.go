package journal

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"syscall"

	"github.com/klauspost/compress/s2"

	"github.com/sledge-io/sledge/internal/vfs"
)

// pagesFile is one that counts.
type pagesFile struct {
	number     uint32
	size, last uint32 // what counts of it, and where its last whatTurn frame is
	live       int64  // bytes of frames that are their page's newest
}

// fileSize is how long a pages file grows before the next one is begun.
const fileSize = 64 << 20

func pagesName(number uint32) string { return fmt.Sprintf("%08d.pages", number) }

// A whatTurn frame stands behind the pages of a turn and lists them: kind, page, place, size. Its
// number is the place of the one before it; 0: it is the file's first.
const turnRow = 1 + 8 + 4 + 4

type turnEntry struct {
	page     pageKey
	at, size uint32
}

func appendTurn(b []byte, list []turnEntry) []byte {
	for _, e := range list {
		b = append(b, byte(e.page.kind))
		b = binary.BigEndian.AppendUint64(b, e.page.page)
		b = binary.BigEndian.AppendUint32(b, e.at)
		b = binary.BigEndian.AppendUint32(b, e.size)
	}
	return b
}

// parseTurn reads the list of a frame that is at a place.
func parseTurn(body []byte, at uint32) (list []turnEntry, err error) {
	if len(body)%turnRow != 0 {
		return nil, errBadPage
	}
	for ; len(body) > 0; body = body[turnRow:] {
		e := turnEntry{pageKey{Kind(body[0]), binary.BigEndian.Uint64(body[1:])}, binary.BigEndian.Uint32(body[9:]), binary.BigEndian.Uint32(body[13:])}
		if e.size < headSize || uint64(e.at)+uint64(e.size) > uint64(at) || e.page.first()>>e.page.kind.bits() != e.page.page {
			return nil, errBadPage
		}
		list = append(list, e)
	}
	return list, nil
}

// Damage is a page whose newest frame cannot be read. Its values are lost, and those of no other.
type Damage struct {
	File        string
	Kind        Kind
	First, Last uint64 // numbers of the page
	Err         error
}

func (d *Damage) Error() string {
	return fmt.Sprintf("%s: the values %c %d to %d are damaged: %v", d.File, d.Kind, d.First, d.Last, d.Err)
}

func (d *Damage) Unwrap() error { return d.Err }

// rows reads a page as its file has it. The caller holds mu.
func (s *Store) rows(p pageKey) (rows []row, err error) {
	at := s.index.at(p, false)
	if at == nil || at.size == 0 {
		return nil, nil
	}
	name := path.Join(s.folder, pagesName(at.file))
	f, err := s.disk.Open(name, vfs.OpenOptions{})
	if err != nil {
		return nil, err
	}
	defer f.Close() // read only
	b := make([]byte, at.size)
	_, err = f.ReadAt(b, int64(at.at))
	if err == nil || errors.Is(err, io.EOF) {
		var h head
		if h, b, err = parseFrame(b, at.file, at.at); err == nil && (h.what != whatPage || h.kind != p.kind || h.number != p.page) {
			err = errNoFrame
		}
		if err == nil {
			if b, err = unpack(b); err == nil {
				rows, err = parseRows(p, b)
			}
		}
	} else if !errors.Is(err, syscall.EIO) {
		return nil, err
	}
	if err != nil {
		first := p.first()
		return nil, &Damage{name, p.kind, first, first + 1<<p.kind.bits() - 1, err}
	}
	return rows, nil
}

// page gives the values of a page. The caller holds mu.
func (s *Store) page(p pageKey) ([]row, error) {
	c := s.dirty[p]
	if c != nil && c.cleared {
		return merge(nil, c), nil
	}
	rows, err := s.rows(p)
	return merge(rows, c), err
}

// pagesWriter appends pages to the file that this opening has begun.
type pagesWriter struct {
	file vfs.File
	to   *pagesFile
	end  uint32      // where the next frame will be
	list []turnEntry // pages without a whatTurn frame yet
}

// write puts a page's values at the end, and has its frame count.
func (s *Store) write(p pageKey, rows []row) error {
	size := bodySize(rows)
	if size > maxBody {
		return fmt.Errorf("the values of %c %d take %d bytes, at most %d may be", p.kind, p.first(), size, maxBody)
	}
	w, err := s.writer()
	if err != nil {
		return err
	}
	s.body = appendRows(s.body[:0], rows)
	s.packed = s2.Encode(s.packed[:cap(s.packed)], s.body)
	s.frame = appendFrame(s.frame[:0], head{what: whatPage, kind: p.kind, number: p.page, file: w.to.number, at: w.end}, s.packed)
	if _, err := w.file.WriteAt(s.frame, int64(w.end)); err != nil {
		return err
	}
	now := place{w.to.number, w.end, uint32(len(s.frame)), true}
	w.list = append(w.list, turnEntry{p, now.at, now.size})
	w.end += now.size
	at := s.index.at(p, true)
	if at.size > 0 {
		s.files[at.file].live -= int64(at.size)
	}
	*at = now
	w.to.live += int64(now.size)
	return nil
}

// writer is the file that the next page goes to.
func (s *Store) writer() (*pagesWriter, error) {
	if s.out != nil && s.out.end < fileSize {
		return s.out, nil
	}
	if s.out != nil {
		if err := errors.Join(s.endPages(), s.out.file.Close()); err != nil {
			return nil, err
		}
		s.out = nil
	}
	number := s.lastFile + 1
	f, err := s.disk.Create(path.Join(s.folder, pagesName(number)), vfs.CreateOptions{})
	if err != nil {
		return nil, err
	}
	s.lastFile = number
	s.out = &pagesWriter{file: f, to: &pagesFile{number: number}}
	s.files[number] = s.out.to
	return s.out, nil
}

// endPages lists what was written since the last turn, and makes it durable.
func (s *Store) endPages() error {
	w := s.out
	if len(w.list) == 0 {
		return nil
	}
	s.frame = appendFrame(s.frame[:0], head{what: whatTurn, number: uint64(w.to.last), file: w.to.number, at: w.end}, appendTurn(s.body[:0], w.list))
	if _, err := w.file.WriteAt(s.frame, int64(w.end)); err != nil {
		return err
	}
	if err := w.file.Sync(); err != nil {
		return err
	}
	if w.to.size == 0 { // no changes file may name it before it has its name for good
		if err := s.disk.SyncDir(s.folder); err != nil {
			return err
		}
	}
	w.to.last = w.end
	w.end += uint32(len(s.frame))
	w.to.size = w.end
	w.list = w.list[:0]
	return nil
}

// eachTurn calls f for the lists of a file, the last one first.
func (s *Store) eachTurn(file *pagesFile, f func([]turnEntry)) error {
	name := path.Join(s.folder, pagesName(file.number))
	in, err := s.disk.Open(name, vfs.OpenOptions{})
	if err != nil {
		return err
	}
	defer in.Close() // read only
	for at, end := file.last, file.size; ; {
		h, body, err := readFrame(in, file.number, at, end)
		if err == nil && (h.what != whatTurn || h.number >= uint64(at) && at > 0) {
			err = errNoFrame
		}
		var list []turnEntry
		if err == nil {
			list, err = parseTurn(body, at)
		}
		if err != nil {
			return fmt.Errorf("%s: the list of its pages at %d is damaged: %w", name, at, err)
		}
		f(list)
		if h.number == 0 {
			return nil
		}
		at, end = uint32(h.number), at
	}
}

// readFrame reads the frame at a place of a file that ends there.
func readFrame(f vfs.File, number, at, end uint32) (h head, body []byte, err error) {
	var b [headSize]byte
	if uint64(at)+headSize > uint64(end) {
		return h, nil, errNoFrame
	}
	if _, err := f.ReadAt(b[:], int64(at)); err != nil {
		return h, nil, err
	}
	if h, err = parseHead(b[:], number, at); err != nil {
		return h, nil, err
	}
	if uint64(at)+headSize+uint64(h.length) > uint64(end) {
		return h, nil, errNoFrame
	}
	all := append(b[:], make([]byte, h.length)...)
	if _, err := f.ReadAt(all[headSize:], int64(at)+headSize); err != nil && !errors.Is(err, io.EOF) {
		return h, nil, err
	}
	return parseFrame(all, number, at)
}

// sparse is the file that is worth writing again: where more than half of all files is dead, the one
// with the least share of what is alive. nil: none.
func (s *Store) sparse() *pagesFile {
	var size, live int64
	var least *pagesFile
	for _, f := range s.files {
		size, live = size+int64(f.size), live+f.live
		if s.out != nil && f == s.out.to || f.live > int64(f.size)/2 {
			continue
		}
		if least == nil || f.live*int64(least.size) < least.live*int64(f.size) {
			least = f
		}
	}
	if size <= 2*live {
		return nil
	}
	return least
}

// moved are the pages that are alive in a file, but for those that are written anyway.
func (s *Store) moved(file *pagesFile) (pages []pageKey, err error) {
	if file.live == 0 {
		return nil, nil
	}
	err = s.eachTurn(file, func(list []turnEntry) {
		for _, e := range list {
			at := s.index.at(e.page, false)
			if at != nil && at.size > 0 && at.file == file.number && at.at == e.at && s.dirty[e.page] == nil {
				pages = append(pages, e.page)
			}
		}
	})
	return pages, err
}

// A turn writes the pages that have changes, begins the next changes file, and removes what counts no
// more. What it writes counts with the first frame of that file, so the one before need not be durable. The caller holds mu, and no sync is under way.
func (s *Store) turn() error {
	pages := slices.SortedFunc(maps.Keys(s.dirty), func(a, b pageKey) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.page, b.page))
	})
	if file := s.sparse(); file != nil {
		more, err := s.moved(file)
		if err != nil {
			return err
		}
		pages = append(pages, more...)
	}
	for _, p := range pages {
		rows, err := s.page(p)
		if err != nil {
			return err // of a read: the changes file goes on
		}
		if err := s.frozen(s.write(p, rows)); err != nil {
			return err
		}
	}
	if s.out != nil {
		if err := s.frozen(s.endPages()); err != nil {
			return err
		}
	}
	return s.frozen(s.nextChanges())
}
