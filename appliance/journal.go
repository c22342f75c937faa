package appliance

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

type frameKind byte

const (
	journalKind frameKind = 1
	scanKind    frameKind = 2
)

func (k frameKind) purpose() string {
	if k == scanKind {
		return "scan list"
	}
	return "journal"
}

func (k frameKind) suffix() string {
	if k == scanKind {
		return ".scan"
	}
	return ".journal"
}

const (
	frameMagic     = "SLFR"
	frameFileMagic = "SLEDGEJL"
	frameFileHead  = 42
	frameHead      = 20
	maxFrameBytes  = 32 << 20
)

func frameFileHeader(kind frameKind, id manifest.ID, ordinal uint64) []byte {
	b := append([]byte(frameFileMagic), manifest.Version, byte(kind))
	b = append(b, id[:]...)
	b = binary.BigEndian.AppendUint64(b, ordinal)
	return binary.BigEndian.AppendUint64(b, erasure.CRC(b))
}

func parseFrameFileHeader(b []byte) (kind frameKind, id manifest.ID, ordinal uint64, err error) {
	if len(b) != frameFileHead || string(b[:8]) != frameFileMagic {
		return 0, id, 0, fmt.Errorf("%w: not a journal", manifest.ErrCorrupt)
	}
	if b[8] != manifest.Version {
		return 0, id, 0, fmt.Errorf("journal of version %d: %w", b[8], manifest.ErrUnsupportedVersion)
	}
	if binary.BigEndian.Uint64(b[34:]) != erasure.CRC(b[:34]) || b[9] < 1 || b[9] > 2 {
		return 0, id, 0, fmt.Errorf("%w: journal header", manifest.ErrCorrupt)
	}
	copy(id[:], b[10:26])
	return frameKind(b[9]), id, binary.BigEndian.Uint64(b[26:]), nil
}

// frameFile is a frame file being written.
type frameFile struct {
	bays     disk.Bays
	kind     frameKind
	id       manifest.ID
	ordinal  uint64
	name     string
	cipher   *crypto.FrameCipher
	seq      uint64
	tag      [16]byte
	size     int64
	acked    int64 // bytes that are durable on m+1 disks
	replicas map[*disk.Bay]vfs.File
	copies   int
	buf      []byte // the last frame
}

// frameStore is where a device's frame files lie, and what they are encrypted with.
type frameStore struct {
	bays   disk.Bays
	key    []byte // load key
	copies int    // m+1: what is durable on so many disks is acknowledged
}

// create begins a frame file under a fresh id.
func (s frameStore) create(kind frameKind, id manifest.ID, ordinal uint64) (*frameFile, error) {
	f := &frameFile{bays: s.bays, kind: kind, id: id, ordinal: ordinal, name: disk.JournalDir + "/" + id.String() + kind.suffix(),
		cipher: s.cipher(kind, id), replicas: map[*disk.Bay]vfs.File{}, copies: s.copies}
	return f, f.replicate()
}

func (s frameStore) cipher(kind frameKind, id manifest.ID) *crypto.FrameCipher {
	return crypto.NewFrameCipher(s.key, kind.purpose(), id)
}

// file is what the disks hold of f.
func (f *frameFile) file() *frameCopies {
	c := &frameCopies{kind: f.kind, id: f.id, ordinal: f.ordinal, name: f.name}
	for b := range f.replicas {
		c.on = append(c.on, b)
	}
	return c
}

