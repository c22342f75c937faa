package extsort

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/sledge-io/sledge/internal/vfs"
)

// BenchmarkSort sorts 200,000 paths with values of 100 bytes, in memory and in
// runs that are spilled.
func BenchmarkSort(b *testing.B) {
	const pairs = 200_000
	var keys [][]byte
	for _, n := range rand.New(rand.NewPCG(1, 2)).Perm(pairs) {
		keys = append(keys, fmt.Appendf(nil, "folder-%04d/some-name-%06d.dat", n/1000, n))
	}
	value := make([]byte, 100)
	for name, memory := range map[string]int{"memory": 64 << 20, "spilled": 4 << 20} {
		b.Run(name, func(b *testing.B) {
			disk, err := vfs.OS(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				s := New(Config{FS: disk, Dir: "tmp", Memory: memory})
				for _, key := range keys {
					if err := s.Add(key, value); err != nil {
						b.Fatal(err)
					}
				}
				seen := 0
				if err := s.Each(func(_, _ []byte) error { seen++; return nil }); err != nil || seen != pairs {
					b.Fatal(seen, err)
				}
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/pairs, "ns/pair")
		})
	}
}
