package manifest

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/sledge-io/sledge/crypto"
)

// Checkpoint is the signed head of a log (section 5.1, c2sp.org/tlog-checkpoint).
type Checkpoint struct {
	Origin string
	Size   uint64
	Root   [32]byte
	Text   []byte // the whole signed note, byte for byte
}

// maxLogSize is the format's limit for a log's entries (section 2).
const maxLogSize = 1 << 40

// SignCheckpoint signs size and root under the origin as key name. The caller
// makes sure that a key signs one checkpoint of an origin once.
func SignCheckpoint(origin string, size uint64, root [32]byte, key ed25519.PrivateKey) ([]byte, error) {
	signer, err := crypto.NoteSigner(origin, key)
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("%s\n%d\n%s\n", origin, size, base64.StdEncoding.EncodeToString(root[:]))
	return crypto.SignNote(text, signer)
}

// OpenCheckpoint verifies a checkpoint with the log's key. Signature lines of
// unknown keys are ignored.
func OpenCheckpoint(msg []byte, origin string, key ed25519.PublicKey) (Checkpoint, error) {
	if len(msg) > MaxCheckpoint {
		return Checkpoint{}, fmt.Errorf("%w: checkpoint of %d bytes", ErrCorrupt, len(msg))
	}
	verifier, err := crypto.NoteVerifier(origin, key)
	if err != nil {
		return Checkpoint{}, err
	}
	n, err := crypto.OpenNote(msg, verifier)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w: %w", ErrUnverified, err)
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] != origin {
		return Checkpoint{}, fmt.Errorf("%w: checkpoint text is not three lines of %s", ErrCorrupt, origin)
	}
	cp := Checkpoint{Origin: origin, Text: msg}
	cp.Size, err = strconv.ParseUint(lines[1], 10, 62)
	if err != nil || cp.Size > maxLogSize || strconv.FormatUint(cp.Size, 10) != lines[1] {
		return Checkpoint{}, fmt.Errorf("%w: checkpoint size %q", ErrCorrupt, lines[1])
	}
	root, err := decodeBase64(lines[2])
	if err != nil || len(root) != 32 {
		return Checkpoint{}, fmt.Errorf("%w: checkpoint root %q", ErrCorrupt, lines[2])
	}
	copy(cp.Root[:], root)
	return cp, nil
}
