package catalog

import (
	"github.com/sledge-io/sledge/manifest"
)

// LookOf is what the catalog needs of a record.
func LookOf(r *manifest.Record) Look {
	return Look{Kind: r.Kind, Path: r.Path, Reason: r.Reason, Detail: r.Detail}
}

// HasContent tells whether a kind's records have extents.
func HasContent(kind manifest.Kind) bool {
	return kind == manifest.KindFile || kind == manifest.KindHardlink
}
