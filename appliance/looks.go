package appliance

import (
	"context"
	"errors"
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
	a := &catalog.Adder{To: s, Once: d.state.sources() < 2}
	lost := d.lostContent()
	var buf []byte
	in := lookReader{to: func(list manifest.ID, r *manifest.Record) error {
		buf = value(buf[:0], list, r, lost(r))
		return a.Add(catalog.LookOf(r), buf)
	}}
	err = d.eachListed(func(list manifest.ID, b []byte) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return in.take(list, b)
	}, func(path string) error { return errors.Join(in.end(), a.Withdraw(path)) })
	if err == nil {
		err = in.end()
	}
	if err == nil {
		err = d.imply(a, lists)
	}
	if err != nil {
		done()
		return nil, nil, err
	}
	return s, done, nil
}

// lookReader joins a look's record with the extents that stand in its continuation
// records. Of its other long lists nothing is kept: memory does not grow with them.
type lookReader struct {
	to   func(list manifest.ID, r *manifest.Record) error
	head *manifest.Record // its extents follow
	list manifest.ID      // of head
}

func (l *lookReader) take(list manifest.ID, b []byte) error {
	r, err := manifest.PeekHead(b)
	if err != nil {
		return err
	}
	if r.Kind == manifest.KindContinuation {
		if l.head != nil {
			l.head.Extents = append(l.head.Extents, r.Extents...)
		}
		return nil
	}
	if err := l.end(); err != nil {
		return err
	}
	if catalog.HasContent(r.Kind) && r.Size > 0 && len(r.Extents) == 0 {
		l.head, l.list = r, list
		return nil
	}
	return l.to(list, r)
}

// end hands on the record whose extents were joined last.
func (l *lookReader) end() error {
	r := l.head
	if r == nil {
		return nil
	}
	l.head = nil
	return l.to(l.list, r)
}

// imply says of the folders of a list's prefix, which have no records, that they
// are folders.
func (d *Device) imply(a *catalog.Adder, lists []*scanList) error {
	for _, l := range lists {
		if st := d.state.lists[l.copies.ID]; st == nil || st.good == 0 {
			continue
		}
		prefix := strings.TrimSuffix(l.head.Prefix(), "/")
		for prefix != "" {
			if err := a.Imply(prefix); err != nil {
				return err
			}
			prefix = prefix[:max(0, strings.LastIndexByte(prefix, '/'))]
		}
	}
	return nil
}
