package witness_test

import (
	"crypto/ed25519"
	"testing"

	"github.com/sledge-io/sledge/crypto"
)

// signNote signs any text under a name.
func signNote(t *testing.T, text, name string, key ed25519.PrivateKey) []byte {
	t.Helper()
	signer, err := crypto.NoteSigner(name, key)
	must(t, err)
	note, err := crypto.SignNote(text, signer)
	must(t, err)
	return note
}
