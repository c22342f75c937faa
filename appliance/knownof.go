package appliance

import (
	"context"
	"slices"

	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/appliance/known"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/manifest"
)

// knownEntries gathers what has been committed, from this source and from others;
// lists are all that there are.
func (d *Device) knownEntries(ctx context.Context, src *scan.Source, lists []*scanList, o *scan.Options) (*known.Set, error) {
	k := known.New(o.Force)
	if d.state.entries == 0 && d.state.staged.Len() == 0 {
		return k, nil
	}
	relations := map[manifest.ID]scan.Relation{}
	roots := map[manifest.ID]string{journal.Doors: "a door of the device"}
	for _, l := range lists {
		relations[l.copies.ID] = l.head.RelationTo(src.Head(), o.Moved...)
		if l.broken != nil && l.head.Root == "" { // whose it is nobody knows
			relations[l.copies.ID] = scan.RelUnknown
		}
		roots[l.copies.ID] = l.head.Path()
		if l.head.Prefix() == src.Head().Prefix() {
			k.Twin(l.head.Path())
		}
	}
	looks, done, err := d.looks(ctx, lists, func(b []byte, list manifest.ID, r *manifest.Record, lost bool) []byte {
		k.Group(r.LinkGroup)
		return known.Value(b, relations[list], roots[list], r, lost, slices.Contains(o.Continued, list))
	})
	if err != nil {
		return nil, err
	}
	k.Begin(looks, done)
	return k, nil
}
