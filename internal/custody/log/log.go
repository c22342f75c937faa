// Package log keeps a custody log in a folder (docs/format.md, section 12): a C2SP tlog-tiles
// log whose newest checkpoint says how long it is.
//
//	job.dsse             the job file that pins who may sign
//	checkpoint           the newest one
//	tile/…               hashes and entries of that size
//	checkpoints/<size>   every checkpoint that was signed, with the signatures known of it
//
// An entry is in the log once the checkpoint is: a power cut before leaves files that nobody
// reads, and the next entry replaces them.
package log

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// Names in the folder.
const (
	JobName           = "job.dsse"
	CheckpointName    = "checkpoint"
	CheckpointsFolder = "checkpoints"
)

const (
	tileWidth  = 256
	maxEntries = 1 << 20
	maxBundle  = tileWidth * (2 + 65_535)
)

// ErrExists: there is a log in this folder already; it was not touched.
var ErrExists = errors.New("there is a custody log here already")

// Log is a custody log that was read whole.
type Log struct {
	Origin  string
	Entries [][]byte

	fs     vfs.FS
	hashes []tlog.Hash // as tlog stores them: of leaves and of what they make complete
	note   []byte      // the newest checkpoint with all its signature lines
}

// Create makes an empty log in a folder; its first entry makes it one that others can read.
func Create(fsys vfs.FS, origin string, jobFile []byte) (*Log, error) {
	if _, err := fsys.Stat(CheckpointName); !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(ErrExists, err)
	}
	if err := durable.WritePublic(fsys, JobName, jobFile); err != nil {
		return nil, err
	}
	return &Log{Origin: origin, fs: fsys}, nil
}

// Open reads a log and holds its entries against its checkpoint, whose signature is not
// looked at: the verifier does that.
func Open(fsys vfs.FS) (*Log, error) {
	note, err := vfs.ReadFile(fsys, CheckpointName, manifest.MaxCheckpoint)
	if err != nil {
		return nil, fmt.Errorf("custody log: %w", err)
	}
	origin, size, root, err := readHead(note)
	if err != nil {
		return nil, fmt.Errorf("custody log: %w", err)
	}
	l := &Log{Origin: origin, fs: fsys, note: note}
	for n := range (size + tileWidth - 1) / tileWidth {
		if err := l.readBundle(n, int(min(tileWidth, size-n*tileWidth))); err != nil {
			return nil, fmt.Errorf("custody log: %w", err)
		}
	}
	if l.Root() != root {
		return nil, fmt.Errorf("custody log: %w: its entries do not come to the root of its checkpoint", manifest.ErrUnverified)
	}
	return l, nil
}

func (l *Log) readBundle(n uint64, width int) error {
	name := manifest.TilePath(-1, n, width)
	b, err := vfs.ReadFile(l.fs, name, maxBundle)
	if err != nil {
		return err
	}
	for range width {
		if len(b) < 2 || len(b)-2 < int(binary.BigEndian.Uint16(b)) {
			return fmt.Errorf("%w: %s is cut", manifest.ErrCorrupt, name)
		}
		end := 2 + int(binary.BigEndian.Uint16(b))
		if err := l.take(b[2:end]); err != nil {
			return err
		}
		b = b[end:]
	}
	if len(b) > 0 {
		return fmt.Errorf("%w: %s is too long", manifest.ErrCorrupt, name)
	}
	return nil
}

// take appends an entry in memory.
func (l *Log) take(entry []byte) error {
	more, err := tlog.StoredHashes(int64(len(l.Entries)), entry, l)
	if err != nil {
		return err
	}
	l.Entries, l.hashes = append(l.Entries, entry), append(l.hashes, more...)
	return nil
}

// ReadHashes is tlog's HashReader.
func (l *Log) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		if at >= int64(len(l.hashes)) {
			return nil, fmt.Errorf("hash %d of %d", at, len(l.hashes))
		}
		out[i] = l.hashes[at]
	}
	return out, nil
}

// Size is the number of entries.
func (l *Log) Size() uint64 { return uint64(len(l.Entries)) }

// Root is the root over all entries.
func (l *Log) Root() [32]byte { return l.RootAt(l.Size()) }

// RootAt is the root over the first entries.
func (l *Log) RootAt(size uint64) [32]byte {
	h, err := tlog.TreeHash(int64(size), l)
	if err != nil {
		panic("custody log: root of more entries than there are: " + err.Error())
	}
	return h
}

// Checkpoint is the newest checkpoint with all its signature lines.
func (l *Log) Checkpoint() []byte { return bytes.Clone(l.note) }

// CheckpointAt is the checkpoint of a size, as the folder keeps it.
func (l *Log) CheckpointAt(size uint64) ([]byte, error) {
	return vfs.ReadFile(l.fs, checkpointName(size), manifest.MaxCheckpoint)
}

// JobFile is the job file beside the log.
func (l *Log) JobFile() ([]byte, error) {
	return vfs.ReadFile(l.fs, JobName, manifest.MaxStatement)
}

// Prove is the consistency proof from an older size to all entries.
func (l *Log) Prove(old uint64) ([]tlog.Hash, error) {
	if old > l.Size() {
		return nil, fmt.Errorf("the log has %d entries, not %d", l.Size(), old)
	}
	if old == 0 || old == l.Size() {
		return nil, nil
	}
	return tlog.ProveTree(int64(l.Size()), int64(old), l)
}

