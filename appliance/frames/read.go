package frames

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// File are the copies of one frame file that the disks hold.
type File struct {
	Kind     Kind
	ID       manifest.ID
	Ordinal  uint64
	Name     string
	On       []*disk.Bay
	limit    int64 // what counts of the file; 0: all that is whole
	Headless bool  // copies have frames, and none has a readable header
	Unread   int   // copies that could not be read at all
}

// Find lists the frame files of a kind, by ordinal; those without a header
// are last. A file without a header and without frames on every disk was never
// used: nothing is acknowledged in it, and it is left out.
//
// A copy that cannot be read fails its disk. For a rebuild (lenient) it counts as
// damaged, for the disk's shards are still of use.
func Find(s disk.Bays, kind Kind, lenient bool) ([]*File, error) {
	found := map[string]*File{}
	for _, b := range s.Healthy() {
		list, err := b.Disk.FS.ReadDir(disk.JournalDir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			if err := b.Refuse(err); err != nil {
				return nil, err
			}
		}
		for _, e := range list {
			id, err := manifest.ParseID(strings.TrimSuffix(e.Name(), kind.suffix()))
			if err != nil || path.Ext(e.Name()) != kind.suffix() || e.IsDir() {
				continue
			}
			name := disk.JournalDir + "/" + e.Name()
			if found[name] == nil {
				found[name] = &File{Kind: kind, ID: id, Name: name}
			}
			found[name].On = append(found[name].On, b)
		}
	}
	var out []*File
	for _, c := range found {
		used, err := c.readHeader(lenient)
		if err != nil {
			return nil, err
		}
		if used {
			out = append(out, c)
		}
	}
	sort.Slice(out, func(i, j int) bool {
		return out[i].Ordinal < out[j].Ordinal || out[i].Ordinal == out[j].Ordinal && out[i].Name < out[j].Name
	})
	return out, nil
}

// readHeader takes the first good header among the copies and reports whether the
// file can hold frames. Copies that cannot be read leave the list.
func (c *File) readHeader(lenient bool) (used bool, err error) {
	good, frames := false, false
	var refused error
	for _, b := range slices.Clone(c.On) {
		head, size, err := readHead(b.Disk.FS, c.Name)
		if err != nil {
			if err := c.drop(b, err, lenient); err != nil {
				return false, err
			}
			continue
		}
		frames = frames || size > HeaderSize
		kind, id, ordinal, err := ParseHeader(head)
		if err == nil && kind == c.Kind && id == c.ID {
			c.Ordinal, good = ordinal, true
		} else if errors.Is(err, manifest.ErrUnsupportedVersion) {
			refused = err
		}
	}
	switch {
	case good:
		return true, nil
	case frames && refused != nil:
		return false, fmt.Errorf("%s %s: %w", c.Kind.Purpose(), c.ID, refused)
	}
	// An acknowledged journal is on a disk that answers, if enough do (Device.enough);
	// a scan list that nobody can read is only worth its name.
	c.Headless, c.Ordinal = frames || c.Unread > 0 && (lenient || c.Kind == ScanList), math.MaxUint64
	return c.Headless, nil
}

// drop takes a copy off the list that could not be opened or read.
func (c *File) drop(b *disk.Bay, err error, lenient bool) error {
	c.On = slices.DeleteFunc(c.On, func(o *disk.Bay) bool { return o == b })
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	c.Unread++
	if lenient && !disk.OwnFault(err) {
		return nil
	}
	return b.Refuse(err)
}

// LimitTo has read end at size: what counts of a file of an earlier session.
func (c *File) LimitTo(size int64) { c.limit = size }

// ErrHeadless says that a file's frames cannot be put in order.
func (c *File) ErrHeadless(absent []int) error {
	more := ""
	if len(absent) > 0 {
		more = fmt.Sprintf("; %s may have one", disk.BayList(absent))
	}
	return fmt.Errorf("%w: %s %s: no disk at hand has a readable header of it%s", disk.ErrLost, c.Kind.Purpose(), c.ID, more)
}

func readHead(fsys vfs.FS, name string) (head []byte, size int64, err error) {
	file, err := fsys.Open(name, vfs.OpenOptions{})
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	if size, err = file.Size(); err != nil {
		return nil, 0, err
	}
	head = make([]byte, HeaderSize)
	n, err := file.ReadAt(head, 0)
	if disk.ReadFault(err) {
		return nil, 0, err
	}
	return head[:n], size, nil
}

// Frame is one frame as read back.
type Frame struct {
	seq    uint64
	Offset int64
	End    int64
	Copies int // replicas that hold it whole
	Clear  []byte
	Plain  []byte
}

