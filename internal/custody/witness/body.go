// Package witness is a hand-over without a network: the giver asks by the body of C2SP
// tlog-witness' add-checkpoint, and the receiver answers with his cosignature.
//
//	old 7                  what the receiver has cosigned of this log
//	<proof>                consistency from there, a hash a line
//
//	<checkpoint>           signed by the giver
//
// The receiver believes his own memory alone. It is durable before his answer leaves.
package witness

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Body is what is asked.
type Body struct {
	Old        uint64
	Proof      []tlog.Hash
	Checkpoint []byte
}

const (
	maxProof = 63
	maxBody  = 64 << 10
)

// ErrMalformed: this is not such a body (400).
var ErrMalformed = errors.New("this is not a hand-over")

// Encode writes the body.
func (b Body) Encode() []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "old %d\n", b.Old)
	for _, h := range b.Proof {
		fmt.Fprintf(&out, "%s\n", base64.StdEncoding.EncodeToString(h[:]))
	}
	out.WriteByte('\n')
	out.Write(b.Checkpoint)
	return out.Bytes()
}

// ParseBody reads a body; CR LF is LF, as it may come by mail or from a camera.
func ParseBody(text []byte) (b Body, err error) {
	bad := func(why string) (Body, error) { return Body{}, fmt.Errorf("%w: %s", ErrMalformed, why) }
	if len(text) > maxBody {
		return bad("it is too long")
	}
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	if !bytes.HasSuffix(text, []byte("\n")) {
		text = append(bytes.Clone(text), '\n') // cameras leave it out
	}
	head, note, ok := bytes.Cut(text, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	old, isOld := strings.CutPrefix(lines[0], "old ")
	if !ok || !isOld {
		return bad("its first line must be \"old NUMBER\", and a checkpoint follow")
	}
	if b.Old, err = strconv.ParseUint(old, 10, 62); err != nil || strconv.FormatUint(b.Old, 10) != old {
		return bad(fmt.Sprintf("old %.40q is no number", old))
	}
	if len(lines)-1 > maxProof {
		return bad(fmt.Sprintf("%d lines of proof, at most %d are allowed", len(lines)-1, maxProof))
	}
	for _, line := range lines[1:] {
		raw, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(raw) != tlog.HashSize || base64.StdEncoding.EncodeToString(raw) != line {
			return bad("a line of its proof is no hash")
		}
		b.Proof = append(b.Proof, tlog.Hash(raw))
	}
	b.Checkpoint = note
	return b, nil
}

// Origin is the log that a checkpoint names; nothing vouches for it yet.
func Origin(checkpoint []byte) string {
	line, _, _ := bytes.Cut(checkpoint, []byte("\n"))
	return string(line)
}

// CheckConsistency proves that a tree of a smaller size is the beginning of a larger one.
func CheckConsistency(proof []tlog.Hash, old uint64, oldRoot [32]byte, size uint64, root [32]byte) error {
	switch {
	case old > size:
		return fmt.Errorf("%w: from %d entries to %d", ErrMalformed, old, size)
	case old == size:
		if oldRoot != root || len(proof) != 0 {
			return fmt.Errorf("%w: another root for %d entries", ErrProof, size)
		}
		return nil
	case old == 0:
		if len(proof) != 0 {
			return fmt.Errorf("%w: a proof from nothing", ErrProof)
		}
		return nil
	}
	if err := tlog.CheckTree(proof, int64(size), tlog.Hash(root), int64(old), tlog.Hash(oldRoot)); err != nil {
		return fmt.Errorf("%w: %w", ErrProof, err)
	}
	return nil
}
