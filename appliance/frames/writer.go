package frames

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"github.com/minio/crc64nvme"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/erasure"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// Journals and scan lists are frame files (docs/format.md section 9): the same
// encrypted, chained frames on at least m+1 disks. A frame is acknowledged when
// it has been fsynced on all of its replicas.

type Kind byte

const (
	Journal  Kind = 1
	ScanList Kind = 2
)

func (k Kind) Purpose() string {
	if k == ScanList {
		return "scan list"
	}
	return "journal"
}

func (k Kind) suffix() string {
	if k == ScanList {
		return ".scan"
	}
	return ".journal"
}

const (
	Magic          = "SLFR"
	frameFileMagic = "SLEDGEJL"
	HeaderSize     = 42
	FrameHead      = 20
	maxFrameBytes  = 32 << 20
)

func Header(kind Kind, id manifest.ID, ordinal uint64) []byte {
	b := append([]byte(frameFileMagic), manifest.Version, byte(kind))
	b = append(b, id[:]...)
	b = binary.BigEndian.AppendUint64(b, ordinal)
	return binary.BigEndian.AppendUint64(b, erasure.CRC(b))
}

func ParseHeader(b []byte) (kind Kind, id manifest.ID, ordinal uint64, err error) {
	if len(b) != HeaderSize || string(b[:8]) != frameFileMagic {
		return 0, id, 0, fmt.Errorf("%w: not a journal", manifest.ErrCorrupt)
	}
	if b[8] != manifest.Version {
		return 0, id, 0, fmt.Errorf("journal of version %d: %w", b[8], manifest.ErrUnsupportedVersion)
	}
	if binary.BigEndian.Uint64(b[34:]) != erasure.CRC(b[:34]) || b[9] < 1 || b[9] > 2 {
		return 0, id, 0, fmt.Errorf("%w: journal header", manifest.ErrCorrupt)
	}
	copy(id[:], b[10:26])
	return Kind(b[9]), id, binary.BigEndian.Uint64(b[26:]), nil
}

// Writer is a frame file being written.
type Writer struct {
	bays     disk.Bays
	kind     Kind
	ID       manifest.ID
	ordinal  uint64
	Name     string
	cipher   *crypto.FrameCipher
	seq      uint64
	tag      [16]byte
	size     int64
	Acked    int64 // bytes that are durable on m+1 disks
	replicas map[*disk.Bay]vfs.File
	copies   int
	buf      []byte // the last frame
}

// Store is where a device's frame files lie, and what they are encrypted with.
type Store struct {
	Disks  disk.Bays
	Key    []byte // load key
	Copies int    // m+1: what is durable on so many disks is acknowledged
}

// Create begins a frame file under a fresh id.
func (s Store) Create(kind Kind, id manifest.ID, ordinal uint64) (*Writer, error) {
	f := &Writer{bays: s.Disks, kind: kind, ID: id, ordinal: ordinal, Name: disk.JournalDir + "/" + id.String() + kind.suffix(),
		cipher: s.cipher(kind, id), replicas: map[*disk.Bay]vfs.File{}, copies: s.Copies}
	return f, f.replicate()
}

func (s Store) cipher(kind Kind, id manifest.ID) *crypto.FrameCipher {
	return crypto.NewFrameCipher(s.Key, kind.Purpose(), id)
}

// File is what the disks hold of f.
func (f *Writer) File() *File {
	c := &File{Kind: f.kind, ID: f.ID, Ordinal: f.ordinal, Name: f.Name}
	for b := range f.replicas {
		c.On = append(c.On, b)
	}
	return c
}

// replicate brings the number of good replicas up to m+1 on healthy disks.
// Missing ones are copied from a good one, or begin with the header alone.
func (f *Writer) replicate() error {
	for b, file := range f.replicas {
		if b.Failed() != nil {
			file.Close()
			delete(f.replicas, b)
		}
	}
	if err := f.bays.Own(); err != nil {
		return err
	}
	if f.size == 0 {
		f.size = HeaderSize
	}
	if f.size > HeaderSize && len(f.replicas) == 0 {
		return fmt.Errorf("%w: every disk that held the journal has failed: %w", disk.ErrTooFewDisks, errors.Join(f.bays.Errors()...))
	}
	var full error
	tried := map[*disk.Bay]bool{}
	for len(f.replicas) < f.copies {
		added := f.addCopies(f.candidates(tried))
		if len(added) == 0 {
			break
		}
		for _, c := range added {
			tried[c.b] = true
			if disk.IsFull(c.err) {
				full = c.b.Full(c.err)
			}
		}
		if err := endsReplicating(added); err != nil {
			return err
		}
	}
	if full != nil && len(f.replicas) < f.copies {
		return fmt.Errorf("no room for the journal: %w", full)
	}
	if len(f.replicas) < f.copies {
		return fmt.Errorf("%w: the journal needs %d healthy disks, %d left: %w", disk.ErrTooFewDisks, f.copies, len(f.replicas), errors.Join(f.bays.Errors()...))
	}
	return nil
}