// Append makes an entry durable and signs the checkpoint that has it. The caller holds the
// folder's lock, and has verified the log and that this key may sign. After an error the
// entry may be in the folder's log: open it again.
func (l *Log) Append(entry []byte, key ed25519.PrivateKey) error {
	if len(entry) == 0 || len(entry) >= 65_535 || l.Size() >= maxEntries {
		return fmt.Errorf("custody log: entry of %d bytes after %d entries", len(entry), l.Size())
	}
	before := l.Size()
	if err := l.take(entry); err != nil {
		return err
	}
	if err := l.putEdge(); err != nil {
		return err
	}
	note, err := manifest.SignCheckpoint(l.Origin, l.Size(), l.Root(), key)
	if err != nil {
		return err
	}
	l.note = note
	if err := durable.WritePublic(l.fs, CheckpointName, note); err != nil {
		return err
	}
	l.sweep(before)
	return l.Settle()
}

// Settle keeps the newest checkpoint under its size, too; a power cut may have come between.
func (l *Log) Settle() error {
	if err := durable.MkdirAll(l.fs, CheckpointsFolder); err != nil {
		return err
	}
	have, err := l.CheckpointAt(l.Size())
	if err == nil && bytes.Equal(have, l.note) {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return durable.WritePublic(l.fs, checkpointName(l.Size()), l.note)
}

func checkpointName(size uint64) string {
	return CheckpointsFolder + "/" + strconv.FormatUint(size, 10)
}

// putEdge writes the tiles and the bundle that the last entry has changed.
func (l *Log) putEdge() error {
	size := l.Size()
	first := (size - 1) / tileWidth * tileWidth
	var bundle []byte
	for _, e := range l.Entries[first:] {
		bundle = append(binary.BigEndian.AppendUint16(bundle, uint16(len(e))), e...)
	}
	if err := l.put(manifest.TilePath(-1, first/tileWidth, int(size-first)), bundle); err != nil {
		return err
	}
	for level, count := 0, size; count > 0; level, count = level+1, count/tileWidth {
		n := (count - 1) / tileWidth
		var tile []byte
		for i := n * tileWidth; i < count; i++ {
			h := l.hashes[tlog.StoredHashIndex(8*level, int64(i))]
			tile = append(tile, h[:]...)
		}
		if err := l.put(manifest.TilePath(level, n, int(count-n*tileWidth)), tile); err != nil {
			return err
		}
	}
	return nil
}

func (l *Log) put(name string, b []byte) error {
	if err := durable.MkdirAll(l.fs, name[:strings.LastIndexByte(name, '/')]); err != nil {
		return err
	}
	return durable.WritePublic(l.fs, name, b)
}

// sweep removes the partial files of the size before. They are harmless, so that an error
// does not matter.
func (l *Log) sweep(before uint64) {
	if w := int(before % tileWidth); w > 0 {
		durable.Remove(l.fs, manifest.TilePath(-1, before/tileWidth, w))
	}
	for level, count := 0, before; count > 0; level, count = level+1, count/tileWidth {
		w := int(count % tileWidth)
		if now := l.Size() >> (8 * level); w > 0 && now != count {
			durable.Remove(l.fs, manifest.TilePath(level, count/tileWidth, w))
		}
	}
}

// AddSignature adds a signature line to the checkpoint of a size. The caller has verified it.
func (l *Log) AddSignature(size uint64, line []byte) error {
	note, err := l.CheckpointAt(size)
	if err != nil {
		return err
	}
	if bytes.Contains(note, line) {
		return nil
	}
	note = append(note, line...)
	if err := durable.WritePublic(l.fs, checkpointName(size), note); err != nil {
		return err
	}
	if size != l.Size() {
		return nil
	}
	l.note = note
	return durable.WritePublic(l.fs, CheckpointName, note)
}

// Checkpoints lists the sizes of which the folder keeps a checkpoint, ascending.
func (l *Log) Checkpoints() (sizes []uint64, err error) {
	entries, err := l.fs.ReadDir(CheckpointsFolder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for n := uint64(1); n <= l.Size() && len(sizes) < len(entries); n++ {
		if _, e := l.fs.Stat(checkpointName(n)); e == nil {
			sizes = append(sizes, n)
		}
	}
	return sizes, err
}

// readHead reads a checkpoint's three lines without its signatures.
func readHead(note []byte) (origin string, size uint64, root [32]byte, err error) {
	bad := func() (string, uint64, [32]byte, error) {
		return "", 0, root, fmt.Errorf("%w: this is not a checkpoint", manifest.ErrCorrupt)
	}
	head, _, ok := bytes.Cut(note, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !ok || len(lines) != 3 {
		return bad()
	}
	size, err = strconv.ParseUint(lines[1], 10, 62)
	if err != nil || size == 0 || size > maxEntries {
		return bad()
	}
	tree, err := tlog.ParseHash(lines[2])
	if err != nil {
		return bad()
	}
	return lines[0], size, tree, nil
}

// Leaf is the leaf hash of an entry.
func Leaf(entry []byte) [32]byte { return crypto.SumSHA256(append([]byte{0}, entry...)) }
