package appliance

import (
	"github.com/sledge-io/sledge/appliance/catalog"
	"github.com/sledge-io/sledge/manifest"
)

// lookOf is what the catalog needs of a record.
func lookOf(r *manifest.Record) catalog.Look {
	return catalog.Look{Kind: r.Kind, Path: r.Path, Reason: r.Reason, Detail: r.Detail}
}
