package manifest

import (
	"fmt"
	"iter"
	"sync"

	"github.com/sledge-io/sledge/internal/flight"
)

// LogFiles gives the distinct contents of a log file (name relative to the log's
// folder) that the disks hold. A disk is read when its copy is asked for: the
// first is the last unless it is bad. size is the exact length if it is known,
// else 0; max bounds what is read.
type LogFiles interface {
	LogCopies(name string, size, max int64) iter.Seq[[]byte]
}

// LogReader reads the entries of a log whose checkpoint was verified. Every
// tile and bundle is proven against the signed root before it is used, so
// copies on several disks mend each other entry by entry. The entries alone
// decide: a tile of which no disk has a good copy is made from them. It is safe for
// concurrent use if the files are: who asks for what is being read waits for that,
// and for nothing else.
type LogReader struct {
	cp    Checkpoint
	files LogFiles
	edge  [][]byte // right-most partial tile of each level, proven against the root

	readingTile   flight.Group[tileKey, []byte]
	readingBundle flight.Group[uint64, [][]byte]

	mu    sync.Mutex // guards the rest; never held while files are read
	tiles []tileCache
	cache [4]bundleCache // the latest first: packs, pages and indexes stand apart
}

type tileKey struct {
	level int
	n     uint64
}

// tileCache is the full tile of a level that was used last.
type tileCache struct {
	n    uint64
	data []byte
}

type bundleCache struct {
	n       uint64
	entries [][]byte // nil: nothing
}

const maxBundle = tileWidth * (2 + MaxEntry)

// OpenLog proves the right edge of the tree and returns a reader.
func OpenLog(cp Checkpoint, files LogFiles) (*LogReader, error) {
	l := &LogReader{cp: cp, files: files}
	levels := 0
	for n := cp.Size; n > 0; n /= tileWidth {
		levels++
	}
	edge := make([][]byte, levels)
	if !l.findEdge(edge, 0, cp.Size) {
		return nil, fmt.Errorf("%w: no copy of the log's tiles or entries fits the signed root of %d entries", ErrCorrupt, cp.Size)
	}
	l.edge, l.tiles = edge, make([]tileCache, levels)
	return l, nil
}

// findEdge chooses, level by level, a copy of each partial tile so that all
// together give the root.
func (l *LogReader) findEdge(edge [][]byte, level int, count uint64) bool {
	if level == len(edge) {
		return edgeRoot(edge) == l.cp.Root
	}
	width := int(count % tileWidth)
	if width == 0 {
		return l.findEdge(edge, level+1, count/tileWidth)
	}
	for tile := range l.tileCopies(level, count/tileWidth, width) {
		edge[level] = tile
		if l.findEdge(edge, level+1, count/tileWidth) {
			return true
		}
	}
	return false
}

// edgeRoot folds the right edge of a tree into its root.
func edgeRoot(edge [][]byte) [32]byte {
	var hashes [][32]byte // roots of the full subtrees, left to right
	for level := len(edge) - 1; level >= 0; level-- {
		tile := edge[level]
		for n := len(tile) / 32; n > 0; {
			p := 1
			for p*2 <= n {
				p *= 2
			}
			hashes = append(hashes, tileRoot(tile[:p*32]))
			tile, n = tile[p*32:], n-p
		}
	}
	if len(hashes) == 0 {
		return (&Tree{}).Root()
	}
	h := hashes[len(hashes)-1]
	for i := len(hashes) - 2; i >= 0; i-- {
		h = nodeHash(hashes[i], h)
	}
	return h
}

// Checkpoint is the verified checkpoint.
func (l *LogReader) Checkpoint() Checkpoint { return l.cp }

// Entry returns the bytes of the entry at a position.
func (l *LogReader) Entry(pos uint64) ([]byte, error) {
	if pos >= l.cp.Size {
		return nil, fmt.Errorf("%w: log position %d of %d", ErrCorrupt, pos, l.cp.Size)
	}
	entries, err := l.cached(pos / tileWidth)
	if err != nil {
		return nil, err
	}
	return entries[pos%tileWidth], nil
}

// cached returns a bundle's entries, from the cache if they are there.
func (l *LogReader) cached(n uint64) ([][]byte, error) {
	if entries := l.held(n); entries != nil {
		return entries, nil
	}
	return l.readingBundle.Do(n, func() ([][]byte, error) {
		if entries := l.held(n); entries != nil {
			return entries, nil // read meanwhile
		}
		entries, err := l.bundle(n)
		if err == nil {
			l.hold(n, entries)
		}
		return entries, err
	})
}

// held is a bundle of the cache, which is the latest from then on; nil if it is not there.
func (l *LogReader) held(n uint64) [][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	for at, c := range l.cache {
		if c.n == n && c.entries != nil {
			copy(l.cache[1:at+1], l.cache[:at])
			l.cache[0] = c
			return c.entries
		}
	}
	return nil
}

func (l *LogReader) hold(n uint64, entries [][]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	copy(l.cache[1:], l.cache[:])
	l.cache[0] = bundleCache{n, entries}
}

// Decode returns the decoded entry at a position.
func (l *LogReader) Decode(pos uint64) (Entry, error) {
	b, err := l.Entry(pos)
	if err != nil {
		return Entry{}, err
	}
	e, err := DecodeEntry(b)
	if err != nil {
		return Entry{}, fmt.Errorf("log position %d: %w", pos, err)
	}
	return e, nil
}

