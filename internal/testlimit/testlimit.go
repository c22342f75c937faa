// Package testlimit holds tests to what hostile input may cost.
package testlimit

import (
	"runtime/metrics"
	"testing"
)

// Input is what one input to a parser may make it allocate, in bytes, all
// allocations added up: counted, not timed.
const Input = 64 << 20

const allocated = "/gc/heap/allocs:bytes"

// Alloc begins to count what the process allocates; the function that it returns
// fails the test if that is more than limit:
//
//	defer testlimit.Alloc(t, testlimit.Input)()
func Alloc(t testing.TB, limit uint64) (end func()) {
	before := read()
	return func() {
		t.Helper()
		if n := read() - before; n > limit {
			t.Errorf("%d bytes were allocated, at most %d are allowed", n, limit)
		}
	}
}

func read() uint64 {
	sample := []metrics.Sample{{Name: allocated}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
