package sha256x2

import "github.com/klauspost/cpuid/v2"

// Fast tells whether this CPU gains from two lanes; where it does not, [Blocks]
// and [Same] must not be called.
var Fast = cpuid.CPU.Supports(cpuid.SHA, cpuid.SSSE3, cpuid.SSE4, cpuid.AVX)

//go:noescape
func blocks(a, b *[8]uint32, p, q *byte, n int, k *[64]uint32)

//go:noescape
func same(a, b *[8]uint32, p *byte, n int, k *[64]uint32)
