package fsck

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// logView reads one log from the copies on several disks. A tile or a bundle
// is good if it fits the signed root; each is taken from whichever disk has it
// so, and the disks that have it otherwise are named.
//
// Tiles are proven from the root down: the few partial tiles give the root,
// each hash in a tile proves the tile or the entry below it.
type logView struct {
	sources []*disk
	size    int64
	root    tlog.Hash
	f       *findings
	quiet   bool // bad copies have been named already
	stopped func() error

	bundles []tlog.Hash // root of each bundle: 32 bytes for 256 entries
	cached  int64       // number of the bundle in entries
	entries [][]byte
}

// maxRemade bounds the log of which whole levels are made from the entries.
const maxRemade = 1 << 26

var errLogLost = errors.New("no copy fits the signed root")

func newLogView(sources []*disk, size int64, root tlog.Hash, f *findings) *logView {
	return &logView{sources: sources, size: size, root: root, f: f, cached: -1, stopped: func() error { return nil }}
}

func (l *logView) width(level int, n int64) int {
	return int(min(tileWidth, l.size>>(8*level)-n*tileWidth))
}

func (l *logView) top() int {
	top := 0
	for l.size>>(8*(top+1)) > 0 {
		top++
	}
	return top
}

func kindOf(level int) string { return strconv.Itoa(level) }

// nameBad says that a disk's copy of one file of the log is not the good one.
func (l *logView) nameBad(d *disk, path string, err error) {
	if l.quiet {
		return
	}
	if err == nil {
		err = errors.New("does not fit the signed root")
	}
	l.f.repeat(Repairable, "log-copy-bad", onDisk(d), hintRebuild, "%s: %v", path, err)
}

// copies reads one file from every disk; broken ones stay nil.
func (l *logView) copies(path string, max int64) ([][]byte, []error) {
	raw := make([][]byte, len(l.sources))
	errs := make([]error, len(l.sources))
	for i, d := range l.sources {
		if errs[i] = l.stopped(); errs[i] == nil {
			raw[i], errs[i] = readSmall(d.fsys, path, max)
		}
	}
	return raw, errs
}

// tile finds the hashes of a tile that fits: fits says so.
func (l *logView) tile(level int, n int64, fits func([]tlog.Hash) bool) ([]tlog.Hash, error) {
	width, path := l.width(level, n), tilePath(kindOf(level), n, l.width(level, n))
	raw, errs := l.copies(path, 32*tileWidth)
	var good []tlog.Hash
	var goodRaw []byte
	for i := range raw {
		if good != nil || errs[i] != nil {
			continue
		}
		var h []tlog.Hash
		if h, errs[i] = parseTile(raw[i], width); errs[i] == nil && fits(h) {
			good, goodRaw = h, raw[i]
		}
	}
	for _, fromEntries := range []bool{false, true} {
		if good == nil {
			if h := l.rebuildTile(level, n, fromEntries); fits(h) {
				good = h
			}
		}
	}
	if good == nil {
		return nil, fmt.Errorf("%s: %w", path, errLogLost)
	}
	for i, d := range l.sources {
		if errs[i] != nil || string(raw[i]) != string(goodRaw) {
			l.nameBad(d, path, errs[i])
		}
	}
	return good, nil
}

// rebuildTile makes a tile from what lies below it, the tiles of the next level
// or all the way from the entries: of each hash the value that most copies
// give. It may be wrong; the caller compares with the root.
func (l *logView) rebuildTile(level int, n int64, fromEntries bool) []tlog.Hash {
	if level == 0 {
		return l.hashBundles(n)
	}
	out := make([]tlog.Hash, l.width(level, n))
	if fromEntries && l.size > maxRemade {
		return out
	}
	for i := range out {
		child := n*tileWidth + int64(i)
		if fromEntries {
			out[i] = wire.RootOver(l.rebuildTile(level-1, child, true))
			continue
		}
		var votes map[tlog.Hash]int
		raw, _ := l.copies(tilePath(kindOf(level-1), child, tileWidth), 32*tileWidth)
		for _, b := range raw {
			if h, err := parseTile(b, tileWidth); err == nil {
				vote(&votes, wire.RootOver(h))
			}
		}
		out[i] = winner(votes)
	}
	return out
}

// hashBundles makes a tile of level 0 from the disks' entries.
func (l *logView) hashBundles(n int64) []tlog.Hash {
	out := make([]tlog.Hash, l.width(0, n))
	votes := make([]map[tlog.Hash]int, len(out))
	for _, entries := range l.bundleCopies(n) {
		for i, h := range leafHashes(entries) {
			vote(&votes[i], h)
		}
	}
	for i := range out {
		out[i] = winner(votes[i])
	}
	return out
}

func (l *logView) bundleCopies(n int64) [][][]byte {
	width := l.width(0, n)
	raw, errs := l.copies(tilePath("entries", n, width), maxBundleSize)
	var out [][][]byte
	for i := range raw {
		if errs[i] != nil {
			continue
		}
		if entries, err := parseBundle(raw[i], width); err == nil {
			out = append(out, entries)
		}
	}
	return out
}

func vote(votes *map[tlog.Hash]int, h tlog.Hash) {
	if *votes == nil {
		*votes = map[tlog.Hash]int{}
	}
	(*votes)[h]++
}

