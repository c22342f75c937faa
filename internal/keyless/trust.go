package keyless

import (
	"crypto/ed25519"
	"encoding/hex"
	"strings"

	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/keyfile"
)

// Bounds of small files, as docs/format.md has them.
const (
	maxStatement  = 1 << 20
	maxCheckpoint = 64 << 10
	maxProof      = 8 << 20
)

const trustUsage = "the job signer's public key (signer.pub) or fingerprint (sha256:…), known by another way"

// ParseTrust reads --trust: the name of a public key file, or a fingerprint.
func ParseTrust(s string) (key ed25519.PublicKey, fingerprint string, err error) {
	digits, ok := strings.CutPrefix(strings.ToLower(s), "sha256:")
	if !ok {
		key, err = keyfile.ReadPublic(s)
		return key, "", err
	}
	if raw, err := hex.DecodeString(digits); err != nil || len(raw) != 32 {
		return nil, "", advice.Usagef("--trust %q is not sha256: and 64 hexadecimal characters", s)
	}
	return nil, "sha256:" + digits, nil
}

// Trust is --trust for the verifier; nil is no trust.
func Trust(s string) (*fsck.Trust, error) {
	if s == "" {
		return nil, nil
	}
	key, fingerprint, err := ParseTrust(s)
	if err != nil {
		return nil, err
	}
	return &fsck.Trust{Key: key, Fingerprint: fingerprint}, nil
}

// someTrust is Trust where the verifier wants one, if only an empty one.
func someTrust(s string) (fsck.Trust, error) {
	t, err := Trust(s)
	if err != nil || t == nil {
		return fsck.Trust{}, err
	}
	return *t, nil
}

func readLabel(name string) ([]byte, error) { return files.Read(name, maxCheckpoint) }
