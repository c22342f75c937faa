package read

import (
	"fmt"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/manifest"
)

// WrapName is where a wrap lies: its name is its hash.
func WrapName(e *manifest.WrapEntry) string {
	suffix := "wrap"
	if e.Kind == manifest.WrapAge {
		suffix = "age"
	}
	return fmt.Sprintf("%s/%x.%s", disk.WrapsDir, e.SHA256, suffix)
}

// Wrap reads a wrap file by its hash.
func Wrap(s *disk.Set, e *manifest.WrapEntry) ([]byte, error) {
	b, err := s.First(WrapName(e), manifest.MaxWrap, func(b []byte) bool { return crypto.SumSHA256(b) == e.SHA256 })
	if disk.OwnFault(err) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", disk.ErrLost, err)
	}
	return b, nil
}