// replicate brings the number of good replicas up to m+1 on healthy disks.
// Missing ones are copied from a good one, or begin with the header alone.
func (f *frameFile) replicate() error {
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
		f.size = frameFileHead
	}
	if f.size > frameFileHead && len(f.replicas) == 0 {
		return fmt.Errorf("%w: every disk that held the journal has failed: %w", disk.ErrTooFewDisks, errors.Join(f.bays.Errors()...))
	}
	var full error
	for _, b := range f.bays.Trusted() {
		if len(f.replicas) >= f.copies {
			return nil
		}
		if _, ok := f.replicas[b]; ok {
			continue
		}
		file, err := f.copyTo(b)
		switch {
		case disk.OwnFault(err):
			return b.Fail(err)
		case disk.IsFull(err):
			full = b.Full(err)
			continue
		case errors.Is(err, errNoSource):
			return err
		case err != nil:
			b.Fail(err)
			continue
		}
		f.replicas[b] = file
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
func (f *frameFile) copyTo(b *disk.Bay) (vfs.File, error) {
	file, err := b.Disk.FS.Create(f.name, vfs.CreateOptions{})
	if errors.Is(err, fs.ErrExist) { // its id is random: an earlier call could not remove its part
		if err = b.Disk.FS.Remove(f.name); err == nil {
			file, err = b.Disk.FS.Create(f.name, vfs.CreateOptions{})
		}
	}
	if err != nil {
		return nil, err
	}
	if _, err = file.WriteAt(frameFileHeader(f.kind, f.id, f.ordinal), 0); err == nil {
		for _, from := range f.replicas {
			if err = copyRange(file, from, frameFileHead, f.size); !errors.Is(err, errNoSource) {
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
			b.Disk.FS.Remove(f.name) // no harm if it stays: a short copy
		}
		return nil, err
	}
	return file, nil
}

// errNoSource: what was to be copied cannot be read; the copy's disk is not to blame.
var errNoSource = errors.New("no good copy of the journal to copy from")

func copyRange(dst, src vfs.File, from, to int64) error {
	buf := make([]byte, 1<<20)
	for at := from; at < to; {
		n := min(int64(len(buf)), to-at)
		if _, err := src.ReadAt(buf[:n], at); err != nil {
			return fmt.Errorf("%w: %w", errNoSource, err)
		}
		if _, err := dst.WriteAt(buf[:n], at); err != nil {
			return err
		}
		at += n
	}
	return nil
}

// append writes one frame to every replica and, if asked, returns when it is
// durable on at least m+1 disks. After an error nothing may be appended: whether
// the frame counts is for the next Open to decide.
func (f *frameFile) append(clear, plain []byte, durable bool) error {
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
		f.acked = f.size
	}
	return nil
}

// frame encodes the next frame; it is valid until the one after it.
func (f *frameFile) frame(clear, plain []byte) ([]byte, [16]byte, error) {
	size := len(clear) + len(plain) + crypto.FrameOverhead
	if frameHead+size > maxFrameBytes {
		return nil, f.tag, fmt.Errorf("journal frame of %d bytes is over the limit", size)
	}
	b := slices.Grow(f.buf[:0], frameHead+size)[:frameHead]
	copy(b, frameMagic)
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
	return crc64nvme.Update(crc64nvme.Update(0, b[:12]), b[frameHead:])
}

// holders are the bays that hold a replica.
func (f *frameFile) holders() disk.Bays {
	var out disk.Bays
	for b := range f.replicas {
		out = append(out, b)
	}
	return out
}

// sync makes all frames durable that were appended without.
func (f *frameFile) sync() error {
	f.holders().Each(func(b *disk.Bay) error { return disk.Synced(f.replicas[b].Sync()) })
	return f.replicate()
}

// finish appends a frame without content: the session ended well, and what stands
// before it is whole. If that fails the file ends as a crash would end it.
func (f *frameFile) finish() {
	if err := f.append(nil, nil, true); err == nil || f.acked == 0 {
		return
	}
	for _, file := range f.replicas {
		file.Truncate(f.acked) // what stays of the frame is no harm
	}
}

func (f *frameFile) close() error {
	var errs []error
	for b, file := range f.replicas {
		if err := file.Close(); err != nil {
			errs = append(errs, fmt.Errorf("disk %s: %w", b.Disk.Name, err))
		}
	}
	f.replicas = nil
	return errors.Join(errs...)
}
