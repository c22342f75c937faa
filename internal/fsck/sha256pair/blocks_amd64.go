package sha256pair

//go:noescape
func blocks(a, b *[8]uint32, p, q *byte, n int, k *[64]uint32)

func cpuid(leaf, sub uint32) (a, b, c, d uint32)

func xgetbv() (low uint32)

// fast reports whether the CPU has what blocks needs, and the system keeps the
// registers that AVX instructions use.
func fast() bool {
	const (
		ssse3, sse41, osxsave, avx = 1 << 9, 1 << 19, 1 << 27, 1 << 28 // leaf 1, ECX
		sha                        = 1 << 29                           // leaf 7, EBX
		xmm, ymm                   = 1 << 1, 1 << 2
	)
	most, _, _, _ := cpuid(0, 0)
	if most < 7 {
		return false
	}
	_, _, c, _ := cpuid(1, 0)
	_, b, _, _ := cpuid(7, 0)
	const need = ssse3 | sse41 | osxsave | avx
	return c&need == need && b&sha != 0 && xgetbv()&(xmm|ymm) == xmm|ymm
}
