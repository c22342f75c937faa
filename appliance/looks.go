package appliance

import (
	"context"
	"strings"

	"github.com/sledge-io/sledge/appliance/catalog"
	"github.com/sledge-io/sledge/internal/extsort"
	"github.com/sledge-io/sledge/manifest"
)

// looks sorts the journal's looks, each with what value appends of its record; lists
// are all that there are. The last result gives the sorter back.
func (d *Device) looks(ctx context.Context, lists []*scanList, value func(b []byte, list manifest.ID, r *manifest.Record, lost bool) []byte) (*extsort.Sorter, func(), error) {
	s, done, err := d.newSorter(sortMemory)
	if err != nil {
		return nil, nil, err
	}
	a := &catalog.Adder{To: s, Once: len(d.state.lists) < 2}
	lost := d.lostContent()
	var buf []byte
	err = d.eachListed(func(list manifest.ID, b []byte) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r, err := manifest.PeekHead(b)
		if err != nil || r.Kind == manifest.KindContinuation {
			return err
		}
		buf = value(buf[:0], list, r, lost(r))
		return a.Add(lookOf(r), buf)
	})
	if err == nil {
		err = d.imply(a, lists)
	}
	if err != nil {
		done()
		return nil, nil, err
	}
	return s, done, nil
}

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
