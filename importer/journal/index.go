package journal

import "slices"

// index knows where each page's newest frame is: 16 bytes a page.
type index map[Kind]*kindIndex

// kindIndex holds the places of a kind's pages in runs of chunkPages.
type kindIndex struct {
	chunks map[uint64]*[chunkPages]place
	order  []uint64 // the chunks' numbers, ascending
}

const chunkPages = 256

// place is where a page's frame is. A page without one has changes only.
type place struct {
	file, at, size uint32
	met            bool // the page is there, in a file or in changes
}

// at gives the place of a page to be read or set; nil if there is none, unless it is made.
func (x index) at(p pageKey, make bool) *place {
	k := x[p.kind]
	if k == nil {
		if !make {
			return nil
		}
		k = &kindIndex{chunks: map[uint64]*[chunkPages]place{}}
		x[p.kind] = k
	}
	number := p.page / chunkPages
	chunk := k.chunks[number]
	if chunk == nil {
		if !make {
			return nil
		}
		chunk = new([chunkPages]place)
		k.chunks[number] = chunk
		i, _ := slices.BinarySearch(k.order, number)
		k.order = slices.Insert(k.order, i, number)
	}
	return &chunk[p.page%chunkPages]
}

// next is the first page from one on that is there.
func (x index) next(p pageKey) (pageKey, bool) {
	k := x[p.kind]
	if k == nil {
		return p, false
	}
	i, _ := slices.BinarySearch(k.order, p.page/chunkPages)
	for ; i < len(k.order); i++ {
		number, chunk := k.order[i], k.chunks[k.order[i]]
		for j := range chunk {
			if page := number*chunkPages + uint64(j); page >= p.page && chunk[j].met {
				return pageKey{p.kind, page}, true
			}
		}
	}
	return p, false
}
