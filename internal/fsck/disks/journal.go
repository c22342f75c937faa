package disks

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"slices"

	"github.com/sledge-io/sledge/internal/fsck/disk"
	"github.com/sledge-io/sledge/internal/fsck/findings"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// A journal file (format.md 9) is a header and frames:
//
//	"SLEDGEJL" ‖ version u8 ‖ kind u8 ‖ file id (16) ‖ ordinal u64 ‖ CRC64NVME u64
//	"SLFR" ‖ clear length u32 ‖ encrypted length u32 ‖ CRC64NVME u64 ‖ clear ‖ encrypted
const (
	journalHeaderSize = 42
	journalMagic      = "SLEDGEJL"
	frameHeaderSize   = 20
	frameMagic        = "SLFR"
	maxFrame          = 32 << 20
	maxClear          = 2*10 + wire.MaxEntrySize + 64
	journalKind       = 1
)

type journalHeader struct {
	kind    byte
	file    wire.ID
	ordinal uint64
}

func parseJournalHeader(b []byte) (journalHeader, error) {
	var h journalHeader
	switch {
	case len(b) != journalHeaderSize:
		return h, fmt.Errorf("%w: %d bytes", wire.ErrMalformed, len(b))
	case string(b[:8]) != journalMagic:
		return h, fmt.Errorf("%w: magic", wire.ErrMalformed)
	case b[8] != wire.FormatVersion:
		return h, fmt.Errorf("%w: version %d", wire.ErrVersion, b[8])
	case crc64.Checksum(b[:34], wire.CrcTable) != binary.BigEndian.Uint64(b[34:]):
		return h, fmt.Errorf("%w: CRC", wire.ErrMalformed)
	case b[9] != journalKind && b[9] != journalKind+1:
		return h, fmt.Errorf("%w: kind %d", wire.ErrVersion, b[9])
	}
	return journalHeader{b[9], wire.ID(b[10:26]), binary.BigEndian.Uint64(b[26:])}, nil
}

// frameHeader is the fixed part of a frame.
type frameHeader struct {
	clear, encrypted int64
	crc              uint64
	begin            uint64 // CRC64NVME of the first 12 bytes
}

func parseFrameHeader(b []byte) (frameHeader, error) {
	var h frameHeader
	if len(b) != frameHeaderSize || string(b[:4]) != frameMagic {
		return h, fmt.Errorf("%w: no frame", wire.ErrMalformed)
	}
	h = frameHeader{int64(binary.BigEndian.Uint32(b[4:])), int64(binary.BigEndian.Uint32(b[8:])),
		binary.BigEndian.Uint64(b[12:]), crc64.Checksum(b[:12], wire.CrcTable)}
	if h.size() > maxFrame {
		return h, fmt.Errorf("%w: frame of %d bytes", wire.ErrMalformed, h.size())
	}
	return h, nil
}

func (h frameHeader) size() int64 { return frameHeaderSize + h.clear + h.encrypted }

// readFrame proves one frame at off and gives its clear part, which is nil if
// it is too long to be one.
func readFrame(f *disk.File, off int64, buf []byte) (clear []byte, h frameHeader, err error) {
	var head [frameHeaderSize]byte
	if err := f.ReadFull(head[:], off); err != nil {
		return nil, h, err
	}
	if h, err = parseFrameHeader(head[:]); err != nil {
		return nil, h, err
	}
	crc := h.begin
	err = eachSlice(f, off+frameHeaderSize, h.clear+h.encrypted, buf, func(b []byte) {
		crc = crc64.Update(crc, wire.CrcTable, b)
		if left := h.clear - int64(len(clear)); left > 0 && h.clear <= maxClear {
			clear = append(clear, b[:min(left, int64(len(b)))]...)
		}
	})
	if err == nil && crc != h.crc {
		err = fmt.Errorf("%w: frame CRC", wire.ErrMalformed)
	}
	if err == nil && h.clear > maxClear {
		err = fmt.Errorf("%w: clear part of %d bytes", wire.ErrMalformed, h.clear)
	}
	return clear, h, err
}

// parseClear takes a pack's commit apart: its entry and the device's signature.
func parseClear(clear []byte) (entry, sig []byte, err error) {
	var items [][]byte
	err = wire.EachItem(clear, func(item []byte) error {
		if len(items) == 2 {
			return fmt.Errorf("%w: more than two items", wire.ErrMalformed)
		}
		items = append(items, item)
		return nil
	})
	if err == nil && (len(items) != 2 || len(items[1]) != 64) {
		err = fmt.Errorf("%w: not an entry and a signature", wire.ErrMalformed)
	}
	if err != nil {
		return nil, nil, err
	}
	return items[0], items[1], nil
}

// journalCopies is one journal file as several disks have it.
type journalCopies struct {
	v      *Check
	name   string
	disks  []*disk.Seen
	files  []*disk.File
	broken []bool // this copy has been named
	unread int    // copies that could not be opened
	until  int64  // where what counts ends; 0: nowhere
	header journalHeader
}

// journalFrame is a frame that some copy has whole.
type journalFrame struct {
	at, size int64
	clear    []byte
	copies   int // bays that have it
	unread   int // copies that did not answer
}

func (v *Check) openJournal(name string) *journalCopies {
	c := &journalCopies{v: v, name: name}
	path := "journal/" + name
	for _, d := range v.use {
		f, err := disk.OpenFile(d.Fsys, path)
		if disk.IsMissing(err) {
			continue
		}
		if err != nil {
			v.f.Add(findings.Repairable, "journal-copy-bad", findings.OnDisk(d), findings.HintRebuild, "%s: %v", path, err)
			c.unread++
			continue
		}
		c.disks, c.files, c.broken = append(c.disks, d), append(c.files, f), append(c.broken, false)
	}
	return c
}

