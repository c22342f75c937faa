package main

import (
	"context"
	"fmt"
	"io"

	"github.com/sledge-io/sledge/importer"
)

// canceledMarker is what has become of one commit marker of a canceled run.
type canceledMarker struct {
	Key     string `json:"key"`
	Found   bool   `json:"found"` // it is there, or was
	Deleted bool   `json:"deleted"`
}

// canceledMarkers are those that a cancel has looked for.
type canceledMarkers struct {
	remove bool
	all    []canceledMarker
	noted  bool   // the run kept their keys
	failed string // the key of the one whose end is not known
}

// take looks for a marker, and takes it away if that is wished.
func (m *canceledMarkers) take(ctx context.Context, d *endedImport, at *importer.CommitStore) error {
	if d.o.Marker == "" && !at.Noted() {
		return nil // nobody knows a key
	}
	m.noted = at.Noted()
	key, err := d.uncommit(ctx, at, m.remove)
	one := canceledMarker{at.Key(), key != "", key != "" && m.remove && err == nil}
	if err != nil {
		m.failed = at.Key()
	}
	if err == nil || one.Found {
		m.all = append(m.all, one)
	}
	return err
}

// tellMarkers has the report tell of them.
func (r *cancelReport) tellMarkers(m *canceledMarkers, o importer.Options) {
	r.MarkerNoted, r.MarkerUnknown = m.noted, m.failed
	if len(m.all) > 0 {
		first := m.all[0]
		r.MarkerAsked, r.MarkerDeleted, r.More = first.Key, first.Deleted, m.all[1:]
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
		fmt.Fprintf(w, "not asked   %s: --commit-marker names another key than the run wrote its marker under\n", escape(r.MarkerWrong))
	}
}
