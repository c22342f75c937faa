package main

import (
	"math"
	"os"
	"runtime/debug"
)

// fixedMemory is what a verb takes beside a budget that its caller gives it: below the
// 256 MiB that a verb may take, with room for what the garbage collector does not count.
const fixedMemory = 216 << 20

// memoryLimit is the garbage collector's soft limit for a verb with a budget.
func memoryLimit(budget int64) int64 { return fixedMemory + min(budget, math.MaxInt64-fixedMemory) }

// limitMemory sets it. Under a limit below what the verb holds the collector would do
// nothing else than run. GOMEMLIMIT overrides it.
func limitMemory(budget int64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit(budget))
	}
}
