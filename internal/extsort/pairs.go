package extsort

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
)

// pair says where a key and, right behind it, its value stand in the arenas.
// Pairs hold no pointers, so the collector does not look at them.
type pair struct {
	chunk      uint64 // the key's bytes from the depth at hand on
	arena, off uint32 // ascending in the order of addition
	key, value uint32 // lengths
}

const (
	chunkBytes = 8
	fewPairs   = 16 // so many are sorted by whole keys
)

func (s *Sorter) key(p pair) []byte {
	return s.arenas[p.arena][p.off : p.off+p.key : p.off+p.key]
}

func (s *Sorter) bytes(p pair) (key, value []byte) {
	at := p.off + p.key
	return s.key(p), s.arenas[p.arena][at : at+p.value : at+p.value]
}

func (s *Sorter) sortPairs() { s.sortFrom(s.pairs, 0) }

// sortFrom sorts pairs whose keys agree in the first depth bytes, and are at least
// so long. Names share long beginnings: each eight bytes of a key are fetched
// once, not at every comparison.
func (s *Sorter) sortFrom(pairs []pair, depth int) {
	if len(pairs) <= fewPairs {
		s.sortWhole(pairs, depth)
		return
	}
	for i := range pairs {
		pairs[i].chunk = chunkAt(s.key(pairs[i])[depth:])
	}
	slices.SortFunc(pairs, func(a, b pair) int { return cmp.Compare(a.chunk, b.chunk) })
	for len(pairs) > 1 {
		n, ends := 0, false // a chunk filled up with zeros may look like another's
		for n < len(pairs) && pairs[n].chunk == pairs[0].chunk {
			ends = ends || int(pairs[n].key) < depth+chunkBytes
			n++
		}
		if ends {
			s.sortWhole(pairs[:n], depth)
		} else {
			s.sortFrom(pairs[:n], depth+chunkBytes)
		}
		pairs = pairs[n:]
	}
}

func (s *Sorter) sortWhole(pairs []pair, depth int) {
	slices.SortFunc(pairs, func(a, b pair) int {
		if c := bytes.Compare(s.key(a)[depth:], s.key(b)[depth:]); c != 0 {
			return c
		}
		return cmp.Or(cmp.Compare(a.arena, b.arena), cmp.Compare(a.off, b.off))
	})
}

// chunkAt is the first eight bytes as a number; zeros fill up what is shorter.
func chunkAt(b []byte) uint64 {
	if len(b) >= chunkBytes {
		return binary.BigEndian.Uint64(b)
	}
	var short [chunkBytes]byte
	copy(short[:], b)
	return binary.BigEndian.Uint64(short[:])
}
