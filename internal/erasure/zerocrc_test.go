package erasure

import "testing"

func TestZeroCRC(t *testing.T) {
	for _, n := range []int64{0, 1, 2, 3, 7, 8, 255, 4096, 100_000, 1<<20 - 1, 16 << 20} {
		if got, want := ZeroCRC(n), CRC(make([]byte, n)); got != want {
			t.Errorf("%d zeros: %016x, want %016x", n, got, want)
		}
	}
}
