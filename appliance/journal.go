package appliance

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/minio/crc64nvme"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/durable"
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
	d        *Device
	kind     frameKind
	id       manifest.ID
	ordinal  uint64
	name     string
	cipher   *crypto.FrameCipher
	seq      uint64
	tag      [16]byte
	size     int64
	acked    int64 // bytes that are durable on m+1 disks
	replicas map[*bay]vfs.File
	copies   int
	buf      []byte // the last frame
}

// newFrameFile creates a frame file on m+1 healthy disks.
func (d *Device) newFrameFile(kind frameKind, ordinal uint64) (*frameFile, error) {
	id, err := d.cfg.newID()
	if err != nil {
		return nil, err
	}
	f := &frameFile{d: d, kind: kind, id: id, ordinal: ordinal, name: journalDir + "/" + id.String() + kind.suffix(),
		cipher: crypto.NewFrameCipher(d.key, kind.purpose(), id), replicas: map[*bay]vfs.File{}, copies: d.cfg.Job.Geometry.M + 1}
	return f, f.replicate()
}

// replicate brings the number of good replicas up to m+1 on healthy disks.
// Missing ones are copied from a good one, or begin with the header alone.
func (f *frameFile) replicate() error {
	for b, file := range f.replicas {
		if b.failed() != nil {
			file.Close()
			delete(f.replicas, b)
		}
	}
	if err := f.d.bays.own(); err != nil {
		return err
	}
	if f.size == 0 {
		f.size = frameFileHead
	}
	if f.size > frameFileHead && len(f.replicas) == 0 {
		return fmt.Errorf("%w: every disk that held the journal has failed: %w", ErrTooFewDisks, errors.Join(f.d.bays.errors()...))
	}
	var full error
	for _, b := range f.d.bays.healthy() {
		if len(f.replicas) >= f.copies {
			return nil
		}
		if _, ok := f.replicas[b]; ok {
			continue
		}
		file, err := f.copyTo(b)
		switch {
		case ownFault(err):
			return b.fail(err)
		case isFull(err):
			full = fmt.Errorf("disk %s: %w", b.disk.Name, err)
			continue
		case errors.Is(err, errNoSource):
			return err
		case err != nil:
			b.fail(err)
			continue
		}
		f.replicas[b] = file
	}
	if full != nil && len(f.replicas) < f.copies {
		return fmt.Errorf("%w: no room for the journal: %w", ErrFull, full)
	}
	if len(f.replicas) < f.copies {
		return fmt.Errorf("%w: the journal needs %d healthy disks, %d left: %w", ErrTooFewDisks, f.copies, len(f.replicas), errors.Join(f.d.bays.errors()...))
	}
	return nil
}

