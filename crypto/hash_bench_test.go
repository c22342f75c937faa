package crypto

import (
	"crypto/sha256"
	"hash"
	"testing"

	sha256simd "github.com/minio/sha256-simd"
)

// BenchmarkSHA256Engines compares the engines over a piece as a load reads it.
func BenchmarkSHA256Engines(b *testing.B) {
	piece := make([]byte, 256<<10)
	for _, engine := range []struct {
		name string
		sum  func([]byte) [32]byte
	}{{"own", SumSHA256}, {"std", sha256.Sum256}, {"simd", sha256simd.Sum256}} {
		b.Run(engine.name, func(b *testing.B) {
			b.SetBytes(int64(len(piece)))
			for b.Loop() {
				engine.sum(piece)
			}
		})
	}
}

// BenchmarkSHA256Small is a whole hash of a small file, constructor included.
func BenchmarkSHA256Small(b *testing.B) {
	file := make([]byte, 4096)
	for name, construct := range map[string]func() hash.Hash{
		"plain":     NewSHA256,
		"resumable": func() hash.Hash { return NewResumableSHA256() },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(file)))
			b.ReportAllocs()
			var sum [32]byte
			for b.Loop() {
				h := construct()
				h.Write(file)
				h.Sum(sum[:0])
			}
		})
	}
}
