package witness

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// The outcomes of tlog-witness, beside the cosignature.
var (
	// ErrUnknown: another log, or signed by nobody who may sign it (403).
	ErrUnknown = errors.New("the checkpoint is of another log, or of no one who may sign it")
	// ErrProof: the log is not a continuation of what was cosigned (422).
	ErrProof = errors.New("the log does not go on from what was cosigned before: there are two histories")
	// ErrMemory: what this custodian has cosigned cannot be read any more.
	ErrMemory = errors.New("the memory of what was cosigned is damaged")
)

// ConflictError: the proof begins at another size than the one that was cosigned last (409).
type ConflictError struct{ Old, Size uint64 }

func (e *ConflictError) Error() string {
	return fmt.Sprintf("the hand-over begins at %d entries, and %d are cosigned", e.Old, e.Size)
}

// Custodian cosigns, and remembers in a folder of his own what he has cosigned.
type Custodian struct {
	Key  ed25519.PrivateKey
	Name string
	FS   vfs.FS
}

// Folders of the memory: what was cosigned, and what was signed.
const (
	seenFolder  = "seen"
	wroteFolder = "wrote"
)

// Vkey is the custodian's verifier key.
func (c *Custodian) Vkey() (manifest.CosignerKey, error) {
	return manifest.NewCosignerKey(c.Name, c.Key.Public().(ed25519.PublicKey))
}

func seenName(origin string) string { return noteName(seenFolder, origin) }

func noteName(folder, origin string) string {
	return fmt.Sprintf("%s/%x", folder, sha256.Sum256([]byte(origin)))
}

// Seen is the newest checkpoint of a log that the custodian has cosigned, with his line as
// its last; nil is none.
func (c *Custodian) Seen(origin string) ([]byte, error) {
	note, err := vfs.ReadFile(c.FS, seenName(origin), manifest.MaxCheckpoint)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	k, err := c.Vkey()
	if err != nil {
		return nil, err
	}
	if _, _, err := OpenCosignature(note, note, k); err != nil || Origin(note) != origin {
		return nil, fmt.Errorf("%w: %s", ErrMemory, seenName(origin))
	}
	return note, nil
}

// Checked is a checkpoint that may be cosigned: what the custodian is shown before.
type Checked struct {
	manifest.Checkpoint
	By   ed25519.PublicKey // who signed it
	Old  uint64            // what was cosigned before
	Line []byte            // not nil: this checkpoint is cosigned already, by this line
}

// Check holds what is asked against the memory. keys are those that may sign the log.
func (c *Custodian) Check(b Body, origin string, keys ...ed25519.PublicKey) (*Checked, error) {
	if Origin(b.Checkpoint) != origin {
		return nil, fmt.Errorf("%w: %.200q, not %s", ErrUnknown, Origin(b.Checkpoint), origin)
	}
	got := &Checked{}
	err := fmt.Errorf("%w: no key may sign it", ErrUnknown)
	for _, key := range keys {
		cp, e := manifest.OpenCheckpoint(b.Checkpoint, origin, key)
		if e == nil {
			got.Checkpoint, got.By, err = cp, key, nil
			break
		}
		err = fmt.Errorf("%w: %w", ErrUnknown, e)
		if errors.Is(e, manifest.ErrCorrupt) {
			err = fmt.Errorf("%w: %w", ErrMalformed, e)
			break
		}
	}
	if err != nil {
		return nil, err
	}
	note, err := c.Seen(origin)
	if err != nil {
		return nil, err
	}
	old, oldRoot := uint64(0), [32]byte{}
	if note != nil {
		if old, oldRoot, err = head(note, origin); err != nil {
			return nil, err
		}
	}
	if got.Old = old; note != nil && old == got.Size && oldRoot == got.Root {
		k, err := c.Vkey()
		if err != nil {
			return nil, err
		}
		got.Line, _, err = OpenCosignature(note, note, k)
		return got, err
	}
	if b.Old > got.Size {
		return nil, fmt.Errorf("%w: from %d entries to %d", ErrMalformed, b.Old, got.Size)
	}
	if b.Old != old {
		return nil, &ConflictError{b.Old, old}
	}
	return got, CheckConsistency(b.Proof, old, oldRoot, got.Size, got.Root)
}

// Cosign checks again, remembers durably, and only then gives the signature line. What is
// cosigned already is answered by the line of then. Two at once: one is [vfs.ErrLocked].
func (c *Custodian) Cosign(b Body, origin string, now time.Time, keys ...ed25519.PublicKey) ([]byte, error) {
	lock, err := vfs.Lock(c.FS, ".")
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	got, err := c.Check(b, origin, keys...)
	if err != nil {
		return nil, err
	}
	if got.Line != nil { // the write of then may have failed after its rename
		note, err := c.Seen(origin)
		if err == nil {
			err = c.remember(seenFolder, origin, note)
		}
		if err != nil {
			return nil, err
		}
		return got.Line, nil
	}
	line, err := Cosign(b.Checkpoint, c.Name, c.Key, now)
	if err != nil {
		return nil, err
	}
	note := append(append([]byte{}, b.Checkpoint...), line...)
	if len(note) > manifest.MaxCheckpoint {
		return nil, fmt.Errorf("%w: checkpoint of %d bytes", ErrMalformed, len(note))
	}
	if err := c.remember(seenFolder, origin, note); err != nil {
		return nil, err
	}
	return line, nil
}

// remember makes a note of a log durable in one of the memory's folders.
func (c *Custodian) remember(folder, origin string, note []byte) error {
	if err := durable.MkdirAll(c.FS, folder); err != nil {
		return err
	}
	return durable.WriteFile(c.FS, noteName(folder, origin), note)
}

// Wrote remembers durably the newest checkpoint of a log that the custodian has signed as the
// one who has the device. It is apart from what he has cosigned: a hand-over begins at that.
func (c *Custodian) Wrote(origin string, checkpoint []byte) error {
	return c.remember(wroteFolder, origin, checkpoint)
}

// Memory is all that the custodian remembers of a log: what he cosigned, and what he signed.
func (c *Custodian) Memory(origin string) (notes [][]byte, err error) {
	seen, err := c.Seen(origin)
	if err != nil {
		return nil, err
	}
	if seen != nil {
		notes = append(notes, seen)
	}
	wrote, err := vfs.ReadFile(c.FS, noteName(wroteFolder, origin), manifest.MaxCheckpoint)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return notes, nil
	case err != nil:
		return nil, err
	case Origin(wrote) != origin:
		return nil, fmt.Errorf("%w: %s", ErrMemory, noteName(wroteFolder, origin))
	}
	return append(notes, wrote), nil
}