func (f *frameFile) copyTo(b *bay) (vfs.File, error) {
	file, err := b.disk.FS.Create(f.name, vfs.CreateOptions{})
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
		err = synced(file.Sync())
	}
	if err == nil {
		err = synced(b.disk.FS.SyncDir(journalDir))
	}
	if err != nil {
		file.Close()
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
	f.d.bays.only(f.replicas).each(func(bay *bay) error {
		_, err := f.replicas[bay].WriteAt(b, f.size)
		if err == nil && durable {
			err = synced(f.replicas[bay].Sync())
		}
		if isFull(err) { // the disk is not broken, but this file must not go on
			mu.Lock()
			full = fmt.Errorf("%w: no room for the journal: disk %s: %w", ErrFull, bay.disk.Name, err)
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

// only is the subset of bays that hold a replica.
func (s bays) only(replicas map[*bay]vfs.File) bays {
	var out bays
	for b := range replicas {
		out = append(out, b)
	}
	return out
}

// sync makes all frames durable that were appended without.
func (f *frameFile) sync() error {
	f.d.bays.only(f.replicas).each(func(b *bay) error { return synced(f.replicas[b].Sync()) })
	return f.replicate()
}

func (f *frameFile) close() error {
	var errs []error
	for b, file := range f.replicas {
		if err := file.Close(); err != nil {
			errs = append(errs, fmt.Errorf("disk %s: %w", b.disk.Name, err))
		}
	}
	f.replicas = nil
	return errors.Join(errs...)
}

// frameCopies are the copies of one frame file that the disks hold.
type frameCopies struct {
	kind    frameKind
	id      manifest.ID
	ordinal uint64
	name    string
	on      []*bay
	limit   int64 // what counts of an earlier file; 0: all
}

// findFrameFiles lists the frame files of a kind, by ordinal.
func (d *Device) findFrameFiles(kind frameKind) ([]*frameCopies, error) {
	found := map[string]*frameCopies{}
	for _, b := range d.bays.healthy() {
		list, err := b.disk.FS.ReadDir(journalDir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if ownFault(err) {
			return nil, b.fail(err)
		}
		if err != nil {
			b.fail(err)
			continue
		}
		for _, e := range list {
			name := journalDir + "/" + e.Name()
			id, err := manifest.ParseID(strings.TrimSuffix(e.Name(), kind.suffix()))
			if err != nil || path.Ext(e.Name()) != kind.suffix() {
				continue
			}
			c := found[name]
			if c == nil {
				c = &frameCopies{kind: kind, id: id, name: name}
				found[name] = c
			}
			c.on = append(c.on, b)
		}
	}
	var out []*frameCopies
	for _, c := range found {
		c.limit = d.sizes[c.id]
		if d.readFrameHeader(c) {
			out = append(out, c)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].ordinal < out[j].ordinal })
	return out, d.bays.own()
}

// readFrameHeader takes the first good header among the copies. Files without
// one were never acknowledged.
func (d *Device) readFrameHeader(c *frameCopies) bool {
	for _, b := range c.on {
		file, err := b.disk.FS.Open(c.name, vfs.OpenOptions{})
		if ownFault(err) {
			b.fail(err)
		}
		if err != nil {
			continue
		}
		head := make([]byte, frameFileHead)
		_, err = file.ReadAt(head, 0)
		file.Close()
		if err != nil {
			continue
		}
		kind, id, ordinal, err := parseFrameFileHeader(head)
		if err == nil && kind == c.kind && id == c.id {
			c.ordinal = ordinal
			return true
		}
	}
	return false
}

// frame is one frame as read back.
type frame struct {
	seq    uint64
	offset int64
	end    int64
	copies int // replicas that hold it whole
	clear  []byte
	plain  []byte
}

// eachFrame calls f for every frame of the journal, in order.
func (d *Device) eachFrame(f func(frame) error) error {
	files, err := d.findFrameFiles(journalKind)
	if err != nil {
		return err
	}
	for _, c := range files {
		if _, err := d.readFrames(c, false, f); err != nil {
			return err
		}
	}
	return nil
}

// readFrames calls f for every frame that at least one copy holds whole, in
// order. It returns the length of the acknowledged part. Damage in one copy is
// bridged by another. If all is set every copy is read, to count them. A frame is
// valid until f returns for the next one.
func (d *Device) readFrames(c *frameCopies, all bool, f func(frame) error) (int64, error) {
	r := &frameReader{cipher: crypto.NewFrameCipher(d.key, c.kind.purpose(), c.id), at: frameFileHead}
	defer r.close()
	for _, b := range c.on {
		file, err := b.disk.FS.Open(c.name, vfs.OpenOptions{})
		if ownFault(err) {
			return r.at, b.fail(err)
		}
		if err == nil {
			r.files = append(r.files, file)
		}
	}
	for c.limit == 0 || r.at < c.limit {
		fr, err := r.next(all)
		if err != nil {
			return r.at, fmt.Errorf("frame %d: %w: %w", r.seq, crypto.ErrKey, err)
		}
		if fr == nil {
			return r.at, nothingAfter(r.files, r.at, r.seq)
		}
		if err := f(*fr); err != nil {
			return r.at, err
		}
		r.at, r.seq = fr.end, r.seq+1
	}
	return r.at, nil
}

// frameReader walks the copies of one frame file.
type frameReader struct {
	cipher *crypto.FrameCipher
	files  []vfs.File
	at     int64
	seq    uint64
	tag    [16]byte
	bufs   [2][]byte // frames in turn: the one before is still looked at
}

func (r *frameReader) close() {
	for _, file := range r.files {
		file.Close()
	}
}

// next reads the frame that follows; nil if no copy holds it whole. An error means
// that one is whole but does not decrypt, and no other copy does better.
func (r *frameReader) next(all bool) (*frame, error) {
	var refused error
	for i, file := range r.files {
		raw, err := rawFrame(file, r.at, r.bufs[r.seq%2])
		if err != nil {
			continue
		}
		r.bufs[r.seq%2] = raw
		copies := 1
		if all {
			copies += same(r.files[i+1:], r.at, raw)
		}
		fr, tag, err := decryptFrame(r.cipher, raw, r.seq, r.tag)
		if err != nil {
			refused = err
			continue
		}
		fr.offset, fr.end, fr.copies = r.at, r.at+int64(len(raw)), copies
		r.tag = tag
		return fr, nil
	}
	return nil, refused
}

// same counts the files that hold the same bytes at the same place.
func same(files []vfs.File, at int64, want []byte) int {
	var count atomic.Int64
	var wg sync.WaitGroup
	for _, file := range files {
		wg.Go(func() {
			buf := make([]byte, min(len(want), 256<<10))
			for off := 0; off < len(want); {
				n := min(len(buf), len(want)-off)
				if _, err := file.ReadAt(buf[:n], at+int64(off)); err != nil || !bytes.Equal(buf[:n], want[off:off+n]) {
					return
				}
				off += n
			}
			count.Add(1)
		})
	}
	wg.Wait()
	return int(count.Load())
}

// nothingAfter tells a torn tail, which no whole frame follows, from damage in the
// middle: what stands behind it was acknowledged, so the file must not end here.
func nothingAfter(files []vfs.File, at int64, seq uint64) error {
	for _, file := range files {
		size, err := file.Size()
		if err != nil || size-at > maxTail {
			size = min(size, at+maxTail)
		}
		buf := make([]byte, max(0, size-at))
		if n, err := file.ReadAt(buf, at); err != nil && n < len(buf) {
			buf = buf[:n]
		}
		for i := 1; i < len(buf); i++ {
			next := bytes.Index(buf[i:], []byte(frameMagic))
			if next < 0 {
				break
			}
			i += next
			if _, err := rawFrame(file, at+int64(i), nil); err == nil {
				return fmt.Errorf("%w: frame %d is damaged on all %d disks at hand that have it, and more follow: the other disks are needed", ErrLost, seq, len(files))
			}
		}
	}
	return nil
}

// maxTail is how far damage is looked beyond: the longest frame and the next one's head.
const maxTail = maxFrameBytes + frameHead

// errNotOurs: no crash leaves a frame whose checksum fits and whose tag does not.
// The key is wrong, or somebody has written it.
var errNotOurs = errors.New("frame is whole but does not decrypt")

// decryptFrame decrypts a whole frame in place.
func decryptFrame(cipher *crypto.FrameCipher, raw []byte, seq uint64, tag [16]byte) (*frame, [16]byte, error) {
	nc := int(binary.BigEndian.Uint32(raw[4:]))
	clear, enc := raw[frameHead:frameHead+nc:frameHead+nc], raw[frameHead+nc:]
	sum := sha256.Sum256(clear)
	plain, next, err := cipher.Decrypt(enc[:0], enc, seq, tag, sum[:])
	if err != nil {
		return nil, tag, fmt.Errorf("%w: %w", errNotOurs, err)
	}
	return &frame{seq: seq, clear: clear, plain: plain}, next, nil
}

// mendFrameFile brings a file of an earlier session to m+1 good copies of its
// first size bytes: short, damaged or missing ones are written again.
func (d *Device) mendFrameFile(c *frameCopies, size int64) error {
	want := d.cfg.Job.Geometry.M + 1
	sums := map[*bay][32]byte{}
	good := map[[32]byte]int{}
	for _, b := range c.on {
		if b.failed() != nil {
			continue
		}
		sum, err := prefixSum(b.disk.FS, c.name, size)
		if ownFault(err) {
			return b.fail(err)
		}
		if err == nil {
			sums[b] = sum
			good[sum]++
		}
	}
	if len(good) == 1 && len(sums) >= want {
		return nil
	}
	var from []vfs.File
	defer func() {
		for _, file := range from {
			file.Close()
		}
	}()
	for _, b := range c.on {
		file, err := b.disk.FS.Open(c.name, vfs.OpenOptions{})
		if ownFault(err) {
			return b.fail(err)
		}
		if err == nil && b.failed() == nil {
			from = append(from, file)
		}
	}
	sum, err := mergedSum(from, c, size)
	if err != nil {
		return err
	}
	count := 0
	for b, s := range sums {
		if s == sum {
			count++
		} else {
			delete(sums, b)
		}
	}
	for _, b := range d.bays.healthy() {
		if count >= want {
			return nil
		}
		if _, ok := sums[b]; ok {
			continue
		}
		err := writeMerged(b.disk.FS, c, from, size)
		if errors.Is(err, errNoSource) || isFull(err) || ownFault(err) {
			return fmt.Errorf("disk %s: %w", b.disk.Name, err)
		}
		if err != nil {
			b.fail(err)
			continue
		}
		if !slices.Contains(c.on, b) {
			c.on = append(c.on, b)
		}
		count++
	}
	if count < want {
		return fmt.Errorf("%w: the journal needs %d healthy disks, %d left", ErrTooFewDisks, want, count)
	}
	return nil
}

// eachRawFrame calls f for every frame that one of the files holds whole, in
// order, up to size bytes; a negative size means as far as there are frames. It
// needs no key.
func eachRawFrame(from []vfs.File, size int64, f func(at int64, raw []byte) error) (int64, error) {
	at := int64(frameFileHead)
	for size < 0 || at < size {
		var raw []byte
		for _, file := range from {
			if b, err := rawFrame(file, at, nil); err == nil {
				raw = b
				break
			}
		}
		if raw == nil {
			return at, nil
		}
		if err := f(at, raw); err != nil {
			return at, err
		}
		at += int64(len(raw))
	}
	return at, nil
}

// mergedSum is the SHA-256 of what writeMerged would write.
func mergedSum(from []vfs.File, c *frameCopies, size int64) (sum [32]byte, err error) {
	h := crypto.NewSHA256()
	h.Write(frameFileHeader(c.kind, c.id, c.ordinal))
	end, err := eachRawFrame(from, size, func(_ int64, raw []byte) error { h.Write(raw); return nil })
	if err == nil && end != size {
		err = fmt.Errorf("%w: journal %s at byte %d", errNoSource, c.id, end)
	}
	h.Sum(sum[:0])
	return sum, err
}

// writeMerged writes a frame file on a disk, frame by frame from whichever copy
// has it whole. Like durable.WriteFile it never leaves half a file under its name.
func writeMerged(disk vfs.FS, c *frameCopies, from []vfs.File, size int64) error {
	temp := c.name + ".merge" + durable.TempSuffix
	if err := disk.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := disk.Create(temp, vfs.CreateOptions{})
	if err != nil {
		return err
	}
	_, err = file.WriteAt(frameFileHeader(c.kind, c.id, c.ordinal), 0)
	if err == nil {
		var end int64
		end, err = eachRawFrame(from, size, func(at int64, raw []byte) error {
			_, err := file.WriteAt(raw, at)
			return err
		})
		if err == nil && size >= 0 && end != size {
			err = fmt.Errorf("%w: journal %s at byte %d", errNoSource, c.id, end)
		}
	}
	if err == nil {
		err = synced(file.Sync())
	}
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		disk.Remove(temp)
		return err
	}
	return durable.Rename(disk, temp, c.name)
}

// cutTail removes what stands behind the last frame that counts, so that no later
// session comes to another opinion about it.
func (d *Device) cutTail(c *frameCopies, size int64) {
	for _, b := range c.on {
		if b.failed() != nil {
			continue
		}
		if err := cutFile(b.disk.FS, c.name, size); err != nil {
			b.fail(err)
		}
	}
}

func cutFile(disk vfs.FS, name string, size int64) error {
	file, err := disk.Open(name, vfs.OpenOptions{Write: true})
	if err != nil {
		return err
	}
	defer file.Close()
	have, err := file.Size()
	if err != nil || have <= size {
		return err
	}
	if err := file.Truncate(size); err != nil {
		return err
	}
	return synced(file.Sync())
}

func prefixSum(disk vfs.FS, name string, size int64) (sum [32]byte, err error) {
	file, err := disk.Open(name, vfs.OpenOptions{})
	if err != nil {
		return sum, err
	}
	defer file.Close()
	h := crypto.NewSHA256()
	buf := make([]byte, 1<<20)
	for at := int64(0); at < size; {
		n := min(int64(len(buf)), size-at)
		if _, err := file.ReadAt(buf[:n], at); err != nil {
			return sum, err
		}
		h.Write(buf[:n])
		at += n
	}
	h.Sum(sum[:0])
	return sum, nil
}

// rawFrame reads a whole frame, into buf if it is large enough.
func rawFrame(file vfs.File, at int64, buf []byte) ([]byte, error) {
	var head [frameHead]byte
	if _, err := file.ReadAt(head[:], at); err != nil {
		return nil, err
	}
	n := int64(binary.BigEndian.Uint32(head[4:])) + int64(binary.BigEndian.Uint32(head[8:]))
	size, err := file.Size()
	if err != nil {
		return nil, err
	}
	if string(head[:4]) != frameMagic || n+frameHead > min(maxFrameBytes, size-at) {
		return nil, manifest.ErrCorrupt
	}
	b := slices.Grow(buf[:0], int(frameHead+n))[:frameHead+n]
	if _, err := file.ReadAt(b, at); err != nil {
		return nil, err
	}
	if !bytes.Equal(b[:frameHead], head[:]) || frameCRC(b) != binary.BigEndian.Uint64(b[12:]) {
		return nil, manifest.ErrCorrupt
	}
	return b, nil
}
