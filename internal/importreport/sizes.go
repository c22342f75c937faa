package importreport

import (
	"fmt"
	"math/bits"
	"slices"
)

// Bucket counts the objects of at least From and less than To bytes. The first
// one is of empty objects, the others grow by the factor 4.
type Bucket struct {
	From  int64  `json:"from"`
	To    int64  `json:"to"`
	Count uint64 `json:"count"`
	Bytes int64  `json:"bytes"`
}

// Label names the range.
func (b Bucket) Label() string {
	switch {
	case b.From == 0:
		return "empty"
	case b.From == 1:
		return "under " + Bytes(b.To)
	}
	return fmt.Sprintf("%s to %s", Bytes(b.From), Bytes(b.To))
}

// smallest is where the powers of four begin; what is smaller is one bucket.
const smallest = 1 << 10

// sizes counts sizes: empty, under 1 KiB, then powers of four.
type sizes struct {
	count [40]uint64
	bytes [40]int64
}

func (s *sizes) add(size int64) {
	i := bucketOf(size)
	s.count[i]++
	s.bytes[i] += size
}

func bucketOf(size int64) int {
	if size <= 0 {
		return 0
	}
	if size < smallest {
		return 1
	}
	return 2 + (bits.Len64(uint64(size/smallest))-1)/2
}

// buckets returns those between the first and the last that hold something.
func (s *sizes) buckets() []Bucket {
	list := []Bucket{{0, 1, s.count[0], s.bytes[0]}, {1, smallest, s.count[1], s.bytes[1]}}
	from := int64(smallest)
	for i := 2; from < 1<<60; i++ {
		list = append(list, Bucket{from, 4 * from, s.count[i], s.bytes[i]})
		from *= 4
	}
	full := func(b Bucket) bool { return b.Count > 0 }
	first := slices.IndexFunc(list, full)
	if first < 0 {
		return []Bucket{}
	}
	last := len(list) - 1
	for !full(list[last]) {
		last--
	}
	return list[first : last+1]
}
