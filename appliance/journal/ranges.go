package journal

import (
	"slices"
	"sort"
)

// Span is a half-open range of scan list positions.
type Span struct{ From, To uint64 }

// Ranges is a set of positions kept as sorted, disjoint spans. The loader
// hands positions out in order, so there are few.
type Ranges struct{ Spans []Span }

func (s *Ranges) Add(r Span) {
	n := len(s.Spans)
	if n == 0 || s.Spans[n-1].To < r.From { // the usual case, and the next
		s.Spans = append(s.Spans, r)
		return
	}
	if last := &s.Spans[n-1]; last.From <= r.From {
		last.To = max(last.To, r.To)
		return
	}
	i := sort.Search(n, func(i int) bool { return s.Spans[i].To >= r.From })
	j := i
	for j < n && s.Spans[j].From <= r.To {
		r.From, r.To = min(r.From, s.Spans[j].From), max(r.To, s.Spans[j].To)
		j++
	}
	s.Spans = slices.Replace(s.Spans, i, j, r)
}

// Clone is a copy that goes its own way.
func (s *Ranges) Clone() *Ranges { return &Ranges{Spans: slices.Clone(s.Spans)} }

func (s *Ranges) Has(n uint64) bool {
	if s == nil {
		return false
	}
	i := sort.Search(len(s.Spans), func(i int) bool { return s.Spans[i].To > n })
	return i < len(s.Spans) && s.Spans[i].From <= n
}

// Count is the number of positions.
func (s *Ranges) Count() (n uint64) {
	if s == nil {
		return 0
	}
	for _, r := range s.Spans {
		n += r.To - r.From
	}
	return n
}
