package audit

import (
	"context"
	"fmt"

	"github.com/sledge-io/sledge/importer/target"
)

// attributesReader is a store that tells more of an object than HEAD does.
type attributesReader interface {
	// Attributes describes the current version of a key, with the parts that it was
	// made of where the store still knows them. One attempt, as Head.
	Attributes(ctx context.Context, key string) (target.Object, []target.Part, error)
}

// compareParts holds the parts that a store tells against the record's, one by one, and returns
// how many were compared. Parts that were cut otherwise, or that come without a SHA-256, say
// nothing.
func (x *expected) compareParts(parts []target.Part) (compared int, err error) {
	if len(parts) != len(x.parts) {
		return 0, nil
	}
	left := x.size
	for i, p := range parts {
		if p.Number != i+1 || p.Size != x.partLength(left) {
			return 0, nil
		}
		left -= p.Size
	}
	for i, p := range parts {
		if p.SHA256 == "" {
			continue
		}
		if p.SHA256 != target.Encode64(x.parts[i][:]) {
			return compared, target.NewError(target.CodeStoredWrong, "", fmt.Sprintf("part %d has another SHA-256", i+1), nil)
		}
		compared++
	}
	return compared, nil
}