// tile returns a tile of a level, proven.
func (l *LogReader) tile(level int, n uint64) ([]byte, error) {
	count := l.cp.Size
	for range level {
		count /= tileWidth
	}
	if n == count/tileWidth {
		return l.edge[level], nil
	}
	if tile := l.heldTile(level, n); tile != nil {
		return tile, nil
	}
	return l.readingTile.Do(tileKey{level, n}, func() ([]byte, error) {
		if tile := l.heldTile(level, n); tile != nil {
			return tile, nil // read meanwhile
		}
		tile, err := l.readTile(level, n)
		if err == nil {
			l.mu.Lock()
			l.tiles[level] = tileCache{n, tile}
			l.mu.Unlock()
		}
		return tile, err
	})
}

func (l *LogReader) heldTile(level int, n uint64) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.tiles[level]; c.n == n {
		return c.data
	}
	return nil
}

// readTile reads a full tile and proves it by the one above it.
func (l *LogReader) readTile(level int, n uint64) ([]byte, error) {
	parent, err := l.tile(level+1, n/tileWidth)
	if err != nil {
		return nil, err
	}
	at := n % tileWidth * 32
	want := [32]byte(parent[at : at+32])
	name := "log/" + TilePath(level, n, tileWidth)
	for b := range l.tileCopies(level, n, tileWidth) {
		if tileRoot(b) == want {
			return b, nil
		}
	}
	return nil, fmt.Errorf("%w: no disk has a good copy of %s", ErrCorrupt, name)
}

func (l *LogReader) bundle(n uint64) ([][]byte, error) {
	hashes, err := l.tile(0, n)
	if err != nil {
		return nil, err
	}
	width := len(hashes) / 32
	for entries := range l.bundleCopies(n, width) {
		if fits(entries, hashes) {
			return entries, nil
		}
	}
	if entries := l.mendBundle(n, hashes); entries != nil {
		return entries, nil
	}
	return nil, fmt.Errorf("%w: no disk has a good copy of log/%s", ErrCorrupt, TilePath(-1, n, width))
}

func fits(entries [][]byte, hashes []byte) bool {
	for i, e := range entries {
		if LeafHash(e) != [32]byte(hashes[32*i:32*i+32]) {
			return false
		}
	}
	return true
}

func splitBundle(b []byte, width int) ([][]byte, error) {
	entries := make([][]byte, 0, width)
	for range width {
		if len(b) < 2 || int(b[0])<<8|int(b[1]) > len(b)-2 {
			return nil, fmt.Errorf("%w: entry bundle cut off", ErrCorrupt)
		}
		n := int(b[0])<<8 | int(b[1])
		entries = append(entries, b[2:2+n:2+n])
		b = b[2+n:]
	}
	if len(b) > 0 {
		return nil, fmt.Errorf("%w: entry bundle with %d bytes too many", ErrCorrupt, len(b))
	}
	return entries, nil
}

// Inclusion returns the audit path of an entry, leaf to root (RFC 6962 section
// 2.1.1), from the tiles.
func (l *LogReader) Inclusion(pos uint64) ([][32]byte, error) {
	if pos >= l.cp.Size {
		return nil, fmt.Errorf("log position %d of %d", pos, l.cp.Size)
	}
	return l.path(0, l.cp.Size, pos)
}

// RootAt is the root that the log had when it was of a size.
func (l *LogReader) RootAt(size uint64) ([32]byte, error) {
	switch {
	case size > l.cp.Size:
		return [32]byte{}, fmt.Errorf("log of %d entries: a root at %d", l.cp.Size, size)
	case size == 0:
		return (&Tree{}).Root(), nil
	}
	return l.rangeHash(0, size)
}

// path is RFC 6962's PATH(pos, D[lo:hi]), recursive over at most 64 levels.
func (l *LogReader) path(lo, hi, pos uint64) ([][32]byte, error) {
	if hi-lo == 1 {
		return nil, nil
	}
	k := uint64(1)
	for k*2 < hi-lo {
		k *= 2
	}
	a, b, c, d := lo, lo+k, lo+k, hi
	if pos >= lo+k {
		a, b, c, d = lo+k, hi, lo, lo+k
	}
	below, err := l.path(a, b, pos)
	if err != nil {
		return nil, err
	}
	h, err := l.rangeHash(c, d)
	return append(below, h), err
}

// rangeHash is the root over D[lo:hi], a range as RFC 6962 splits it.
func (l *LogReader) rangeHash(lo, hi uint64) ([32]byte, error) {
	n := hi - lo
	if n&(n-1) == 0 { // a full subtree
		level, size := 0, uint64(1)
		for size*tileWidth <= n {
			level, size = level+1, size*tileWidth
		}
		tile, err := l.tile(level, lo/size/tileWidth)
		if err != nil {
			return [32]byte{}, err
		}
		at := lo / size % tileWidth * 32
		return tileRoot(tile[at : at+n/size*32]), nil
	}
	k := uint64(1)
	for k*2 < n {
		k *= 2
	}
	left, err := l.rangeHash(lo, lo+k)
	if err != nil {
		return left, err
	}
	right, err := l.rangeHash(lo+k, hi)
	return nodeHash(left, right), err
}
