package log

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sledge-io/sledge/internal/fsck/disk"
	"github.com/sledge-io/sledge/internal/fsck/findings"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// View reads one log from the copies on several disks. A tile or a bundle
// is good if it fits the signed root; each is taken from whichever disk has it
// so, and the disks that have it otherwise are named.
//
// Tiles are proven from the root down: the few partial tiles give the root,
// each hash in a tile proves the tile or the entry below it.
type View struct {
	sources []*disk.Seen
	size    int64
	root    tlog.Hash
	f       *findings.List
	quiet   bool // bad copies have been named already
	stopped func() error

	bundles []tlog.Hash // root of each bundle: 32 bytes for 256 entries
	cached  int64       // number of the bundle in entries
	entries [][]byte
}

// maxRemade bounds the log of which whole levels are made from the entries.
const maxRemade = 1 << 26

var ErrLost = errors.New("no copy fits the signed root")

func NewView(sources []*disk.Seen, size int64, root tlog.Hash, f *findings.List) *View {
	return &View{sources: sources, size: size, root: root, f: f, cached: -1, stopped: func() error { return nil }}
}

func (l *View) width(level int, n int64) int {
	return int(min(TileWidth, l.size>>(8*level)-n*TileWidth))
}

func (l *View) top() int {
	top := 0
	for l.size>>(8*(top+1)) > 0 {
		top++
	}
	return top
}

func KindOf(level int) string { return strconv.Itoa(level) }

// nameBad says that a disk's copy of one file of the log is not the good one.
func (l *View) nameBad(d *disk.Seen, path string, err error) {
	if l.quiet {
		return
	}
	if err == nil {
		err = errors.New("does not fit the signed root")
	}
	l.f.Repeat(findings.Repairable, "log-copy-bad", findings.OnDisk(d), findings.HintRebuild, "%s: %v", path, err)
}

// copies reads one file from every disk; broken ones stay nil.
func (l *View) copies(path string, max int64) ([][]byte, []error) {
	raw := make([][]byte, len(l.sources))
	errs := make([]error, len(l.sources))
	for i, d := range l.sources {
		if errs[i] = l.stopped(); errs[i] == nil {
			raw[i], errs[i] = disk.ReadSmall(d.Fsys, path, max)
		}
	}
	return raw, errs
}

