package crypto

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
)

const (
	maxNote           = 1 << 20
	maxNoteSignatures = 100 // x/mod's own limit, which is what readers have
)

// NoteKey is the verifier key of C2SP signed-note (c2sp.org/signed-note):
// name+hash+base64(0x01 || public key), the hash being the first four bytes of
// SHA-256(name || "\n" || 0x01 || public key).
func NoteKey(name string, pub ed25519.PublicKey) (string, error) {
	vkey, err := note.NewEd25519VerifierKey(name, pub)
	if err != nil {
		return "", fmt.Errorf("note key: %w", err)
	}
	if _, err := note.NewVerifier(vkey); err != nil {
		return "", fmt.Errorf("note key name %.80q: %w", name, err)
	}
	return vkey, nil
}

// NoteVerifier is the verifier of notes signed under a key name.
func NoteVerifier(name string, pub ed25519.PublicKey) (note.Verifier, error) {
	vkey, err := NoteKey(name, pub)
	if err != nil {
		return nil, err
	}
	return note.NewVerifier(vkey)
}

// NoteSigner signs notes under a key name with an Ed25519 key.
func NoteSigner(name string, priv ed25519.PrivateKey) (note.Signer, error) {
	if len(priv) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("note key: signing key is %d bytes, want %d", len(priv), ed25519.PrivateKeySize)
	}
	v, err := NoteVerifier(name, priv.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	return &noteSigner{name: name, hash: v.KeyHash(), priv: priv}, nil
}

type noteSigner struct {
	name string
	hash uint32
	priv ed25519.PrivateKey
}

func (s *noteSigner) Name() string    { return s.name }
func (s *noteSigner) KeyHash() uint32 { return s.hash }
func (s *noteSigner) Sign(msg []byte) ([]byte, error) {
	return ed25519.Sign(s.priv, msg), nil
}

// SignNote signs text, which must end in a newline and hold no other control
// character, and returns the signed note.
func SignNote(text string, signers ...note.Signer) ([]byte, error) {
	if len(signers) == 0 || len(signers) > maxNoteSignatures {
		return nil, fmt.Errorf("note has %d signers, 1…%d are allowed", len(signers), maxNoteSignatures)
	}
	if !isNoteText(text) {
		return nil, fmt.Errorf("note text does not end in a newline or holds control characters")
	}
	msg, err := note.Sign(&note.Note{Text: text}, signers...)
	if err != nil {
		return nil, fmt.Errorf("sign note: %w", err)
	}
	if len(msg) > maxNote {
		return nil, fmt.Errorf("note is %d bytes, at most %d are allowed", len(msg), maxNote)
	}
	return msg, nil
}

// OpenNote returns a note that at least one of the verifiers signed. Signatures
// by other keys are listed as unverified; a wrong signature by a known key, a
// signature not in canonical base64, a malformed note, one over 1 MiB or with
// over 100 signatures are ErrSignature, and nothing of the note is returned. How
// many signatures are enough is for the caller to judge by Note.Sigs.
func OpenNote(msg []byte, verifiers ...note.Verifier) (*note.Note, error) {
	if len(msg) > maxNote {
		return nil, fmt.Errorf("note is %d bytes, at most %d are allowed: %w", len(msg), maxNote, ErrSignature)
	}
	n, err := note.Open(msg, note.VerifierList(verifiers...))
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrSignature, err)
	}
	for _, s := range n.Sigs {
		if _, err := base64.StdEncoding.Strict().DecodeString(s.Base64); err != nil {
			return nil, fmt.Errorf("%w: signature of %s is not canonical", ErrSignature, s.Name)
		}
	}
	return n, nil
}

func isNoteText(text string) bool {
	if !strings.HasSuffix(text, "\n") || !utf8.ValidString(text) {
		return false
	}
	return strings.IndexFunc(text, func(r rune) bool { return r < 0x20 && r != '\n' }) < 0
}
