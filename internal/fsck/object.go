package fsck

import (
	"encoding/hex"
	"fmt"
	"time"

	"github.com/sledge-io/sledge/internal/fsck/record"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

const (
	maxObjectLine = 1 << 20
	maxKeySize    = 4096
	saltText      = 64
)

// ObjectLine is one line of a receipt's objects.list (format.md 10): what
// became of one record.
type ObjectLine struct {
	Position     int64 // line and log entry, from 0
	Page         uint64
	Index        uint64
	Record       *record.Record
	RecordSalt   []byte
	Outcome      string
	Key          string
	VersionID    string
	ETag         string
	Size         uint64
	Parts        uint64
	PartSize     uint64
	SHA256       string // base64, "-N" appended if composite
	ChecksumType string
	Proof        string
	HashedBy     string
	PartsBy      string
	Verified     time.Time
	Error        string
	Detail       string
	Attributes   *ObjectAttributes // that were asked for; nil if none

	commitment       [32]byte // in the receipt log
	recordCommitment [32]byte // in the manifest's page
}

var (
	outcomes = map[string]bool{
		"stored": true, "already-there": true, "no-object": true, "skipped": true, "failed": true, "conflict": true,
	}
	proofs  = map[string]bool{"": true, "read-back sha256": true, "store sha256": true, "store crc64nvme": true}
	hashers = map[string]bool{"": true, "loader": true, "importer": true}
)

// there reports whether the line says that an object stands in the store.
func (l *ObjectLine) there() bool { return l.Outcome == "stored" || l.Outcome == "already-there" }

// Unproven reports whether the entry should stand in the store and is not proven
// to: it failed, met another object, or the loader had to skip it.
func (l *ObjectLine) Unproven() bool {
	return l.Outcome == "failed" || l.Outcome == "conflict" || l.Outcome == "skipped"
}

// parseObjectLine takes "<salt> <JSON>" without the line's end.
func parseObjectLine(line []byte) (*ObjectLine, error) {
	if len(line) < saltText+3 || line[saltText] != ' ' || !wire.LowerHex(string(line[:saltText])) {
		return nil, fmt.Errorf("%w: no salt", wire.ErrMalformed)
	}
	salt, err := hex.DecodeString(string(line[:saltText]))
	if err != nil {
		return nil, fmt.Errorf("%w: salt", wire.ErrMalformed)
	}
	text := line[saltText+1:]
	o, err := wire.ParseObject(text)
	if err != nil {
		return nil, err
	}
	l := &ObjectLine{commitment: wire.Commitment(salt, text)}
	if err := l.record(o); err != nil {
		return nil, err
	}
	return l, l.object(o)
}

func (l *ObjectLine) record(o wire.Object) error {
	var err error
	if l.Page, err = o.Uint("page"); err != nil {
		return err
	}
	if l.Index, err = o.Uint("index"); err != nil {
		return err
	}
	raw, err := o.Base64("record")
	if err != nil {
		return err
	}
	if l.RecordSalt, err = o.Base64("record_salt"); err != nil {
		return err
	}
	if len(l.RecordSalt) != 32 {
		return fmt.Errorf("%w: record salt of %d bytes", wire.ErrMalformed, len(l.RecordSalt))
	}
	if l.Record, err = record.Parse(raw); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	l.recordCommitment = wire.Commitment(l.RecordSalt, raw)
	if l.Outcome, err = o.Text("outcome"); err != nil {
		return err
	}
	if !outcomes[l.Outcome] {
		return fmt.Errorf("%w: outcome %q", wire.ErrVersion, l.Outcome)
	}
	return nil
}

func (l *ObjectLine) object(o wire.Object) error {
	for name, to := range map[string]any{
		"key": &l.Key, "version_id": &l.VersionID, "etag": &l.ETag, "size": &l.Size, "parts": &l.Parts, "part_size": &l.PartSize,
		"sha256": &l.SHA256, "checksum_type": &l.ChecksumType, "proof": &l.Proof, "hashed_by": &l.HashedBy, "parts_by": &l.PartsBy,
		"error": &l.Error, "detail": &l.Detail,
	} {
		if err := o.Maybe(name, to); err != nil {
			return err
		}
	}
	if o.Has("verified") {
		var err error
		if l.Verified, err = o.Time("verified"); err != nil {
			return err
		}
	}
	var err error
	if l.Attributes, err = parseAttributes(o); err != nil {
		return err
	}
	if !proofs[l.Proof] || !hashers[l.HashedBy] || !hashers[l.PartsBy] {
		return fmt.Errorf("%w: proof %q, hashed by %q, parts by %q", wire.ErrVersion, l.Proof, l.HashedBy, l.PartsBy)
	}
	if l.Attributes != nil && l.Key == "" {
		return fmt.Errorf("%w: attributes without a key", wire.ErrMalformed)
	}
	if max(l.Index, l.Size, l.Parts, l.PartSize) > 1<<63-1 {
		return fmt.Errorf("%w: a number over 2^63 - 1", wire.ErrMalformed)
	}
	if len(l.Key) > maxKeySize {
		return fmt.Errorf("%w: key of %d bytes", wire.ErrMalformed, len(l.Key))
	}
	if l.there() && (l.Key == "" || l.Proof == "" || l.Verified.IsZero()) {
		return fmt.Errorf("%w: %s without key, proof or time", wire.ErrMalformed, l.Outcome)
	}
	return nil
}

// fits holds the outcome to the kind of record (format.md 10): a policy may leave
// out directories, symlinks and hard links, but no file; what the loader skipped
// has no other outcome, and a continuation record is no object of its own.
func (l *ObjectLine) fits() error {
	kind, ok := l.Record.Kind, true
	switch l.Outcome {
	case "no-object":
		ok = kind == wire.KindDirectory || kind == wire.KindSymlink || kind == wire.KindHardLink || kind == wire.KindContinuation
	case "skipped":
		ok = kind == wire.KindSkipped
	default:
		ok = kind != wire.KindSkipped && kind != wire.KindContinuation
	}
	if !ok {
		return fmt.Errorf("a record of kind %d cannot have the outcome %s", kind, l.Outcome)
	}
	return nil
}

// agrees compares what the line says of the object with the record.
func (l *ObjectLine) agrees() error {
	if !l.there() {
		return nil
	}
	if want := l.Record.Content(); l.Size != want {
		return fmt.Errorf("the object has %d bytes, the record %d", l.Size, want)
	}
	return l.sumAgrees()
}
