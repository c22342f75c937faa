package crypto

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestSigningKeyEncoding(t *testing.T) {
	priv, err := GenerateSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	privText, err := EncodePrivateKey(priv)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParsePrivateKey(privText); err != nil || !got.Equal(priv) {
		t.Errorf("private: %v", err)
	}
	pubText, err := EncodePublicKey(public(priv))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParsePublicKey(pubText); err != nil || !got.Equal(public(priv)) {
		t.Errorf("public: %v", err)
	}
	if fp := Fingerprint(public(priv)); fp != "sha256:"+KeyID(public(priv)) || len(fp) != 7+64 {
		t.Errorf("fingerprint %q", fp)
	}

	for name, text := range map[string][]byte{
		"empty": nil, "text": []byte("key"), "the public one": pubText, "two": append(bytes.Clone(privText), privText...),
		"trailing": append(bytes.Clone(privText), 'x'), "another kind": otherPrivatePEM(t), "huge": make([]byte, maxKeyPEM+1),
		"spoilt":  pem.EncodeToMemory(&pem.Block{Type: privatePEM, Bytes: []byte("spoilt")}),
		"headers": bytes.Replace(privText, []byte("-----\n"), []byte("-----\nProc-Type: 4,ENCRYPTED\n\n"), 1),
	} {
		if _, err := ParsePrivateKey(text); err == nil {
			t.Errorf("private key: %s was accepted", name)
		}
		if name == "the public one" {
			text = privText
		}
		if _, err := ParsePublicKey(text); err == nil {
			t.Errorf("public key: %s was accepted", name)
		}
	}
	if _, err := EncodePrivateKey(priv[:32]); err == nil {
		t.Error("a cut private key was encoded")
	}
	if _, err := EncodePublicKey(public(priv)[:31]); err == nil {
		t.Error("a cut public key was encoded")
	}
	mustPanic(t, "fingerprint of nothing", func() { Fingerprint(nil) })
}

func otherPrivatePEM(t *testing.T) []byte {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: privatePEM, Bytes: der})
}

// TestOpenSSL lets openssl sign with our private key's file, verify with our
// public key's, and agree on the fingerprint.
func TestOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl: the command is absent")
	}
	dir := t.TempDir()
	priv := testKey("openssl")
	privText, err := EncodePrivateKey(priv)
	if err != nil {
		t.Fatal(err)
	}
	pubText, err := EncodePublicKey(public(priv))
	if err != nil {
		t.Fatal(err)
	}
	msg := []byte("a message")
	for name, data := range map[string][]byte{"priv": privText, "pub": pubText, "msg": msg, "sig": ed25519.Sign(priv, msg)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) []byte {
		t.Helper()
		cmd := exec.Command(openssl, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("openssl %s: %v\n%s", args, err, out)
		}
		return out
	}
	run("pkeyutl", "-verify", "-pubin", "-inkey", "pub", "-rawin", "-in", "msg", "-sigfile", "sig")
	run("pkeyutl", "-sign", "-inkey", "priv", "-rawin", "-in", "msg", "-out", "sig2")
	sig, err := os.ReadFile(filepath.Join(dir, "sig2"))
	if err != nil || !ed25519.Verify(public(priv), msg, sig) {
		t.Errorf("openssl's signature: %v", err)
	}
	run("pkey", "-pubin", "-in", "pub", "-outform", "DER", "-out", "der")
	der, err := os.ReadFile(filepath.Join(dir, "der"))
	if err != nil {
		t.Fatal(err)
	}
	if out := string(run("dgst", "-sha256", "der")); !strings.Contains(out, KeyID(public(priv))) {
		t.Errorf("openssl's fingerprint %s of %d bytes, ours %s", out, len(der), KeyID(public(priv)))
	}
}

func TestSignContext(t *testing.T) {
	priv, msg := testKey("context"), []byte("message")
	sig := SignContext(priv, "pack entry", msg)
	if err := VerifyContext(public(priv), "pack entry", msg, sig); err != nil {
		t.Fatal(err)
	}
	if !ed25519.Verify(public(priv), []byte("sledge/1 pack entry\x00message"), sig) {
		t.Error("the signed bytes are not as documented")
	}
	refused := func(name string, pub ed25519.PublicKey, context string, msg, sig []byte) {
		t.Helper()
		if err := VerifyContext(pub, context, msg, sig); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	refused("other context", public(priv), "other", msg, sig)
	refused("other message", public(priv), "pack entry", []byte("massage"), sig)
	refused("other key", public(testKey("other")), "pack entry", msg, sig)
	refused("no key", nil, "pack entry", msg, sig)
	refused("no signature", public(priv), "pack entry", msg, nil)
	refused("bare signature", public(priv), "pack entry", msg, ed25519.Sign(priv, msg))
	for bit := range len(sig) * 8 {
		refused("changed bit", public(priv), "pack entry", msg, flipBit(sig, bit))
	}
	mustPanic(t, "no context", func() { SignContext(priv, "", msg) })
	mustPanic(t, "NUL in context", func() { VerifyContext(public(priv), "a\x00b", msg, sig) })
}
