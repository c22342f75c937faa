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

// rareCollections is the garbage that a verb with a budget makes before the collector runs, in
// percent of what is in use: hundreds of requests at once have as many stacks, which each run
// looks through. The limit bounds it.
const rareCollections = 400

// limitMemory sets it. Under a limit below what the verb holds the collector would do
// nothing else than run. GOMEMLIMIT overrides it, and GOGC how often the collector runs.
func limitMemory(budget int64) {
	limited := os.Getenv("GOMEMLIMIT") == ""
	if limited {
		debug.SetMemoryLimit(memoryLimit(budget))
	}
	if limited && budget > 0 && os.Getenv("GOGC") == "" {
		debug.SetGCPercent(rareCollections)
	}
}
