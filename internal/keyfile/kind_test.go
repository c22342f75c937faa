package keyfile

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/advice"
)

// TestKindOf: a text of keys is told by its form, whatever an editor or a shell has put
// around it.
func TestKindOf(t *testing.T) {
	hex := strings.Repeat("0f", 32)
	for text, want := range map[string]Kind{
		"":                               None,
		"hello":                          None,
		hex:                              LoadKey,
		"\ufeff" + hex + "\r\n":          LoadKey,
		hex + "\n" + hex:                 None,
		RecoveryTitle + "\nmore\n":       LoadKey,
		"# sledge site key\nx\n":         SiteKey,
		"# note\nAGE-SECRET-KEY-PQ-1X\n": AgeIdentity,
		"age1abc\n":                      ageRecipient,
		"age-encryption.org/v1\n-> x\n":  ageFile,
		"-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n":                       PublicKey,
		"-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n":                     PrivateKey,
		"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----\n": lockedKey,
		"-----BEGIN AGE ENCRYPTED FILE-----\nAA==\n-----END AGE ENCRYPTED FILE-----\n":       ageFile,
		"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n":                     None,
	} {
		if got := KindOf(text); got != want {
			t.Errorf("%q: %q, want %q", text, kinds[got].is, kinds[want].is)
		}
	}
}

// TestWrongKeepsSecrets: who gives another key than was asked for is told where that one is
// taken, and the text is not repeated.
func TestWrongKeepsSecrets(t *testing.T) {
	secret := strings.Repeat("0f", 32)
	err := Wrong("my.key", secret, PrivateKey, errors.New("no PEM"))
	var usage *advice.UsageError
	var hinted *advice.Hinted
	if !errors.As(err, &usage) || !errors.As(err, &hinted) || !strings.Contains(hinted.Hints[0], "--load-key") {
		t.Errorf("%v", err)
	}
	if text := err.Error() + strings.Join(hinted.Hints, ""); strings.Contains(text, secret) {
		t.Error("a secret is repeated")
	}
	if err := Wrong("my.key", "x", SiteKey, errors.New("nothing")); err.Error() != "my.key: holds no site key: nothing" {
		t.Error(err)
	}
}

// TestReadPublic: a public key is read, and a file too long to hold any is named.
func TestReadPublic(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey)
	name := filepath.Join(t.TempDir(), "signer.pub")
	text, err := crypto.EncodePublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, append([]byte("\ufeff"), text...), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadPublic(name); err != nil || !got.Equal(key) {
		t.Error(got, err)
	}
	if _, err := ReadFrom(bytes.NewReader(make([]byte, maxKeyText+1)), "disk.img"); err == nil || !strings.Contains(err.Error(), "disk.img: longer than 64.0 KiB") {
		t.Error(err)
	}
}

// TestWait: a pipe that gives nothing does not hold a command that is stopped.
func TestWait(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	hold := make(chan struct{})
	defer close(hold)
	stop()
	if _, err := Wait(ctx, func() ([]byte, error) { <-hold; return nil, nil }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if b, err := Wait(t.Context(), func() ([]byte, error) { return []byte("x"), nil }); err != nil || string(b) != "x" {
		t.Error(string(b), err)
	}
}
