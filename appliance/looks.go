package appliance

import (
	"strings"

	"github.com/sledge-io/sledge/appliance/catalog"
	"github.com/sledge-io/sledge/manifest"
)

// lookOf is what the catalog needs of a record.
func lookOf(r *manifest.Record) catalog.Look {
	return catalog.Look{Kind: r.Kind, Path: r.Path, Reason: r.Reason, Detail: r.Detail}
}

// imply says of the folders of a list's prefix, which have no records, that they
// are folders.
func (d *Device) imply(a *catalog.Adder, lists []*scanList) error {
	for _, l := range lists {
		if st := d.state.lists[l.copies.id]; st == nil || st.good == 0 {
			continue
		}
		prefix := strings.TrimSuffix(l.head.as(), "/")
		for prefix != "" {
			if err := a.Imply(prefix); err != nil {
				return err
			}
			prefix = prefix[:max(0, strings.LastIndexByte(prefix, '/'))]
		}
	}
	return nil
}
