package sha256x2

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// state is the standard library's state after whole blocks.
func state(t testing.TB, blocks []byte) (s [8]uint32) {
	t.Helper()
	h := sha256.New()
	h.Write(blocks)
	b, err := h.(interface{ MarshalBinary() ([]byte, error) }).MarshalBinary()
	if err != nil || !bytes.HasPrefix(b, []byte("sha\x03")) {
		t.Fatal(b, err)
	}
	for i := range s {
		s[i] = binary.BigEndian.Uint32(b[4+4*i:])
	}
	return s
}

// TestAgainstStandardLibrary runs both kernels over every number of blocks up to
// forty and over more than one call's worth, from states that differ.
func TestAgainstStandardLibrary(t *testing.T) {
	if !Fast {
		t.Skip("this CPU has no SHA extensions: the kernel is not used")
	}
	rng := rand.NewChaCha8([32]byte{2})
	sizes := []int{chunk, chunk + BlockSize, 3*chunk + 5*BlockSize}
	for n := range 40 {
		sizes = append(sizes, n*BlockSize)
	}
	for _, n := range sizes {
		before, p, q := make([]byte, 5*BlockSize), make([]byte, n+1), make([]byte, n+1)
		rng.Read(before)
		rng.Read(p)
		rng.Read(q)
		p, q = p[1:], q[1:] // not aligned
		a, b := state(t, nil), state(t, before)
		if a != Initial {
			t.Fatal("Initial is not the initial state")
		}
		Blocks(&a, &b, p, q)
		if a != state(t, p) || b != state(t, append(bytes.Clone(before), q...)) {
			t.Fatalf("Blocks differs after %d bytes", n)
		}
		a, b = state(t, nil), state(t, before)
		Same(&a, &b, p)
		if a != state(t, p) || b != state(t, append(bytes.Clone(before), p...)) {
			t.Fatalf("Same differs after %d bytes", n)
		}
	}
}

func TestLengthsThatDoNotFitPanic(t *testing.T) {
	for _, n := range [][2]int{{64, 128}, {65, 65}, {64, 0}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%d and %d bytes were taken", n[0], n[1])
				}
			}()
			var a, b [8]uint32
			Blocks(&a, &b, make([]byte, n[0]), make([]byte, n[1]))
		}()
	}
}

func BenchmarkLanes(b *testing.B) {
	p, q := make([]byte, 1<<20), make([]byte, 1<<20)
	b.Run("one", func(b *testing.B) {
		b.SetBytes(1 << 20)
		for b.Loop() {
			sha256.Sum256(p)
		}
	})
	if !Fast {
		return
	}
	x, y := Initial, Initial
	b.Run("two", func(b *testing.B) {
		b.SetBytes(2 << 20)
		for b.Loop() {
			Blocks(&x, &y, p, q)
		}
	})
	b.Run("same", func(b *testing.B) {
		b.SetBytes(2 << 20)
		for b.Loop() {
			Same(&x, &y, p)
		}
	})
}
