package crypto

import (
	"bytes"
	"crypto/sha256"
	"testing"

	sha256simd "github.com/minio/sha256-simd"
)

// TestResumableSHA256 stops and resumes at every length up to three blocks, from
// each implementation into the other.
func TestResumableSHA256(t *testing.T) {
	simd, ok := sha256simd.New().(ResumableHash)
	if !ok {
		t.Fatal("sha256-simd's digest cannot be journalled; NewResumableSHA256's comment is out of date")
	}
	std := sha256.New().(ResumableHash)
	data := bytes.Repeat([]byte("0123456789abcdef!"), 40)
	want := sha256.Sum256(data)
	hashes := map[string]ResumableHash{"ours": NewResumableSHA256(), "simd": simd, "std": std}
	for from, a := range hashes {
		for to, b := range hashes {
			for n := range 3*64 + 1 {
				a.Reset()
				a.Write(data[:n])
				state, err := a.MarshalBinary()
				if err != nil {
					t.Fatal(err)
				}
				if err := b.UnmarshalBinary(state); err != nil {
					t.Fatal(err)
				}
				b.Write(data[n:])
				if got := b.Sum(nil); !bytes.Equal(got, want[:]) {
					t.Fatalf("%s → %s after %d bytes: %x", from, to, n, got)
				}
			}
		}
	}
	if err := NewResumableSHA256().UnmarshalBinary([]byte("not a state")); err == nil {
		t.Error("a wrong state was accepted")
	}
	if got := SumSHA256(data); got != want {
		t.Errorf("SumSHA256 = %x", got)
	}
	h := NewSHA256()
	h.Write(data)
	if !bytes.Equal(h.Sum(nil), want[:]) {
		t.Error("NewSHA256 differs")
	}
}