// copyTo begins a replica. Without room for it the disk keeps none: the next call
// tries again.
func (f *Writer) copyTo(b *disk.Bay) (vfs.File, error) {
	file, err := b.Disk.FS.Create(f.Name, vfs.CreateOptions{})
	if errors.Is(err, fs.ErrExist) { // its id is random: an earlier call could not remove its part
		if err = b.Disk.FS.Remove(f.Name); err == nil {
			file, err = b.Disk.FS.Create(f.Name, vfs.CreateOptions{})
		}
	}
	if err != nil {
		return nil, err
	}
	if _, err = file.WriteAt(Header(f.kind, f.ID, f.ordinal), 0); err == nil {
		for _, from := range f.replicas {
			if err = copyRange(file, from, HeaderSize, f.size); !errors.Is(err, ErrNoSource) {
				break
			}
		}
	}
	if err == nil {
		err = disk.Synced(file.Sync())
	}
	if err == nil {
		err = disk.Synced(b.Disk.FS.SyncDir(disk.JournalDir))
	}
	if err != nil {
		file.Close()
		if disk.IsFull(err) {
			b.Disk.FS.Remove(f.Name) // no harm if it stays: a short copy
		}
		return nil, err
	}
	return file, nil
}

// ErrNoSource: what was to be copied cannot be read; the copy's disk is not to blame.
var ErrNoSource = errors.New("no good copy of the journal to copy from")

func copyRange(dst, src vfs.File, from, to int64) error {
	buf := make([]byte, 1<<20)
	for at := from; at < to; {
		n := min(int64(len(buf)), to-at)
		if _, err := src.ReadAt(buf[:n], at); err != nil {
			return fmt.Errorf("%w: %w", ErrNoSource, err)
		}
		if _, err := dst.WriteAt(buf[:n], at); err != nil {
			return err
		}
		at += n
	}
	return nil
}

// Append writes one frame to every replica and, if asked, returns when it is
// durable on at least m+1 disks. After an error nothing may be appended: whether
// the frame counts is for the next Open to decide.
func (f *Writer) Append(clear, plain []byte, durable bool) error {
	b, tag, err := f.frame(clear, plain)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var full error
	f.holders().Each(func(bay *disk.Bay) error {
		_, err := f.replicas[bay].WriteAt(b, f.size)
		if err == nil && durable {
			err = disk.Synced(f.replicas[bay].Sync())
		}
		if disk.IsFull(err) { // the disk is not broken, but this file must not go on
			mu.Lock()
			full = fmt.Errorf("no room for the journal: %w", bay.Full(err))
			mu.Unlock()
			return nil
		}
		return err
	})
	if full != nil {
		return full
	}
	f.size += int64(len(b))
	f.seq++
	f.tag = tag
	if err := f.replicate(); err != nil {
		return err
	}
	if durable {
		f.Acked = f.size
	}
	return nil
}

// frame encodes the next frame; it is valid until the one after it.
func (f *Writer) frame(clear, plain []byte) ([]byte, [16]byte, error) {
	size := len(clear) + len(plain) + crypto.FrameOverhead
	if FrameHead+size > maxFrameBytes {
		return nil, f.tag, fmt.Errorf("journal frame of %d bytes is over the limit", size)
	}
	b := slices.Grow(f.buf[:0], FrameHead+size)[:FrameHead]
	copy(b, Magic)
	binary.BigEndian.PutUint32(b[4:], uint32(len(clear)))
	binary.BigEndian.PutUint32(b[8:], uint32(len(plain)+crypto.FrameOverhead))
	b = append(b, clear...)
	sum := sha256.Sum256(clear)
	b, tag, err := f.cipher.Encrypt(b, plain, f.seq, f.tag, sum[:])
	if err != nil {
		return nil, f.tag, err
	}
	binary.BigEndian.PutUint64(b[12:], frameCRC(b))
	f.buf = b
	return b, tag, nil
}

// frameCRC is over all of a frame but the CRC's own eight bytes.
func frameCRC(b []byte) uint64 {
	return crc64nvme.Update(crc64nvme.Update(0, b[:12]), b[FrameHead:])
}

// holders are the bays that hold a replica.
func (f *Writer) holders() disk.Bays {
	var out disk.Bays
	for b := range f.replicas {
		out = append(out, b)
	}
	return out
}

// Sync makes all frames durable that were appended without.
func (f *Writer) Sync() error {
	f.holders().Each(func(b *disk.Bay) error { return disk.Synced(f.replicas[b].Sync()) })
	return f.replicate()
}

// Finish appends a frame without content: the session ended well, and what stands
// before it is whole. If that fails the file ends as a crash would end it.
func (f *Writer) Finish() {
	if err := f.Append(nil, nil, true); err == nil || f.Acked == 0 {
		return
	}
	for _, file := range f.replicas {
		file.Truncate(f.Acked) // what stays of the frame is no harm
	}
}

func (f *Writer) Close() error {
	var errs []error
	for b, file := range f.replicas {
		if err := file.Close(); err != nil {
			errs = append(errs, fmt.Errorf("disk %s: %w", b.Disk.Name, err))
		}
	}
	f.replicas = nil
	return errors.Join(errs...)
}
