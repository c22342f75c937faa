package frames

import (
	"bytes"
	"fmt"
	"slices"
	"sync"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/internal/vfs"
)

// openCopy is one disk's copy of a frame file, open for reading.
type openCopy struct {
	b    *disk.Bay
	file vfs.File
}

// Copies are the copies of one frame file. What they hold is read without a
// key. Reading fails a disk that does not answer; if lenient is set, what cannot be
// read is damage.
type Copies struct {
	of      *File
	list    []openCopy
	lenient bool
	Faults  int // reads that a disk did not answer, if lenient
}

// Open opens every copy.
func (c *File) Open(lenient bool) (*Copies, error) {
	o := &Copies{of: c, lenient: lenient}
	for _, b := range slices.Clone(c.On) {
		if b.Failed() != nil {
			continue
		}
		file, err := b.Disk.FS.Open(c.Name, vfs.OpenOptions{})
		if err == nil {
			o.list = append(o.list, openCopy{b, file})
			continue
		}
		if err := c.drop(b, err, lenient); err != nil {
			o.Close()
			return nil, err
		}
	}
	return o, nil
}

func (o *Copies) Close() {
	for _, c := range o.list {
		c.file.Close()
	}
	o.list = nil
}

// fail judges an error of reading copy *i. If the disk fails by it, the copy leaves
// the list, and *i becomes the place before it.
func (o *Copies) fail(i *int, err error) error {
	if o.lenient && !disk.OwnFault(err) {
		o.Faults++
		return nil
	}
	c := o.list[*i]
	if err := c.b.Refuse(err); err != nil {
		return err
	}
	c.file.Close()
	o.list = slices.Delete(o.list, *i, *i+1)
	*i--
	return nil
}

// whole reads the frame at a place from the first copy that holds it whole; nil if
// none does. With count it reads the others, too, and says how many hold the same.
func (o *Copies) whole(at int64, count bool) (raw []byte, copies int, err error) {
	for i := 0; i < len(o.list); i++ {
		raw, err := rawFrame(o.list[i].file, at, nil)
		if err == nil {
			copies = 1
			if count {
				copies, err = o.same(i, at, raw)
			}
			return raw, copies, err
		}
		if disk.ReadFault(err) {
			if err := o.fail(&i, err); err != nil {
				return nil, 0, err
			}
		}
	}
	return nil, 0, nil
}

// same counts the copies that hold the bytes of copy i at the same place. Those
// before i have been found not to.
func (o *Copies) same(i int, at int64, want []byte) (int, error) {
	count := 1
	errs := make([]error, len(o.list))
	equal := make([]bool, len(o.list))
	var wg sync.WaitGroup
	for j := i + 1; j < len(o.list); j++ {
		file := o.list[j].file
		wg.Go(func() { equal[j], errs[j] = sameBytes(file, at, want) })
	}
	wg.Wait()
	for j := len(o.list) - 1; j > i; j-- {
		if equal[j] {
			count++
		}
		if k := j; disk.ReadFault(errs[j]) {
			if err := o.fail(&k, errs[j]); err != nil {
				return 0, err
			}
		}
	}
	return count, nil
}

func sameBytes(file vfs.File, at int64, want []byte) (bool, error) {
	buf := make([]byte, min(len(want), 256<<10))
	for off := 0; off < len(want); {
		n := min(len(buf), len(want)-off)
		if _, err := file.ReadAt(buf[:n], at+int64(off)); err != nil {
			return false, err
		}
		if !bytes.Equal(buf[:n], want[off:off+n]) {
			return false, nil
		}
		off += n
	}
	return true, nil
}

// Size is the length of the longest copy.
func (o *Copies) Size() (most int64, err error) {
	for i := 0; i < len(o.list); i++ {
		size, err := o.list[i].file.Size()
		if err != nil {
			if err := o.fail(&i, err); err != nil {
				return 0, err
			}
			continue
		}
		most = max(most, size)
	}
	return most, nil
}

// searchStep is how much is looked through at a time for the next whole frame.
const searchStep = 256 << 10

// nextWhole returns the place of the first frame behind at that some copy holds
// whole; −1 if there is none.
func (o *Copies) nextWhole(at int64) (int64, error) {
	end, err := o.Size()
	if err != nil {
		return -1, err
	}
	for from := at + 1; from < end; from += searchStep {
		best := int64(-1)
		for i := 0; i < len(o.list); i++ {
			found, err := o.search(i, from, min(searchStep, end-from))
			if disk.ReadFault(err) {
				if err := o.fail(&i, err); err != nil {
					return -1, err
				}
			}
			if found >= 0 && (best < 0 || found < best) {
				best = found
			}
		}
		if best >= 0 {
			return best, nil
		}
	}
	return -1, nil
}

