package sha256pair

import (
	"crypto/fips140"
	"crypto/sha256"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// engines are this CPU's, if it has one, and crypto/sha256.
func engines(t testing.TB) map[string]engine {
	list := map[string]engine{"standard": nil}
	if fast() {
		list["pair"] = blocks
	} else {
		t.Log("this CPU has no SHA extensions")
	}
	return list
}

// TestAgainstStandardLibrary hashes messages of every length about blocks, and of
// more than one call's worth, in pieces of all sizes, with one Pair.
func TestAgainstStandardLibrary(t *testing.T) {
	for name, engine := range engines(t) {
		rng := rand.New(rand.NewPCG(2, 3))
		sizes := []int{chunk, chunk + 1, 3*chunk + 5*blockSize + 7}
		for n := range 5*blockSize + 2 {
			sizes = append(sizes, n)
		}
		var h Pair
		for _, size := range sizes {
			p, q := make([]byte, size+1)[1:], make([]byte, size) // p is not aligned
			for i := range p {
				p[i], q[i] = byte(rng.Uint32()), byte(rng.Uint32())
			}
			h.reset(engine)
			for at := 0; at < size; {
				n := min(size-at, 1+rng.IntN(1+rng.IntN(2*size)))
				h.Write(p[at:at+n], q[at:at+n])
				at += n
			}
			if x, y := h.Sum(); x != sha256.Sum256(p) || y != sha256.Sum256(q) {
				t.Fatalf("%s: another digest after %d bytes", name, size)
			}
		}
	}
}

func TestLengthsThatDifferPanic(t *testing.T) {
	for name, engine := range engines(t) {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: 64 and 65 bytes were taken", name)
				}
			}()
			var h Pair
			h.reset(engine)
			h.Write(make([]byte, 64), make([]byte, 65))
		}()
	}
}

// TestChosen: this process hashes two messages at once where the CPU can, and by
// the standard library alone in FIPS 140-3 mode.
func TestChosen(t *testing.T) {
	if want := fast() && !fips140.Enabled(); (chosen() != nil) != want {
		t.Errorf("an engine: %v, want %v", chosen() != nil, want)
	}
}

// TestSelfTest: an engine that is wrong in one bit of one state, or only beyond
// the first call, is not used.
func TestSelfTest(t *testing.T) {
	if !fast() {
		t.Skip("this CPU has no SHA extensions")
	}
	wrong := func(of int, from int) engine {
		return func(a, b *[8]uint32, p, q *byte, n int, k *[64]uint32) {
			blocks(a, b, p, q, n, k)
			if n >= from {
				[]*[8]uint32{a, b}[of][7] ^= 1
			}
		}
	}
	for of := range 2 {
		for _, from := range []int{1, 2, chunk / blockSize} {
			if agrees(wrong(of, from)) {
				t.Errorf("message %d, calls of %d blocks: a wrong engine was taken", of, from)
			}
		}
	}
	if !agrees(blocks) {
		t.Error("the engine differs")
	}
}

// TestFIPS runs TestChosen again in FIPS 140-3 mode, where crypto/sha256 hashes.
func TestFIPS(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestChosen$", "-test.v")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS: TestChosen") {
		t.Errorf("under fips140=only: %v\n%s", err, out)
	}
}

func BenchmarkPair(b *testing.B) {
	p, q := make([]byte, 32<<10), make([]byte, 32<<10)
	for name, engine := range engines(b) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(2 * 32 << 10)
			var h Pair
			h.reset(engine)
			for b.Loop() {
				h.Write(p, q)
			}
		})
	}
}
