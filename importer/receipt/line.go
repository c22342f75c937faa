package receipt

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/manifest"
)

// MaxLine bounds a line of objects.list, its newline included (docs/format.md section 2.2).
const MaxLine = 1 << 20

// Line is one line of objects.list (docs/format.md section 10).
type Line struct {
	Page         uint64             `json:"page"`
	Index        int                `json:"index"`
	Record       []byte             `json:"record"`
	RecordSalt   []byte             `json:"record_salt"`
	Outcome      entry.Outcome      `json:"outcome"`
	Key          string             `json:"key,omitempty"`
	VersionID    string             `json:"version_id,omitempty"`
	ETag         string             `json:"etag,omitempty"`
	Size         *int64             `json:"size,omitempty"`
	Parts        int                `json:"parts,omitempty"`
	PartSize     int64              `json:"part_size,omitempty"`
	SHA256       string             `json:"sha256,omitempty"`
	ChecksumType string             `json:"checksum_type,omitempty"`
	Proof        entry.Proof        `json:"proof,omitempty"`
	HashedBy     string             `json:"hashed_by,omitempty"`
	PartsBy      string             `json:"parts_by,omitempty"`
	Verified     time.Time          `json:"verified,omitzero"`
	Error        target.Code        `json:"error,omitempty"`
	Detail       string             `json:"detail,omitempty"`
	Attributes   *target.Attributes `json:"attributes,omitempty"` // that the rules asked for
}

// saltOf reads the salt at the head of a line.
func saltOf(b []byte) (salt [32]byte, err error) {
	if len(b) != 64 {
		return salt, fmt.Errorf("salt of %d characters", len(b))
	}
	if _, err = hex.Decode(salt[:], b); err == nil && hex.EncodeToString(salt[:]) != string(b) {
		err = errors.New("salt in capitals")
	}
	return salt, err
}

// InStore reports whether the list says that an object stands in the store.
func (l *Line) InStore() bool {
	return l.Outcome == entry.OutcomeStored || l.Outcome == entry.OutcomeAlreadyThere
}

// lineNames are the names of a line.
var lineNames = manifest.NamesOf(Line{})

// ParseLine reads one line of objects.list, its newline included.
func ParseLine(text []byte) (Line, error) {
	t, err := parse(text)
	return t.Line, err
}

func parse(text []byte) (t Text, err error) {
	salt, rest, ok := bytes.Cut(text, []byte(" "))
	if t.json, _ = bytes.CutSuffix(rest, []byte("\n")); !ok || len(t.json) == len(rest) {
		return t, errors.New("is not a salt and an object")
	}
	if t.salt, err = saltOf(salt); err != nil {
		return t, err
	}
	if err := lineNames.Decode(rest, &t.Line); err != nil {
		return t, err
	}
	return t, t.check()
}
