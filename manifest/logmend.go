package manifest

import (
	"bytes"
	"iter"
	"slices"
)

// Tiles are derived: where no disk has a good copy of one, it follows from the
// entries. What is made here is a guess until its caller has compared it with
// the root.

// tileCopies gives what a tile may be: the disks' copies, then what follows from
// what lies below it.
func (l *LogReader) tileCopies(level int, n uint64, width int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for b := range l.storedTiles(level, n, width) {
			if !yield(b) {
				return
			}
		}
		for b := range l.remade(level, n, width) {
			if !yield(b) {
				return
			}
		}
	}
}

func (l *LogReader) storedTiles(level int, n uint64, width int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for b := range l.files.LogCopies("log/"+TilePath(level, n, width), int64(width)*32, tileWidth*32) {
			if len(b) == width*32 && !yield(b) {
				return
			}
		}
	}
}

// maxRemade bounds the log whose higher tiles are made from what lies below them: the
// size is what a signer says, and the work would grow with it.
const maxRemade = 1 << 26

// remade makes a tile of level 0 from each copy of its bundle and from all of
// them, one of a higher level from the tiles below, if there is something of each.
func (l *LogReader) remade(level int, n uint64, width int) iter.Seq[[]byte] {
	if level == 0 {
		return l.fromBundles(n, width)
	}
	return func(yield func([]byte) bool) {
		if l.cp.Size > maxRemade {
			return
		}
		tile := make([]byte, 0, width*32)
		for i := range uint64(width) {
			below := l.likely(level-1, n*tileWidth+i)
			if below == nil {
				return
			}
			h := tileRoot(below)
			tile = append(tile, h[:]...)
		}
		yield(tile)
	}
}

// likely is a full tile as a disk has it, if what lies below bears it out; else
// as it follows from that; else as any disk has it; nil if nothing is there.
func (l *LogReader) likely(level int, n uint64) (tile []byte) {
	var made [][]byte
	for b := range l.remade(level, n, tileWidth) {
		made = append(made, b)
	}
	for b := range l.storedTiles(level, n, tileWidth) {
		if slices.ContainsFunc(made, func(m []byte) bool { return bytes.Equal(b, m) }) {
			return b
		}
		if tile == nil {
			tile = b
		}
	}
	if len(made) > 0 {
		return made[len(made)-1] // what most copies have, if there are more than two
	}
	return tile
}

// fromBundles hashes the entries of each copy of a bundle, and then of each entry
// the value that most copies have.
func (l *LogReader) fromBundles(n uint64, width int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		votes, copies := make([]map[[32]byte]int, width), 0
		for entries := range l.bundleCopies(n, width) {
			tile := make([]byte, 0, width*32)
			for i, e := range entries {
				h := LeafHash(e)
				tile = append(tile, h[:]...)
				if votes[i] == nil {
					votes[i] = map[[32]byte]int{}
				}
				votes[i][h]++
			}
			if copies++; !yield(tile) {
				return
			}
		}
		if copies > 2 {
			yield(elected(votes))
		}
	}
}

func elected(votes []map[[32]byte]int) (tile []byte) {
	for _, of := range votes {
		var best [32]byte
		most := 0
		for h, n := range of {
			if n > most || n == most && bytes.Compare(h[:], best[:]) < 0 {
				best, most = h, n
			}
		}
		tile = append(tile, best[:]...)
	}
	return tile
}

func (l *LogReader) bundleCopies(n uint64, width int) iter.Seq[[][]byte] {
	return func(yield func([][]byte) bool) {
		for b := range l.files.LogCopies("log/"+TilePath(-1, n, width), 0, maxBundle) {
			if entries, err := splitBundle(b, width); err == nil && !yield(entries) {
				return
			}
		}
	}
}

// mendBundle takes entry by entry from copies that are each bad somewhere; nil if
// an entry is bad in all of them.
func (l *LogReader) mendBundle(n uint64, hashes []byte) [][]byte {
	width := len(hashes) / 32
	out, left := make([][]byte, width), width
	for entries := range l.bundleCopies(n, width) {
		for i, e := range entries {
			if out[i] == nil && LeafHash(e) == [32]byte(hashes[32*i:]) {
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
