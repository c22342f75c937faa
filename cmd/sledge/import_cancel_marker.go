package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/sledge-io/sledge/importer"
)

// canceledMarker is what has become of one commit marker of a canceled run.
type canceledMarker struct {
	Key     string `json:"key"`
	Found   bool   `json:"found"` // it is there, or was
	Deleted bool   `json:"deleted"`
	noted   bool   // the run kept its key
}

// rank is the order in which markers are told: what stood there first, and what the run kept.
func (m canceledMarker) rank() int {
	switch {
	case m.Found && m.noted:
		return 0
	case m.Found:
		return 1
	}
	return 2
}

// canceledMarkers are those that a cancel has looked for.
type canceledMarkers struct {
	remove bool
	all    []canceledMarker
	noted  bool   // the run kept the key of one at least
	failed string // the key of the one whose end is not known
}

// take looks for a marker, and takes it away if that is wished.
func (m *canceledMarkers) take(ctx context.Context, d *endedImport, at *importer.CommitStore) error {
	if d.o.Marker == "" && !at.Noted() {
		return nil // nobody knows a key
	}
	m.noted = m.noted || at.Noted()
	key, err := d.uncommit(ctx, at, m.remove)
	one := canceledMarker{at.Key(), key != "", key != "" && m.remove && err == nil, at.Noted()}
	if err != nil {
		m.failed = at.Key()
	}
	if err == nil || one.Found {
		m.all = append(m.all, one)
	}
	return err
}

// wrong takes out the marker under a key that the run did not keep, as it did others, where none
// of the run is there, and returns that key.
func (m *canceledMarkers) wrong() (key string) {
	if !m.noted {
		return ""
	}
	m.all = slices.DeleteFunc(m.all, func(one canceledMarker) bool {
		if one.noted || one.Found {
			return false
		}
		key = one.Key
		return true
	})
	return key
}

// tellMarkers has the report tell of them.
func (r *cancelReport) tellMarkers(m *canceledMarkers, o importer.Options) {
	r.MarkerUnknown, r.MarkerWrong, r.MarkerNoted = m.failed, m.wrong(), m.noted
	slices.SortStableFunc(m.all, func(a, b canceledMarker) int { return cmp.Compare(a.rank(), b.rank()) })
	if len(m.all) > 0 {
		first := m.all[0]
		r.MarkerAsked, r.MarkerDeleted, r.MarkerNoted, r.More = first.Key, first.Deleted, first.noted, m.all[1:]
		if first.Found {
			r.Marker = first.Key
		}
	}
	if m.failed == "" && len(m.all) == 0 && o.Marker != "" && r.MarkerWrong == "" {
		r.MarkerUnknown = o.Prefix + o.Marker // it was not come to
	}
}

// printMarkers tells of what the operator does not expect.
func (r *cancelReport) printMarkers(w io.Writer) {
	for _, m := range r.More {
		switch {
		case m.Deleted:
			fmt.Fprintf(w, "            nor by %s: it was deleted, too\n", escape(m.Key))
		case m.Found:
			fmt.Fprintf(w, "            %s stays, too\n", escape(m.Key))
		default:
			fmt.Fprintf(w, "            nor by %s: it is not there\n", escape(m.Key))
		}
	}
	if r.MarkerUnknown != "" && r.Marker != "" && r.MarkerUnknown != r.Marker {
		fmt.Fprintf(w, "            not known: %s was not looked for to the end\n", escape(r.MarkerUnknown))
	}
	if r.MarkerWrong != "" {
		fmt.Fprintf(w, "not found   %s: no marker of this run is there; the run keeps another key than --commit-marker names\n", escape(r.MarkerWrong))
	}
}
