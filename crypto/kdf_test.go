package crypto

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"
)

func TestKDFBounds(t *testing.T) {
	salt := make([]byte, 16)
	argon := KDFParams{Kind: KDFArgon2id, Salt: salt, Time: 1, MemoryKiB: 8 << 10, Threads: 1}
	pbk := KDFParams{Kind: KDFPBKDF2, Salt: salt, Iterations: 100_000}
	tests := []struct {
		name string
		p    KDFParams
		edit func(*KDFParams)
		ok   bool
	}{
		{"argon2id low", argon, func(p *KDFParams) {}, true},
		{"argon2id high", argon, func(p *KDFParams) {
			p.Salt, p.Time, p.MemoryKiB, p.Threads = make([]byte, 64), 16, 1<<20, 16
		}, true},
		{"pbkdf2 low", pbk, func(p *KDFParams) {}, true},
		{"pbkdf2 high", pbk, func(p *KDFParams) { p.Iterations = 10_000_000 }, true},
		{"no salt", argon, func(p *KDFParams) { p.Salt = nil }, false},
		{"salt short", argon, func(p *KDFParams) { p.Salt = salt[:15] }, false},
		{"salt long", pbk, func(p *KDFParams) { p.Salt = make([]byte, 65) }, false},
		{"time 0", argon, func(p *KDFParams) { p.Time = 0 }, false},
		{"time 17", argon, func(p *KDFParams) { p.Time = 17 }, false},
		{"memory low", argon, func(p *KDFParams) { p.MemoryKiB-- }, false},
		{"memory high", argon, func(p *KDFParams) { p.MemoryKiB = 1<<20 + 1 }, false},
		{"threads 0", argon, func(p *KDFParams) { p.Threads = 0 }, false},
		{"threads 17", argon, func(p *KDFParams) { p.Threads = 17 }, false},
		{"threads 257", argon, func(p *KDFParams) { p.Threads = 257 }, false},
		{"argon2id with iterations", argon, func(p *KDFParams) { p.Iterations = 1 }, false},
		{"iterations low", pbk, func(p *KDFParams) { p.Iterations-- }, false},
		{"iterations high", pbk, func(p *KDFParams) { p.Iterations = 10_000_001 }, false},
		{"pbkdf2 with time", pbk, func(p *KDFParams) { p.Time = 1 }, false},
		{"unknown kind", pbk, func(p *KDFParams) { p.Kind = "scrypt" }, false},
		{"zero", KDFParams{}, func(p *KDFParams) {}, false},
	}
	code := mustCode(t)
	for _, tt := range tests {
		p := tt.p
		tt.edit(&p)
		if err := p.Validate(); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
		if !tt.ok {
			if _, err := p.Root(code); err == nil {
				t.Errorf("%s: Root took it", tt.name)
			}
		}
	}
	if _, err := pbk.Root(UnlockCode{}); err == nil {
		t.Error("Root took no code")
	}
}

func TestDefaultKDF(t *testing.T) {
	p, err := DefaultKDF(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var back KDFParams
	if err := json.Unmarshal(text, &back); err != nil || back.Validate() != nil || !bytes.Equal(back.Salt, p.Salt) {
		t.Errorf("%s: %v", text, err)
	}
	if _, err := DefaultKDF(strings.NewReader("")); err == nil {
		t.Error("a failing source gave a salt")
	}
}

func TestUnlock(t *testing.T) {
	p := KDFParams{Kind: KDFArgon2id, Salt: make([]byte, 16), Time: 1, MemoryKiB: 8 << 10, Threads: 2}
	code := mustCode(t)
	root, err := p.Root(code)
	if err != nil {
		t.Fatal(err)
	}
	v := Verifier(root)
	if got, err := p.Unlock(code, v); err != nil || !bytes.Equal(got, root) {
		t.Errorf("right code: %v", err)
	}
	if _, err := p.Unlock(mustCode(t), v); err != ErrKey {
		t.Errorf("wrong code: %v, want exactly %v", err, ErrKey)
	}
	if err := CheckVerifier(root, v[:31]); err != ErrKey {
		t.Errorf("cut verifier: %v", err)
	}
	if bytes.Equal(v, UnlockKey(root)) || bytes.Equal(v, root) {
		t.Error("the verifier is a key")
	}
}

// TestKDFJSON holds the names that docs/format.md gives.
func TestKDFJSON(t *testing.T) {
	salt := []byte("0123456789abcdef")
	for want, p := range map[string]KDFParams{
		`{"kind":"argon2id","salt":"MDEyMzQ1Njc4OWFiY2RlZg==","time":3,"memory_kib":65536,"threads":2}`: {Kind: KDFArgon2id, Salt: salt, Time: 3, MemoryKiB: 65536, Threads: 2},
		`{"kind":"pbkdf2-hmac-sha256","salt":"MDEyMzQ1Njc4OWFiY2RlZg==","iterations":600000}`:           {Kind: KDFPBKDF2, Salt: salt, Iterations: 600_000},
	} {
		if got, err := json.Marshal(p); err != nil || string(got) != want {
			t.Errorf("%s, %v, want %s", got, err, want)
		}
	}
}
