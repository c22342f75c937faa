package log

import (
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sledge-io/sledge/internal/fsck/wire"
)

const maxEdgeChoices = 4096

// edgeTiles finds the partial tiles, one a level at most, which together give
// the root. Copies of different disks may have to be combined, and the tile be
// made from its bundle if no disk has it.
func (l *View) edgeTiles() (map[int][]tlog.Hash, error) {
	edges, err := l.pickEdges(false)
	if err != nil {
		edges, err = l.pickEdges(true)
	}
	if err == nil {
		l.nameEdges(edges)
	}
	return edges, err
}

// pickEdges tries the copies at hand in every combination; with remake, also
// tiles made from what lies below them.
func (l *View) pickEdges(remake bool) (map[int][]tlog.Hash, error) {
	var levels []int
	choices := map[int][][]tlog.Hash{}
	for level := l.top(); level >= 0; level-- {
		if l.size>>(8*level)%TileWidth == 0 {
			continue
		}
		levels = append(levels, level)
		choices[level] = l.edgeChoices(level)
		if remake {
			n := l.size >> (8 * level) / TileWidth
			choices[level] = append(choices[level], l.rebuildTile(level, n, false), l.rebuildTile(level, n, true))
		}
		if len(choices[level]) == 0 {
			return nil, fmt.Errorf("log tile of level %d: %w", level, ErrLost)
		}
	}
	picked := make([]int, len(levels))
	for range maxEdgeChoices {
		edges := map[int][]tlog.Hash{}
		for i, level := range levels {
			edges[level] = choices[level][picked[i]]
		}
		if l.edgeRoot(levels, edges) == l.root {
			return edges, nil
		}
		if !next(picked, func(i int) int { return len(choices[levels[i]]) }) {
			break
		}
	}
	return nil, fmt.Errorf("partial tiles: %w", ErrLost)
}

// next counts picked up like an odometer.
func next(picked []int, limit func(int) int) bool {
	for i := len(picked) - 1; i >= 0; i-- {
		if picked[i]++; picked[i] < limit(i) {
			return true
		}
		picked[i] = 0
	}
	return false
}

// edgeChoices lists the distinct copies of a partial tile, the most frequent first.
func (l *View) edgeChoices(level int) [][]tlog.Hash {
	n := l.size >> (8 * level) / TileWidth
	width := l.width(level, n)
	raw, errs := l.copies(TilePath(KindOf(level), n, width), 32*TileWidth)
	count := map[string]int{}
	for i := range raw {
		if errs[i] == nil && len(raw[i]) == 32*width {
			count[string(raw[i])]++
		}
	}
	texts := make([]string, 0, len(count))
	for text := range count {
		texts = append(texts, text)
	}
	slices.SortFunc(texts, func(a, b string) int { return count[b] - count[a] })
	var out [][]tlog.Hash
	for _, text := range texts {
		h, _ := parseTile([]byte(text), width)
		out = append(out, h)
	}
	return out
}

func (l *View) edgeRoot(levels []int, edges map[int][]tlog.Hash) tlog.Hash {
	var t wire.TreeStack
	for _, level := range levels {
		for _, h := range edges[level] {
			t.Push(h, 1<<(8*level))
		}
	}
	return t.Root()
}

// nameEdges names the disks whose partial tiles are not those that fit.
func (l *View) nameEdges(edges map[int][]tlog.Hash) {
	for level := l.top(); level >= 0; level-- {
		want, ok := edges[level]
		if !ok {
			continue
		}
		path := TilePath(KindOf(level), l.size>>(8*level)/TileWidth, len(want))
		raw, errs := l.copies(path, 32*TileWidth)
		for i, d := range l.sources {
			h, err := parseTile(raw[i], len(want))
			if errs[i] != nil {
				err = errs[i]
			}
			if err != nil || !slices.Equal(h, want) {
				l.nameBad(d, path, err)
			}
		}
	}
}
