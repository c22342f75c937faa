//go:build !amd64

package sha256pair

// fast is false: no second lane was measured to gain here.
func fast() bool { return false }

func blocks(a, b *[8]uint32, p, q *byte, n int, k *[64]uint32) { panic("sha256pair: not on this CPU") }
