package wire

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint is a signed note of size and root (format.md 5.1).
type Checkpoint struct {
	Origin string
	Size   int64
	Root   tlog.Hash
	Text   string // the three lines that are signed
	Raw    []byte // the whole file
}

// ParseCheckpoint reads the text of a note without believing it.
func ParseCheckpoint(raw []byte) (*Checkpoint, error) {
	if len(raw) > MaxCheckpointSize {
		return nil, fmt.Errorf("%w: checkpoint of %d bytes", ErrMalformed, len(raw))
	}
	end := bytes.Index(raw, []byte("\n\n"))
	if end < 0 {
		return nil, fmt.Errorf("%w: checkpoint without signatures", ErrMalformed)
	}
	c := &Checkpoint{Text: string(raw[:end+1]), Raw: raw}
	lines := strings.Split(c.Text, "\n")
	if len(lines) != 4 || lines[0] == "" {
		return nil, fmt.Errorf("%w: checkpoint is not three lines", ErrMalformed)
	}
	c.Origin = lines[0]
	size, err := Decimal(lines[1])
	if err != nil || size > MaxLogSize {
		return nil, fmt.Errorf("%w: tree size %q", ErrMalformed, lines[1])
	}
	c.Size = int64(size)
	root, err := Unbase64(lines[2])
	if err != nil || len(root) != 32 {
		return nil, fmt.Errorf("%w: root %q", ErrMalformed, lines[2])
	}
	c.Root = HashOf(root)
	return c, nil
}

// Verify checks the key's signature under the origin as key name. Signatures
// by others are left alone.
func (c *Checkpoint) Verify(key ed25519.PublicKey) error {
	v, err := noteVerifier(c.Origin, key)
	if err != nil {
		return err
	}
	n, err := note.Open(c.Raw, note.VerifierList(v))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	for _, s := range n.Sigs {
		if _, err := Unbase64(s.Base64); err != nil {
			return fmt.Errorf("%w: %w: not canonical: %v", ErrSignature, ErrMalformed, err)
		}
	}
	if n.Text != c.Text {
		return fmt.Errorf("%w: text is not what is signed", ErrSignature)
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

// SignedBy is the note with the key's signature lines only: the file as the
// device wrote it, before anyone added his own line.
func (c *Checkpoint) SignedBy(key ed25519.PublicKey) []byte {
	v, err := noteVerifier(c.Origin, key)
	if err != nil {
		return nil
	}
	n, err := note.Open(c.Raw, note.VerifierList(v))
	if err != nil {
		return nil
	}
	out := []byte(n.Text + "\n")
	for _, s := range n.Sigs {
		out = fmt.Appendf(out, "— %s %s\n", s.Name, s.Base64)
	}
	return out
}

// ParseOrigin takes apart "sledge/<job>/<device>/<generation>"; rest is what
// follows, for receipts.
func ParseOrigin(origin string) (i Identity, rest string, err error) {
	parts := strings.SplitN(origin, "/", 5)
	if len(parts) < 4 || parts[0] != "sledge" {
		return i, "", fmt.Errorf("%w: origin %q", ErrMalformed, origin)
	}
	if i.Job, err = ParseID(parts[1]); err != nil {
		return i, "", err
	}
	if i.Device, err = ParseID(parts[2]); err != nil {
		return i, "", err
	}
	if i.Generation, err = Decimal(parts[3]); err != nil || i.Generation == 0 || i.Generation > 1<<32-1 {
		return i, "", fmt.Errorf("%w: generation %q", ErrMalformed, parts[3])
	}
	if len(parts) == 5 {
		rest = parts[4]
	}
	return i, rest, nil
}

// Decimal is a number as we would write it: digits, no sign, no leading zero.
func Decimal(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || strconv.FormatUint(n, 10) != s {
		return 0, fmt.Errorf("%w: number %q", ErrMalformed, s)
	}
	return n, nil
}

// Of tells whether it is the checkpoint of a device's manifest.
func (c *Checkpoint) Of(who Identity) bool {
	got, rest, err := ParseOrigin(c.Origin)
	return err == nil && got == who && rest == ""
}
