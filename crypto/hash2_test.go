package crypto

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"testing"
)

// TestPairsGiveTheSameDigests writes random lengths into two hashes, in pairs and
// the same bytes into both, and holds them against the standard library.
func TestPairsGiveTheSameDigests(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	random := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	}
	sizes := []int{0, 1, 63, 64, 65, minPair - 1, minPair, minPair + 1, minPair + 63, 4096, 10000, 70000}
	for range 300 {
		a, b := NewResumableSHA256(), NewResumableSHA256()
		var wroteA, wroteB []byte
		for range 1 + rng.IntN(6) {
			p, q := random(sizes[rng.IntN(len(sizes))]), random(sizes[rng.IntN(len(sizes))])
			switch rng.IntN(4) {
			case 0:
				WriteSHA256Both(a, b, p)
				q = p
			case 1:
				WriteSHA256Pair(b, a, q, p)
			case 2: // out of step
				a.Write(p)
				q = nil
			default:
				WriteSHA256Pair(a, b, p, q)
			}
			wroteA, wroteB = append(wroteA, p...), append(wroteB, q...)
		}
		wantA, wantB := sha256.Sum256(wroteA), sha256.Sum256(wroteB)
		if !bytes.Equal(a.Sum(nil), wantA[:]) || !bytes.Equal(b.Sum(nil), wantB[:]) {
			t.Fatalf("digests differ after %d and %d bytes", len(wroteA), len(wroteB))
		}
		x, y := SumSHA256Pair(wroteA, wroteB)
		if x != wantA || y != wantB {
			t.Fatalf("SumSHA256Pair differs for %d and %d bytes", len(wroteA), len(wroteB))
		}
	}
	for n := minPair; n < minPair+130; n++ {
		p, q := random(n), random(n)
		x, y := SumSHA256Pair(p, q)
		if x != sha256.Sum256(p) || y != sha256.Sum256(q) {
			t.Fatalf("SumSHA256Pair differs for %d bytes", n)
		}
	}
}

func BenchmarkSHA256(b *testing.B) {
	p, q := make([]byte, 1<<20), make([]byte, 1<<20)
	x, y := NewResumableSHA256(), NewResumableSHA256()
	for name, f := range map[string]func(){
		"one":     func() { x.Write(p); y.Write(q) },
		"pair":    func() { WriteSHA256Pair(x, y, p, q) },
		"both":    func() { WriteSHA256Both(x, y, p) },
		"sums":    func() { SumSHA256(p); SumSHA256(q) },
		"sumpair": func() { SumSHA256Pair(p, q) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(2 << 20)
			for b.Loop() {
				f()
			}
		})
	}
}
