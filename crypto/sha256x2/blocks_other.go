//go:build !amd64

package sha256x2

// Fast is false: no second lane was measured to gain here.
const Fast = false

func blocks(a, b *[8]uint32, p, q *byte, n int, k *[64]uint32) { panic("sha256x2: not on this CPU") }

func same(a, b *[8]uint32, p *byte, n int, k *[64]uint32) { panic("sha256x2: not on this CPU") }
