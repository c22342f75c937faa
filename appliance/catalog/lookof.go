package catalog

import (
	"github.com/sledge-io/sledge/manifest"
)

// LookOf is what the catalog needs of a record.
func LookOf(r *manifest.Record) Look {
	return Look{Kind: r.Kind, Path: r.Path, Reason: r.Reason, Detail: r.Detail}
}