// search looks for a whole frame of one copy that begins in a range.
func (o *Copies) search(i int, from, n int64) (int64, error) {
	file := o.list[i].file
	buf := make([]byte, n+int64(len(Magic))-1)
	have, err := readPieces(file, buf, from, o.lenient)
	if disk.ReadFault(err) {
		return -1, err
	}
	buf = buf[:have]
	for off := 0; ; off++ {
		next := bytes.Index(buf[off:], []byte(Magic))
		if next < 0 {
			return -1, nil
		}
		off += next
		_, err := rawFrame(file, from+int64(off), nil)
		if err == nil {
			return from + int64(off), nil
		}
		if disk.ReadFault(err) && (!o.lenient || disk.OwnFault(err)) {
			return -1, err
		}
	}
}

// readPieces fills buf and returns how far the file goes. If lenient is set, pieces
// that cannot be read are left zero.
func readPieces(file vfs.File, buf []byte, at int64, lenient bool) (int, error) {
	have, err := file.ReadAt(buf, at)
	if !disk.ReadFault(err) || !lenient || disk.OwnFault(err) {
		return have, err
	}
	size, serr := file.Size()
	if serr != nil {
		return 0, serr
	}
	have = int(max(0, min(int64(len(buf)), size-at)))
	for off := 0; off < have; off += vfs.Alignment {
		piece := buf[off:min(off+vfs.Alignment, have)]
		if _, perr := file.ReadAt(piece, at+int64(off)); perr != nil {
			if disk.OwnFault(perr) {
				return 0, perr
			}
			clear(piece)
		}
	}
	return have, nil
}

// None reports whether no copy can be read.
func (o *Copies) None() bool { return len(o.list) == 0 }

// Header fills head with the first bytes of a copy as they are; what is not there is zero.
func (o *Copies) Header(head []byte) error {
	clear(head)
	if _, err := readPieces(o.list[0].file, head, 0, true); disk.ReadFault(err) {
		return err
	}
	return nil
}

// Part is a run of a frame file: a whole frame, or the damage before one.
type Part struct {
	At, Size int64
	Raw      []byte // nil for damage that is too long to be kept: it becomes a hole
	Whole    bool
	Copies   int
}

// EachPart calls f for every whole frame, and for every damaged run that a whole
// frame follows, in order and up to end; 0 is as far as there are frames. It needs
// no key. It returns where the last part ends.
func (o *Copies) EachPart(end int64, count bool, f func(Part) error) (int64, error) {
	at := int64(HeaderSize)
	for end == 0 || at < end {
		raw, copies, err := o.whole(at, count)
		if err != nil {
			return at, err
		}
		part := Part{At: at, Size: int64(len(raw)), Raw: raw, Whole: raw != nil, Copies: copies}
		if raw == nil {
			next, err := o.nextWhole(at)
			if err == nil && next < 0 && end > 0 {
				next = end // a tail that is kept as it is
			}
			if err != nil || next < 0 {
				return at, err
			}
			part.Size = next - at
			if part.Raw, err = o.damaged(at, part.Size); err != nil {
				return at, err
			}
		}
		if err := f(part); err != nil {
			return at, err
		}
		at += part.Size
	}
	return at, nil
}

// damaged reads a run that is whole nowhere from the copy that has most of it.
func (o *Copies) damaged(at, n int64) ([]byte, error) {
	if n > maxFrameBytes {
		return nil, nil
	}
	best, most := make([]byte, n), 0
	buf := make([]byte, n)
	for i := 0; i < len(o.list); i++ {
		clear(buf)
		have, err := readPieces(o.list[i].file, buf, at, o.lenient)
		if disk.ReadFault(err) {
			if err := o.fail(&i, err); err != nil {
				return nil, err
			}
			continue
		}
		if have > most {
			best, buf, most = buf, best, have
		}
	}
	return best, nil
}

// Silent reports whether some copy goes on behind at and cannot be read there.
func (o *Copies) Silent(at int64) (bool, error) {
	buf := make([]byte, searchStep)
	for _, c := range o.list {
		for off := at; ; off += searchStep {
			_, err := c.file.ReadAt(buf, off)
			if disk.OwnFault(err) {
				return false, fmt.Errorf("disk %s: %w", c.b.Disk.Name, err)
			}
			if disk.ReadFault(err) {
				return true, nil
			}
			if err != nil {
				break
			}
		}
	}
	return false, nil
}
