package crypto

import (
	"bytes"
	"crypto/fips140"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestFIPSOnly runs itself again under GODEBUG=fips140=only, where the standard
// library refuses or panics on whatever is not approved.
func TestFIPSOnly(t *testing.T) {
	if os.Getenv("SLEDGE_FIPS_CHILD") == "1" {
		testInFIPS(t)
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestFIPSOnly$", "-test.v")
	cmd.Env = append(os.Environ(), "SLEDGE_FIPS_CHILD=1", "GODEBUG=fips140=only")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "fips140 enforced: true") {
		t.Fatalf("under fips140=only: %v\n%s", err, out)
	}
}

func testInFIPS(t *testing.T) {
	t.Logf("fips140 enforced: %v", fips140.Enforced())
	k, err := NewLoadKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b := WrapBinding{JobID: [16]byte{1}, DeviceID: [16]byte{2}, Generation: 1}

	t.Run("floe", func(t *testing.T) {
		e, header, err := NewFloeEncryptor(DefaultFloe(), k, []byte("aad"))
		if err != nil {
			t.Fatal(err)
		}
		enc, err := e.EncryptSegment(make([]byte, SegmentSize), []byte("plain"), 0, true)
		if err != nil {
			t.Fatal(err)
		}
		d, err := NewFloeDecryptor(DefaultFloe(), k, []byte("aad"), header)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := d.DecryptSegment(make([]byte, 5), enc, 0, true); err != nil || string(got) != "plain" {
			t.Errorf("%q, %v", got, err)
		}
	})
	t.Run("frames", func(t *testing.T) {
		c := NewFrameCipher(k, "journal", [16]byte{1})
		enc, _, err := c.Encrypt(nil, []byte("plain"), 0, [16]byte{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := c.Decrypt(nil, enc, 0, [16]byte{}, nil); err != nil || string(got) != "plain" {
			t.Errorf("%q, %v", got, err)
		}
	})
	t.Run("known answers", TestWrapVectorsFIPS)
	t.Run("hpke", func(t *testing.T) {
		site, err := GenerateSiteKey()
		if err != nil {
			t.Fatal(err)
		}
		body, err := WrapToSite(site.PublicKey(), k, b)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := site.Unwrap(body, b); err != nil || !bytes.Equal(got, k) {
			t.Error(err)
		}
	})
	t.Run("code", func(t *testing.T) {
		code := mustCode(t)
		p, err := DefaultKDF(rand.Reader)
		if err != nil || p.Kind != KDFPBKDF2 {
			t.Fatalf("default is %s, %v", p.Kind, err)
		}
		p.Iterations = minIterations
		root, err := p.Root(code)
		if err != nil {
			t.Fatal(err)
		}
		body, err := WrapToCode(root, k, b)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := UnwrapCode(root, body, b); err != nil || !bytes.Equal(got, k) {
			t.Error(err)
		}
	})
	t.Run("signatures", func(t *testing.T) {
		s, v := mustNoteKeys(t, "one")
		msg, err := SignNote(noteText, s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := OpenNote(msg, v); err != nil {
			t.Error(err)
		}
		priv, err := GenerateSigningKey()
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := OpenDSSE(mustEnvelope(t, "p", priv), statementType, public(priv)); err != nil {
			t.Error(err)
		}
		if err := VerifyContext(public(priv), "c", nil, SignContext(priv, "c", nil)); err != nil {
			t.Error(err)
		}
		text, err := EncodePrivateKey(priv)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParsePrivateKey(text); err != nil {
			t.Error(err)
		}
	})
	t.Run("hash", func(t *testing.T) {
		if _, err := NewResumableSHA256().MarshalBinary(); err != nil {
			t.Error(err)
		}
	})
	t.Run("refused", func(t *testing.T) {
		argon := KDFParams{Kind: KDFArgon2id, Salt: make([]byte, 16), Time: 1, MemoryKiB: 8 << 10, Threads: 1}
		_, argonErr := argon.Root(mustCode(t))
		_, wrapErr := WrapToAge([]string{"age1pq1x"}, k, b)
		_, _, unwrapErr := UnwrapAge("x", nil)
		_, _, newErr := NewRecoveryIdentity()
		for name, err := range map[string]error{"argon2id": argonErr, "age wrap": wrapErr, "age unwrap": unwrapErr, "age identity": newErr} {
			if !errors.Is(err, ErrNotInFIPS) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// TestWrapVectorsFIPS reads the vectors that the FIPS profile can open.
func TestWrapVectorsFIPS(t *testing.T) {
	v := wrapCase(t)
	code, err := ParseUnlockCode(v.Code)
	if err != nil {
		t.Fatal(err)
	}
	root, err := KDFParams{Kind: KDFPBKDF2, Salt: v.Salt, Iterations: 100_000}.Unlock(code, v.Verifier)
	if err != nil {
		t.Fatal(err)
	}
	if k, err := UnwrapCode(root, v.CodeBody, v.binding()); err != nil || !bytes.Equal(k, v.K) {
		t.Errorf("code: %v", err)
	}
	site, err := ParseSiteKey(v.SiteSeed)
	if err != nil {
		t.Fatal(err)
	}
	if k, err := site.Unwrap(v.SiteBody, v.binding()); err != nil || !bytes.Equal(k, v.K) {
		t.Errorf("site: %v", err)
	}
}
