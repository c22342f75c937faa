package union

import (
	"errors"
	"fmt"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/importer/content"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/manifest"
)

// checksumOf is what a record says of its content, as the loader has cut it: the SHA-256 of the
// whole, or the composite of its parts.
func checksumOf(r *manifest.Record) (string, error) {
	switch r.Kind {
	case manifest.KindDir:
		return sumOf(nil), nil
	case manifest.KindSymlink:
		return sumOf([]byte(r.Target)), nil
	case manifest.KindFile, manifest.KindHardlink:
	default:
		return "", fmt.Errorf("%v is said to be an object", r.Kind)
	}
	if r.PartSize == 0 {
		if len(r.SHA256) != 32 {
			return "", errors.New("a record without a digest")
		}
		return target.Encode64(r.SHA256), nil
	}
	var parts [][32]byte
	for _, sum := range r.Parts {
		if len(sum) != 32 {
			return "", fmt.Errorf("a part's digest of %d bytes", len(sum))
		}
		parts = append(parts, [32]byte(sum))
	}
	if len(parts) == 0 {
		return "", errors.New("a record without parts")
	}
	return content.Composite(parts), nil
}

func sumOf(content []byte) string {
	sum := crypto.SumSHA256(content)
	return target.Encode64(sum[:])
}
