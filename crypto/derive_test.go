package crypto

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"strings"
	"testing"
)

// TestDerive compares with RFC 5869 written out by hand.
func TestDerive(t *testing.T) {
	secret := bytes.Repeat([]byte{7}, 32)
	mac := func(key []byte, parts ...string) []byte {
		h := hmac.New(sha256.New, key)
		for _, p := range parts {
			h.Write([]byte(p))
		}
		return h.Sum(nil)
	}
	prk := mac(make([]byte, 32), string(secret))
	info := "sledge/1 pack\x00context"
	t1 := mac(prk, info, "\x01")
	t2 := mac(prk, string(t1), info, "\x02")
	want := append(t1, t2...)
	for _, n := range []int{1, 16, 32, 33, 64} {
		if got := Derive(secret, "pack", []byte("context"), n); !bytes.Equal(got, want[:n]) {
			t.Errorf("%d bytes: %x, want %x", n, got, want[:n])
		}
	}
	if bytes.Equal(Derive(secret, "a", []byte("bc"), 32), Derive(secret, "ab", []byte("c"), 32)) {
		t.Error("purpose and context run together")
	}
}

func TestDeriveMisuse(t *testing.T) {
	k := make([]byte, 32)
	mustPanic(t, "no secret", func() { Derive(nil, "p", nil, 32) })
	mustPanic(t, "short secret", func() { Derive(k[:15], "p", nil, 32) })
	mustPanic(t, "no purpose", func() { Derive(k, "", nil, 32) })
	mustPanic(t, "NUL in purpose", func() { Derive(k, "a\x00b", nil, 32) })
	mustPanic(t, "no length", func() { Derive(k, "p", nil, 0) })
	mustPanic(t, "too long", func() { Derive(k, "p", nil, 255*32+1) })
}

func TestNewLoadKey(t *testing.T) {
	if _, err := NewLoadKey(strings.NewReader("too short")); err == nil {
		t.Error("a failing source gave a key")
	}
	k, err := NewLoadKey(bytes.NewReader(bytes.Repeat([]byte{9}, 40)))
	if err != nil || len(k) != KeySize {
		t.Errorf("%d bytes, %v", len(k), err)
	}
}
