package fsck

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// checkpoint is a signed note of size and root (format.md 5.1).
type checkpoint struct {
	origin string
	size   int64
	root   tlog.Hash
	text   string // the three lines that are signed
	raw    []byte // the whole file
}

// parseCheckpoint reads the text of a note without believing it.
func parseCheckpoint(raw []byte) (*checkpoint, error) {
	if len(raw) > maxCheckpointSize {
		return nil, fmt.Errorf("%w: checkpoint of %d bytes", errMalformed, len(raw))
	}
	end := bytes.Index(raw, []byte("\n\n"))
	if end < 0 {
		return nil, fmt.Errorf("%w: checkpoint without signatures", errMalformed)
	}
	c := &checkpoint{text: string(raw[:end+1]), raw: raw}
	lines := strings.Split(c.text, "\n")
	if len(lines) != 4 || lines[0] == "" {
		return nil, fmt.Errorf("%w: checkpoint is not three lines", errMalformed)
	}
	c.origin = lines[0]
	size, err := decimal(lines[1])
	if err != nil || size > maxLogSize {
		return nil, fmt.Errorf("%w: tree size %q", errMalformed, lines[1])
	}
	c.size = int64(size)
	root, err := unbase64(lines[2])
	if err != nil || len(root) != 32 {
		return nil, fmt.Errorf("%w: root %q", errMalformed, lines[2])
	}
	c.root = hashOf(root)
	return c, nil
}

// verify checks the key's signature under the origin as key name. Signatures
// by others are left alone.
func (c *checkpoint) verify(key ed25519.PublicKey) error {
	v, err := noteVerifier(c.origin, key)
	if err != nil {
		return err
	}
	n, err := note.Open(c.raw, note.VerifierList(v))
	if err != nil {
		return fmt.Errorf("%w: %w", errSignature, err)
	}
	for _, s := range n.Sigs {
		if _, err := unbase64(s.Base64); err != nil {
			return fmt.Errorf("%w: %w: not canonical: %v", errSignature, errMalformed, err)
		}
	}
	if n.Text != c.text {
		return fmt.Errorf("%w: text is not what is signed", errSignature)
	}
	return nil
}

func noteVerifier(name string, key ed25519.PublicKey) (note.Verifier, error) {
	text, err := note.NewEd25519VerifierKey(name, key)
	if err != nil {
		return nil, err
	}
	return note.NewVerifier(text)
}

// signedBy is the note with the key's signature lines only: the file as the
// device wrote it, before anyone added his own line.
func (c *checkpoint) signedBy(key ed25519.PublicKey) []byte {
	v, err := noteVerifier(c.origin, key)
	if err != nil {
		return nil
	}
	n, err := note.Open(c.raw, note.VerifierList(v))
	if err != nil {
		return nil
	}
	out := []byte(n.Text + "\n")
	for _, s := range n.Sigs {
		out = fmt.Appendf(out, "— %s %s\n", s.Name, s.Base64)
	}
	return out
}

// parseOrigin takes apart "sledge/<job>/<device>/<generation>"; rest is what
// follows, for receipts.
func parseOrigin(origin string) (i identity, rest string, err error) {
	parts := strings.SplitN(origin, "/", 5)
	if len(parts) < 4 || parts[0] != "sledge" {
		return i, "", fmt.Errorf("%w: origin %q", errMalformed, origin)
	}
	if i.job, err = parseID(parts[1]); err != nil {
		return i, "", err
	}
	if i.device, err = parseID(parts[2]); err != nil {
		return i, "", err
	}
	if i.generation, err = decimal(parts[3]); err != nil || i.generation == 0 || i.generation > 1<<32-1 {
		return i, "", fmt.Errorf("%w: generation %q", errMalformed, parts[3])
	}
	if len(parts) == 5 {
		rest = parts[4]
	}
	return i, rest, nil
}

// decimal is a number as we would write it: digits, no sign, no leading zero.
func decimal(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || strconv.FormatUint(n, 10) != s {
		return 0, fmt.Errorf("%w: number %q", errMalformed, s)
	}
	return n, nil
}

// of tells whether it is the checkpoint of a device's manifest.
func (c *checkpoint) of(who identity) bool {
	got, rest, err := parseOrigin(c.origin)
	return err == nil && got == who && rest == ""
}
