package read

import (
	"fmt"
	"slices"
	"sort"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/manifest"
)

// sequence holds the pages of one walk against one another: records ascend, and a
// directory page says of its pages what they are.
type sequence struct {
	any  bool
	key  string // of the last record
	cont int
	seen map[uint64][32]byte // lines of the pages of this index pack, as they should be
}

func refusedPage(page uint64, format string, args ...any) error {
	return fmt.Errorf("%w: page %d of the manifest: %s", ErrRefused, page, fmt.Sprintf(format, args...))
}

// page takes a page of records and gives the line that its directory page should have.
func (s *sequence) page(p *manifest.Page) (line manifest.DirEntry, err error) {
	for i, b := range p.Records {
		kind, path, cont, err := manifest.PeekRecord(b)
		if err != nil {
			return line, fmt.Errorf("page %d: record %d: %w", p.Number, i, err)
		}
		at := manifest.DirEntry{Page: p.Number, Path: path, Kind: kind, Records: len(p.Records), Continuation: cont}
		if i == 0 {
			line = at
		}
		key := at.Key()
		if c := manifest.CompareKeys(s.key, key); s.any && (c > 0 || c == 0 && cont <= s.cont) {
			return line, refusedPage(p.Number, "record %d (%q) does not come after the one before it (%q)", i, clip(key), clip(s.key))
		}
		s.any, s.key, s.cont = true, key, cont
	}
	if s.seen == nil {
		s.seen = map[uint64][32]byte{}
	}
	s.seen[p.Number] = crypto.SumSHA256(line.Encode())
	return line, nil
}

// directory compares a directory page with the pages that were met.
func (s *sequence) directory(index *manifest.Pack, p *manifest.Page) error {
	lines, err := dirLines(index, p)
	if err != nil {
		return err
	}
	for _, l := range lines {
		if sum, met := s.seen[l.Page]; met && sum != crypto.SumSHA256(l.Encode()) {
			return refusedPage(p.Number, "the directory says of page %d what it is not", l.Page)
		}
	}
	clear(s.seen)
	return nil
}

// dirLines reads the lines of an index pack's directory page: one for each of its other
// pages, ascending.
func dirLines(index *manifest.Pack, p *manifest.Page) ([]manifest.DirEntry, error) {
	lines := make([]manifest.DirEntry, len(p.Records))
	for i, b := range p.Records {
		var err error
		if lines[i], err = manifest.DecodeDirEntry(b); err != nil {
			return nil, fmt.Errorf("page %d: line %d: %w", p.Number, i, err)
		}
		if lines[i].Page != index.FirstPage+uint64(i) {
			return nil, refusedPage(p.Number, "line %d of the directory is of page %d", i, lines[i].Page)
		}
	}
	if uint64(len(lines)) != index.Pages-1 {
		return nil, refusedPage(p.Number, "the directory has %d lines for %d pages", len(lines), index.Pages-1)
	}
	ascending := slices.IsSortedFunc(lines, func(a, b manifest.DirEntry) int {
		if c := manifest.CompareKeys(a.Key(), b.Key()); c != 0 {
			return c
		}
		return a.Continuation - b.Continuation
	})
	if !ascending {
		return nil, refusedPage(p.Number, "the lines of the directory do not ascend")
	}
	return lines, nil
}

const FirstPathCut = 1024

// checkFirst compares the first path of an index pack's public entry with its pages.
func (r *Reader) checkFirst(index *manifest.Pack, line manifest.DirEntry) error {
	first, err := r.keys.OpenFirstPath(index.ID, index.FirstPath)
	if err != nil {
		return err
	}
	if key := line.Key(); first != key[:min(len(key), FirstPathCut)] {
		return refusedPage(line.Page, "its index pack says that it begins with %q, not with %q", clip(first), clip(key))
	}
	return nil
}

// seek returns the directory line of the record page in which an order key stands or
// would stand: a search in the index entries, then one directory page. Whoever goes
// there compares the line with the page.
func (r *Reader) seek(key string) (line manifest.DirEntry, err error) {
	index, err := r.seekIndex(key)
	if err != nil {
		return line, err
	}
	dir, err := r.OpenPage(index.FirstPage + index.Pages - 1)
	if err != nil {
		return line, err
	}
	lines, err := dirLines(index, dir)
	if err == nil {
		err = r.checkFirst(index, lines[0])
	}
	if err != nil {
		return line, err
	}
	i := sort.Search(len(lines), func(i int) bool {
		k := lines[i].Key()
		return k > key || k == key && lines[i].Continuation > 0
	})
	return lines[max(0, i-1)], nil
}

// seekIndex finds the last index pack whose first key is not above the wanted one. Cut
// keys that are equal do not decide: the pack before may hold it.
func (r *Reader) seekIndex(key string) (*manifest.Pack, error) {
	var err error
	cut := key[:min(len(key), FirstPathCut)]
	n := sort.Search(int(r.End.IndexPacks), func(i int) bool {
		if err != nil {
			return true
		}
		var ip *manifest.Pack
		if ip, err = r.IndexPack(uint64(i)); err != nil {
			return true
		}
		var first string
		if first, err = r.keys.OpenFirstPath(ip.ID, ip.FirstPath); err != nil {
			return true
		}
		if len(first) == FirstPathCut {
			return first >= cut
		}
		return first > key
	})
	if err != nil {
		return nil, err
	}
	return r.IndexPack(uint64(max(0, n-1)))
}
