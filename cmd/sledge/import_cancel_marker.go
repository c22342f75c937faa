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

// notAsked is why nothing is known of a marker that a stop has kept the command from.
const notAsked = "the command ended before"

// unknownMarker is one that was not looked for to the end.
type unknownMarker struct {
	Key   string `json:"key"`
	Error string `json:"error"`
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
	noted  bool // the run kept the key of one at least
	failed []unknownMarker
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
		m.failed = append(m.failed, unknownMarker{at.Key(), inWords(err)})
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
	r.MarkerWrong, r.MarkerNoted, r.MarkersUnknown = m.wrong(), m.noted, m.failed
	for _, key := range r.Unasked {
		r.MarkersUnknown = append(r.MarkersUnknown, unknownMarker{Key: key, Error: notAsked})
	}
	slices.SortStableFunc(m.all, func(a, b canceledMarker) int { return cmp.Compare(a.rank(), b.rank()) })
	if len(m.all) > 0 {
		first := m.all[0]
		r.MarkerAsked, r.MarkerDeleted, r.MarkerNoted, r.More = first.Key, first.Deleted, first.noted, m.all[1:]
		if first.Found {
			r.Marker = first.Key
		}
	}
	switch {
	case len(r.MarkersUnknown) > 0:
		r.MarkerUnknown = r.MarkersUnknown[0].Key
	case len(m.all) == 0 && o.Marker != "" && r.MarkerWrong == "":
		r.MarkerUnknown = o.Prefix + o.Marker // it was not come to
	}
}

// mayBeCommitted reports whether another marker than the first may be there.
func (r *cancelReport) mayBeCommitted() bool {
	return len(r.MarkersUnknown) > 0 || r.NotesUnread != "" || slices.ContainsFunc(r.More, func(m canceledMarker) bool { return m.Found && !m.Deleted })
}

// printMarkers tells of what the operator does not expect.
func (r *cancelReport) printMarkers(w io.Writer) {
	for _, m := range r.More {
		switch {
		case m.Deleted:
			fmt.Fprintf(w, "            nor by %s: it was deleted, too\n", escape(m.Key))
		case m.Found && r.removes:
			fmt.Fprintf(w, "            %s may still be there, too\n", escape(m.Key))
		case m.Found:
			fmt.Fprintf(w, "            %s stays, too\n", escape(m.Key))
		default:
			fmt.Fprintf(w, "            nor by %s: it is not there\n", escape(m.Key))
		}
	}
	for _, m := range r.MarkersUnknown {
		end := " to the end"
		if m.Error == notAsked {
			end = ""
		}
		fmt.Fprintf(w, "            not known: %s was not looked for%s: %s\n", escape(m.Key), end, escape(m.Error))
	}
	printIf(w, r.NotesUnread != "", "            not known: the run's notes of its markers could not all be read: %s\n", escape(r.NotesUnread))
	if r.MarkerWrong != "" {
		fmt.Fprintf(w, "not found   %s: no marker of this run is there; the run keeps another key than --commit-marker names\n", escape(r.MarkerWrong))
	}
}