func winner(votes map[tlog.Hash]int) (best tlog.Hash) {
	most := 0
	for h, n := range votes {
		if n > most || n == most && slices.Compare(h[:], best[:]) < 0 {
			best, most = h, n
		}
	}
	return best
}

// bundle finds the entries that have these leaf hashes.
func (l *logView) bundle(n int64, leaves []tlog.Hash) ([][]byte, error) {
	path := tilePath("entries", n, len(leaves))
	raw, errs := l.copies(path, maxBundleSize)
	var good [][]byte
	var goodRaw []byte
	for i := range raw {
		if good != nil || errs[i] != nil {
			continue
		}
		var entries [][]byte
		if entries, errs[i] = parseBundle(raw[i], len(leaves)); errs[i] == nil && slices.Equal(leafHashes(entries), leaves) {
			good, goodRaw = entries, raw[i]
		}
	}
	if good == nil {
		good = l.mendBundle(n, leaves)
	}
	if good == nil {
		return nil, fmt.Errorf("%s: %w", path, errLogLost)
	}
	for i, d := range l.sources {
		if errs[i] != nil || string(raw[i]) != string(goodRaw) {
			l.nameBad(d, path, errs[i])
		}
	}
	return good, nil
}

// mendBundle takes entry by entry from copies that are each bad somewhere.
func (l *logView) mendBundle(n int64, leaves []tlog.Hash) [][]byte {
	out := make([][]byte, len(leaves))
	left := len(leaves)
	for _, entries := range l.bundleCopies(n) {
		for i, e := range entries {
			if out[i] == nil && tlog.RecordHash(e) == leaves[i] {
				out[i] = e
				left--
			}
		}
	}
	if left > 0 {
		return nil
	}
	return out
}

// walk proves the whole log and gives every entry in order.
func (l *logView) walk(ctx context.Context, fn func(pos int64, entry []byte) error) error {
	l.stopped = ctx.Err
	edges, err := l.edgeTiles()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	l.bundles = l.bundles[:0]
	for level := l.top(); level >= 0; level-- {
		first := l.size >> (8 * level) / tileWidth
		if level == 0 && len(edges[0]) > 0 {
			if err := l.visitBundle(ctx, first, edges[0], fn); err != nil {
				return err
			}
			continue
		}
		for i, h := range edges[level] {
			if err := l.descend(ctx, level-1, first*tileWidth+int64(i), h, fn); err != nil {
				return err
			}
		}
	}
	l.quiet = true
	return nil
}

func (l *logView) descend(ctx context.Context, level int, n int64, want tlog.Hash, fn func(int64, []byte) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	hashes, err := l.tile(level, n, func(h []tlog.Hash) bool { return wire.RootOver(h) == want })
	if err != nil {
		return err
	}
	if level == 0 {
		return l.visitBundle(ctx, n, hashes, fn)
	}
	for i, h := range hashes {
		if err := l.descend(ctx, level-1, n*tileWidth+int64(i), h, fn); err != nil {
			return err
		}
	}
	return nil
}

func (l *logView) visitBundle(ctx context.Context, n int64, leaves []tlog.Hash, fn func(int64, []byte) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := l.bundle(n, leaves)
	if err != nil {
		return err
	}
	l.bundles = append(l.bundles, wire.RootOver(leaves))
	for i, e := range entries {
		if err := fn(n*tileWidth+int64(i), e); err != nil {
			return err
		}
	}
	return nil
}

// each gives the entries of [from, to) again. It must follow a walk.
func (l *logView) each(ctx context.Context, from, to int64, fn func(pos int64, entry []byte) error) error {
	for pos := from; pos < to; pos++ {
		n := pos / tileWidth
		if n != l.cached {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := l.load(n); err != nil {
				return err
			}
		}
		if err := fn(pos, l.entries[pos-n*tileWidth]); err != nil {
			return err
		}
	}
	return nil
}

// load reads a bundle that the walk has proven, and proves it again: files may
// have changed since.
func (l *logView) load(n int64) error {
	width := l.width(0, n)
	for _, d := range l.sources {
		raw, err := readSmall(d.fsys, tilePath("entries", n, width), maxBundleSize)
		if err != nil {
			continue
		}
		entries, err := parseBundle(raw, width)
		if err == nil && wire.RootOver(leafHashes(entries)) == l.bundles[n] {
			l.cached, l.entries = n, entries
			return nil
		}
	}
	leaves, err := l.tile(0, n, func(h []tlog.Hash) bool { return wire.RootOver(h) == l.bundles[n] })
	if err != nil {
		return err
	}
	entries, err := l.bundle(n, leaves)
	if err != nil {
		return err
	}
	l.cached, l.entries = n, entries
	return nil
}

// clone is a second reader over the same proven log, for another goroutine.
func (l *logView) clone() *logView {
	c := *l
	c.cached, c.entries = -1, nil
	return &c
}

// sub is the same log seen in one folder instead of on disks.
func folderLog(fsys fs.FS, size int64, root tlog.Hash, f *findings) *logView {
	return newLogView([]*disk{{name: "receipts", fsys: fsys, bay: -1}}, size, root, f)
}
