package appliance

import (
	"fmt"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/manifest"
)

// wrapName is where a wrap lies: its name is its hash.
func wrapName(e *manifest.WrapEntry) string {
	suffix := "wrap"
	if e.Kind == manifest.WrapAge {
		suffix = "age"
	}
	return fmt.Sprintf("%s/%x.%s", disk.WrapsDir, e.SHA256, suffix)
}

// readWrap reads a wrap file by its hash.
func readWrap(s *disk.Set, e *manifest.WrapEntry) ([]byte, error) {
	b, err := s.First(wrapName(e), manifest.MaxWrap, func(b []byte) bool { return crypto.SumSHA256(b) == e.SHA256 })
	if disk.OwnFault(err) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", disk.ErrLost, err)
	}
	return b, nil
}
