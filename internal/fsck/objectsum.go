package fsck

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"

	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// totalNames are the names of total.dsse's predicate (format.md 10).
var totalNames = []string{
	"version", "critical", "job", "device", "generation", "run", "manifest_size", "manifest_root", "label", "target", "profile", "endpoint", "probe",
	"outcomes", "proof", "records", "entries", "bytes", "conditional_writes", "differences", "complete", "started", "finished", "software", "rules", "recheck",
}

// recut tells whether the object was cut into parts that the record knows nothing of.
// Folders and links have but one.
func (l *ObjectLine) recut() bool {
	return l.PartsBy == "importer" && (l.Record.Kind == wire.KindFile || l.Record.Kind == wire.KindHardLink)
}

// sumAgrees holds the object's SHA-256 to the record's: of the whole, or the composite of as
// many parts. What an object was cut into otherwise is the importer's word alone.
func (l *ObjectLine) sumAgrees() error {
	text, n, dashed := strings.Cut(l.SHA256, "-")
	sum, err := wire.Unbase64(text)
	if err != nil || len(sum) != sha256.Size {
		return fmt.Errorf("the object has no SHA-256")
	}
	whole, parts := l.Record.WholeSum(), max(1, l.Record.PartCount)
	switch {
	case !dashed && (whole != nil || !l.recut()) && !bytes.Equal(sum, whole):
		return fmt.Errorf("the object's SHA-256 is not the record's")
	case !dashed || l.recut():
		return nil
	case n != strconv.FormatUint(parts, 10) || l.PartSize != 0 && l.PartSize != l.Record.PartSize:
		return fmt.Errorf("the object's SHA-256 is of other parts than the record's %d", parts)
	case parts == 1:
		if of := sha256.Sum256(whole); !bytes.Equal(sum, of[:]) {
			return fmt.Errorf("the object's composite SHA-256 is not that of the record's")
		}
	}
	return nil
}
