package erasure

import (
	"fmt"
	"testing"
)

// stripe is one of k+m blocks of 1 MiB. Bytes of the benchmarks are bytes of data.
func stripe(b *testing.B, k, m int) (*Code, [][]byte) {
	b.Helper()
	code, err := NewCode(k, m)
	if err != nil {
		b.Fatal(err)
	}
	blocks := make([][]byte, k+m)
	for i := range blocks {
		blocks[i] = make([]byte, 1<<20)
		for j := range blocks[i] {
			blocks[i][j] = byte(i + j*j)
		}
	}
	b.SetBytes(int64(k) << 20)
	return code, blocks
}

func BenchmarkEncode(b *testing.B) {
	for _, g := range [][2]int{{4, 2}, {8, 3}, {16, 4}} {
		b.Run(fmt.Sprintf("%d+%d", g[0], g[1]), func(b *testing.B) {
			code, blocks := stripe(b, g[0], g[1])
			for b.Loop() {
				if err := code.Encode(blocks); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecodeData(b *testing.B) {
	for lost := 1; lost <= 3; lost++ {
		b.Run(fmt.Sprintf("8+3/lost%d", lost), func(b *testing.B) {
			code, blocks := stripe(b, 8, 3)
			if err := code.Encode(blocks); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				for i := range lost {
					blocks[2*i] = blocks[2*i][:0]
				}
				if err := code.DecodeData(blocks); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCRC64NVME(b *testing.B) {
	block := make([]byte, 1<<20)
	b.SetBytes(int64(len(block)))
	for b.Loop() {
		CRC(block)
	}
}