// Read calls f for every frame that at least one copy holds whole, in
// order. It returns the length of the acknowledged part. Damage in one copy is
// bridged by another. If all is set every copy is read, to count them. A frame is
// valid until f returns for the next one.
func (s Store) Read(c *File, all bool, f func(Frame) error) (int64, error) {
	copies, err := c.Open(false)
	if err != nil {
		return HeaderSize, err
	}
	defer copies.Close()
	r := &frameReader{cipher: s.cipher(c.Kind, c.ID), copies: copies, at: HeaderSize}
	for c.limit == 0 || r.at < c.limit {
		fr, err := r.next(all)
		if err != nil {
			return r.at, fmt.Errorf("frame %d: %w", r.seq, err)
		}
		if fr == nil {
			return r.at, r.ended(c.limit)
		}
		if err := f(*fr); err != nil {
			return r.at, err
		}
		r.at, r.seq = fr.End, r.seq+1
	}
	return r.at, nil
}

// ClearPart is the part of a whole frame that is not encrypted; nil if it has none.
func ClearPart(raw []byte) []byte {
	n := int(binary.BigEndian.Uint32(raw[4:]))
	if n == 0 || n > len(raw)-FrameHead {
		return nil
	}
	return raw[FrameHead : FrameHead+n]
}

// frameReader walks the copies of one frame file.
type frameReader struct {
	cipher *crypto.FrameCipher
	copies *Copies
	at     int64
	seq    uint64
	tag    [16]byte
	bufs   [2][]byte // frames in turn: the one before is still looked at
}

// next reads the frame that follows; nil if no copy holds it whole. errNotOurs
// means that one is whole but does not decrypt, and no other copy does better.
func (r *frameReader) next(all bool) (*Frame, error) {
	var refused error
	for i := 0; i < len(r.copies.list); i++ {
		raw, err := rawFrame(r.copies.list[i].file, r.at, r.bufs[r.seq%2])
		if disk.ReadFault(err) {
			if err := r.copies.fail(&i, err); err != nil {
				return nil, err
			}
		}
		if err != nil {
			continue
		}
		r.bufs[r.seq%2] = raw
		copies := 1
		if all {
			if copies, err = r.copies.same(i, r.at, raw); err != nil {
				return nil, err
			}
		}
		fr, tag, err := decryptFrame(r.cipher, raw, r.seq, r.tag)
		if err != nil {
			refused = fmt.Errorf("%w: %w", crypto.ErrKey, err)
			continue
		}
		fr.Offset, fr.End, fr.Copies = r.at, r.at+int64(len(raw)), copies
		r.tag = tag
		return fr, nil
	}
	return nil, refused
}

// ended tells a torn tail, which no whole frame follows, from damage in the middle:
// what stands behind it was acknowledged, so the file must not end here. Nor must
// it where this session knows that there was more.
func (r *frameReader) ended(limit int64) error {
	next, err := r.copies.nextWhole(r.at)
	if err != nil || next < 0 && limit == 0 {
		return err
	}
	return fmt.Errorf("%w: frame %d is damaged on all %d disks at hand that have it, and more follow: the other disks are needed", disk.ErrLost, r.seq, len(r.copies.list))
}

// errNotOurs: no crash leaves a frame whose checksum fits and whose tag does not.
// The key is wrong, or somebody has written it.
var errNotOurs = errors.New("frame is whole but does not decrypt")

// decryptFrame decrypts a whole frame in place.
func decryptFrame(cipher *crypto.FrameCipher, raw []byte, seq uint64, tag [16]byte) (*Frame, [16]byte, error) {
	nc := int(binary.BigEndian.Uint32(raw[4:]))
	clear, enc := raw[FrameHead:FrameHead+nc:FrameHead+nc], raw[FrameHead+nc:]
	sum := sha256.Sum256(clear)
	plain, next, err := cipher.Decrypt(enc[:0], enc, seq, tag, sum[:])
	if err != nil {
		return nil, tag, fmt.Errorf("%w: %w", errNotOurs, err)
	}
	return &Frame{seq: seq, Clear: clear, Plain: plain}, next, nil
}

// rawFrame reads a whole frame, into buf if it is large enough.
func rawFrame(file vfs.File, at int64, buf []byte) ([]byte, error) {
	size, err := file.Size()
	if err != nil {
		return nil, err
	}
	if size < at+FrameHead { // a disk need not even seek
		return nil, manifest.ErrCorrupt
	}
	var head [FrameHead]byte
	if _, err := file.ReadAt(head[:], at); err != nil {
		return nil, err
	}
	n := int64(binary.BigEndian.Uint32(head[4:])) + int64(binary.BigEndian.Uint32(head[8:]))
	if string(head[:4]) != Magic || n+FrameHead > min(maxFrameBytes, size-at) {
		return nil, manifest.ErrCorrupt
	}
	b := slices.Grow(buf[:0], int(FrameHead+n))[:FrameHead+n]
	copy(b, head[:])
	if _, err := file.ReadAt(b[FrameHead:], at+FrameHead); err != nil { // where the head ended: a disk need not seek
		return nil, err
	}
	if frameCRC(b) != binary.BigEndian.Uint64(b[12:]) {
		return nil, manifest.ErrCorrupt
	}
	return b, nil
}
