// Package testheap runs the tests of a package whose garbage is most of their work:
//
//	func TestMain(m *testing.M) { testheap.Main(m) }
package testheap

import (
	"flag"
	"os"
	"runtime/debug"
	"testing"
)

// Main lets the heap grow to five times what is in use before it is collected. Tests make
// thousands of devices of a few KiB with buffers of some MiB, and a heap of a few MiB is
// collected for each. GOGC overrides it, and benchmarks run with what the program has.
func Main(m *testing.M) {
	flag.Parse()
	if os.Getenv("GOGC") == "" && flag.Lookup("test.bench").Value.String() == "" {
		debug.SetGCPercent(400)
	}
	os.Exit(m.Run())
}