// tile finds the hashes of a tile that fits: fits says so.
func (l *View) tile(level int, n int64, fits func([]tlog.Hash) bool) ([]tlog.Hash, error) {
	width, path := l.width(level, n), TilePath(KindOf(level), n, l.width(level, n))
	raw, errs := l.copies(path, 32*TileWidth)
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
		return nil, fmt.Errorf("%s: %w", path, ErrLost)
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
func (l *View) rebuildTile(level int, n int64, fromEntries bool) []tlog.Hash {
	if level == 0 {
		return l.hashBundles(n)
	}
	out := make([]tlog.Hash, l.width(level, n))
	if fromEntries && l.size > maxRemade {
		return out
	}
	for i := range out {
		child := n*TileWidth + int64(i)
		if fromEntries {
			out[i] = wire.RootOver(l.rebuildTile(level-1, child, true))
			continue
		}
		var votes map[tlog.Hash]int
		raw, _ := l.copies(TilePath(KindOf(level-1), child, TileWidth), 32*TileWidth)
		for _, b := range raw {
			if h, err := parseTile(b, TileWidth); err == nil {
				vote(&votes, wire.RootOver(h))
			}
		}
		out[i] = winner(votes)
	}
	return out
}

// hashBundles makes a tile of level 0 from the disks' entries.
func (l *View) hashBundles(n int64) []tlog.Hash {
	out := make([]tlog.Hash, l.width(0, n))
	votes := make([]map[tlog.Hash]int, len(out))
	for _, entries := range l.bundleCopies(n) {
		for i, h := range LeafHashes(entries) {
			vote(&votes[i], h)
		}
	}
	for i := range out {
		out[i] = winner(votes[i])
	}
	return out
}

func (l *View) bundleCopies(n int64) [][][]byte {
	width := l.width(0, n)
	raw, errs := l.copies(TilePath("entries", n, width), maxBundleSize)
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
func (l *View) bundle(n int64, leaves []tlog.Hash) ([][]byte, error) {
	path := TilePath("entries", n, len(leaves))
	raw, errs := l.copies(path, maxBundleSize)
	var good [][]byte
	var goodRaw []byte
	for i := range raw {
		if good != nil || errs[i] != nil {
			continue
		}
		var entries [][]byte
		if entries, errs[i] = parseBundle(raw[i], len(leaves)); errs[i] == nil && slices.Equal(LeafHashes(entries), leaves) {
			good, goodRaw = entries, raw[i]
		}
	}
	if good == nil {
		good = l.mendBundle(n, leaves)
	}
	if good == nil {
		return nil, fmt.Errorf("%s: %w", path, ErrLost)
	}
	for i, d := range l.sources {
		if errs[i] != nil || string(raw[i]) != string(goodRaw) {
			l.nameBad(d, path, errs[i])
		}
	}
	return good, nil
}

// mendBundle takes entry by entry from copies that are each bad somewhere.
func (l *View) mendBundle(n int64, leaves []tlog.Hash) [][]byte {
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

// Walk proves the whole log and gives every entry in order.
func (l *View) Walk(ctx context.Context, fn func(pos int64, entry []byte) error) error {
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
		first := l.size >> (8 * level) / TileWidth
		if level == 0 && len(edges[0]) > 0 {
			if err := l.visitBundle(ctx, first, edges[0], fn); err != nil {
				return err
			}
			continue
		}
		for i, h := range edges[level] {
			if err := l.descend(ctx, level-1, first*TileWidth+int64(i), h, fn); err != nil {
				return err
			}
		}
	}
	l.quiet = true
	return nil
}

func (l *View) descend(ctx context.Context, level int, n int64, want tlog.Hash, fn func(int64, []byte) error) error {
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
		if err := l.descend(ctx, level-1, n*TileWidth+int64(i), h, fn); err != nil {
			return err
		}
	}
	return nil
}

func (l *View) visitBundle(ctx context.Context, n int64, leaves []tlog.Hash, fn func(int64, []byte) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := l.bundle(n, leaves)
	if err != nil {
		return err
	}
	l.bundles = append(l.bundles, wire.RootOver(leaves))
	for i, e := range entries {
		if err := fn(n*TileWidth+int64(i), e); err != nil {
			return err
		}
	}
	return nil
}

// Each gives the entries of [from, to) again. It must follow a walk.
func (l *View) Each(ctx context.Context, from, to int64, fn func(pos int64, entry []byte) error) error {
	for pos := from; pos < to; pos++ {
		n := pos / TileWidth
		if n != l.cached {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := l.load(n); err != nil {
				return err
			}
		}
		if err := fn(pos, l.entries[pos-n*TileWidth]); err != nil {
			return err
		}
	}
	return nil
}

// load reads a bundle that the walk has proven, and proves it again: files may
// have changed since.
func (l *View) load(n int64) error {
	width := l.width(0, n)
	for _, d := range l.sources {
		raw, err := disk.ReadSmall(d.Fsys, TilePath("entries", n, width), maxBundleSize)
		if err != nil {
			continue
		}
		entries, err := parseBundle(raw, width)
		if err == nil && wire.RootOver(LeafHashes(entries)) == l.bundles[n] {
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

// Expects reports whether a tile path belongs to the log of this size.
func (l *View) Expects(path string) bool {
	kind, rest, _ := strings.Cut(strings.TrimPrefix(path, "log/tile/"), "/")
	level := 0
	if kind != "entries" {
		n, err := wire.Decimal(kind)
		if err != nil || n > uint64(l.top()) {
			return false
		}
		level = int(n)
	}
	rest, _, _ = strings.Cut(rest, ".p/")
	n := int64(0)
	for part := range strings.SplitSeq(rest, "/") {
		digits, err := strconv.ParseUint(strings.TrimPrefix(part, "x"), 10, 16)
		if err != nil || n > wire.MaxLogSize {
			return false
		}
		n = n*1000 + int64(digits)
	}
	if n*TileWidth >= l.size>>(8*level) {
		return false
	}
	return path == TilePath(kind, n, l.width(level, n))
}

// Clone is a second reader over the same proven log, for another goroutine.
func (l *View) Clone() *View {
	c := *l
	c.cached, c.entries = -1, nil
	return &c
}

// sub is the same log seen in one folder instead of on disks.
func OfFolder(fsys fs.FS, size int64, root tlog.Hash, f *findings.List) *View {
	return NewView([]*disk.Seen{{Name: "receipts", Fsys: fsys, Bay: -1}}, size, root, f)
}