func (c *journalCopies) close() {
	for _, f := range c.files {
		f.Close()
	}
}

func (c *journalCopies) bad(i int, off int64, err error) {
	if !c.broken[i] {
		c.broken[i] = true
		c.v.f.Add(findings.Repairable, "journal-copy-bad", findings.OnDisk(c.disks[i]), findings.HintRebuild, "journal/%s: at byte %d: %v", c.name, off, err)
	}
}

// used tells whether a copy has frames, or may have.
func (c *journalCopies) used() bool {
	return c.unread > 0 || slices.ContainsFunc(c.files, func(f *disk.File) bool { return f.Size > journalHeaderSize })
}

// readHeader takes the first copy whose header is good. Bad ones are named, if there are
// frames behind them.
func (c *journalCopies) readHeader() bool {
	found, used := false, c.used()
	for i, f := range c.files {
		b := make([]byte, journalHeaderSize)
		err := f.ReadFull(b, 0)
		var h journalHeader
		if err == nil {
			h, err = parseJournalHeader(b)
		}
		if err == nil && h.file.String() != c.name[:32] {
			err = fmt.Errorf("%w: header of file %s", wire.ErrMalformed, h.file)
		}
		if err != nil && used {
			c.bad(i, 0, err)
		} else if err == nil && !found {
			c.header, found = h, true
		}
	}
	return found
}

// walk gives every frame that counts, each from any copy that has it whole. Behind one
// that is bad in every copy it goes on with the next whole one.
func (c *journalCopies) walk(fn func(journalFrame) error) error {
	buf := make([]byte, 64<<10)
	for off := int64(journalHeaderSize); c.until == 0 || off < c.until; {
		fr, ok := c.frame(off, buf)
		if !ok {
			next, gaveUp := c.next(off+1, buf)
			if gaveUp {
				c.v.f.Add(findings.Lost, "journal-unsearched", findings.Nowhere(), "", "journal/%s: behind the bad frame at byte %d are more than %d beginnings of frames that are none: what follows was not looked for", c.name, off, maxFrameTries)
				return nil
			}
			if next < 0 {
				c.end(off)
				return nil
			}
			c.v.f.Add(findings.Lost, "journal-frame-lost", findings.Nowhere(), "", "journal/%s: the frame at byte %d is bad in all copies, others follow it", c.name, off)
			off = next
			continue
		}
		if err := fn(fr); err != nil {
			return err
		}
		off += fr.size
	}
	return nil
}

// end notes a torn write that was never acknowledged.
func (c *journalCopies) end(off int64) {
	for _, f := range c.files {
		if f.Size > off {
			c.v.f.Add(findings.Note, "journal-tail", findings.Nowhere(), "", "journal/%s: an unfinished frame at byte %d: it was never acknowledged", c.name, off)
			return
		}
	}
}

// next is where the first whole frame of any copy begins from a place on; −1: nowhere,
// or nowhere that was looked at.
func (c *journalCopies) next(from int64, buf []byte) (first int64, gaveUp bool) {
	first = -1
	for _, f := range c.files {
		at, tired := nextFrame(f, from, buf)
		if at >= 0 && (first < 0 || at < first) {
			first = at
		}
		gaveUp = gaveUp || tired
	}
	return first, gaveUp && first < 0
}

// maxFrameTries bounds the places that are tried in one search. What looks like the
// beginning of a frame is none once in 4 GiB of an honest journal.
const maxFrameTries = 1024

// nextFrame gives up after maxFrameTries.
func nextFrame(f *disk.File, from int64, buf []byte) (at int64, gaveUp bool) {
	window := make([]byte, 64<<10)
	for tries := 0; from+frameHeaderSize <= f.Size; from += int64(len(window) - len(frameMagic) + 1) {
		w := window[:min(int64(len(window)), f.Size-from)]
		if f.ReadFull(w, from) != nil {
			continue
		}
		for at := 0; ; at++ {
			i := bytes.Index(w[at:], []byte(frameMagic))
			if i < 0 {
				break
			}
			at += i
			if _, _, err := readFrame(f, from+int64(at), buf); err == nil {
				return from + int64(at), false
			}
			if tries++; tries >= maxFrameTries {
				return -1, true
			}
		}
	}
	return -1, false
}

// frame reads the frame at off from all copies and names those that differ.
func (c *journalCopies) frame(off int64, buf []byte) (fr journalFrame, ok bool) {
	errs := make([]error, len(c.files))
	fr.at, fr.unread = off, c.unread
	bays := map[int]bool{}
	for i, f := range c.files {
		clear, h, err := readFrame(f, off, buf)
		switch {
		case err != nil:
			errs[i] = err
			if !errors.Is(err, wire.ErrMalformed) && !errors.Is(err, io.ErrUnexpectedEOF) {
				fr.unread++
			}
			continue
		case !ok:
			fr.clear, fr.size, ok = clear, h.size(), true
		case h.size() != fr.size || !bytes.Equal(clear, fr.clear):
			errs[i] = fmt.Errorf("%w: another frame than on disk %s", wire.ErrMalformed, c.disks[0].Name)
			continue
		}
		if bay := c.disks[i].Bay; bay < 0 || !bays[bay] {
			bays[bay] = true
			fr.copies++
		}
	}
	if ok {
		for i, err := range errs {
			if err != nil {
				c.bad(i, off, err)
			}
		}
	}
	return fr, ok
}

// whole counts the copies without a fault.
func (c *journalCopies) whole() (n int) {
	for _, b := range c.broken {
		if !b {
			n++
		}
	}
	return n
}
