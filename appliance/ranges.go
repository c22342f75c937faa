package appliance

import (
	"slices"
	"sort"
)

// span is a half-open range of scan list positions.
type span struct{ from, to uint64 }

// rangeSet is a set of positions kept as sorted, disjoint spans. The loader
// hands positions out in order, so there are few.
type rangeSet struct{ spans []span }

func (s *rangeSet) add(r span) {
	n := len(s.spans)
	if n == 0 || s.spans[n-1].to < r.from { // the usual case, and the next
		s.spans = append(s.spans, r)
		return
	}
	if last := &s.spans[n-1]; last.from <= r.from {
		last.to = max(last.to, r.to)
		return
	}
	i := sort.Search(n, func(i int) bool { return s.spans[i].to >= r.from })
	j := i
	for j < n && s.spans[j].from <= r.to {
		r.from, r.to = min(r.from, s.spans[j].from), max(r.to, s.spans[j].to)
		j++
	}
	s.spans = slices.Replace(s.spans, i, j, r)
}

// clone is a copy that goes its own way.
func (s *rangeSet) clone() *rangeSet { return &rangeSet{spans: slices.Clone(s.spans)} }

func (s *rangeSet) has(n uint64) bool {
	if s == nil {
		return false
	}
	i := sort.Search(len(s.spans), func(i int) bool { return s.spans[i].to > n })
	return i < len(s.spans) && s.spans[i].from <= n
}

// count is the number of positions.
func (s *rangeSet) count() (n uint64) {
	if s == nil {
		return 0
	}
	for _, r := range s.spans {
		n += r.to - r.from
	}
	return n
}
