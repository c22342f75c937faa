package sample

import (
	"math/rand/v2"
	"slices"
)

// Draw draws n different numbers below a limit, ascending (Floyd's algorithm).
func Draw(random *rand.Rand, limit, n uint64) []uint64 {
	drawn := make([]uint64, 0, n)
	if n == limit {
		for i := range n {
			drawn = append(drawn, i)
		}
		return drawn
	}
	has := make(map[uint64]bool, n)
	for last := limit - n; last < limit; last++ {
		i := random.Uint64N(last + 1)
		if has[i] {
			i = last
		}
		has[i] = true
		drawn = append(drawn, i)
	}
	slices.Sort(drawn)
	return drawn
}
