package main

import (
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer"
)

// TestCancelTellsMarkers: a marker under a key that the run did not keep is told like its others
// where one of the run is there. Where none is, the key is told as no key of the run.
func TestCancelTellsMarkers(t *testing.T) {
	kept := canceledMarker{Key: "in/NEW", Found: true, Deleted: true, noted: true}
	gone := canceledMarker{Key: "in/NEW", noted: true}
	old := canceledMarker{Key: "in/OLD", Found: true, Deleted: true}
	doubted, doubted2 := canceledMarker{Key: "in/NEW", Found: true, noted: true}, canceledMarker{Key: "in/NEXT", Found: true, noted: true}
	none := canceledMarker{Key: "in/OLD"}
	for _, tt := range []struct {
		name   string
		all    []canceledMarker
		failed []string
		says   []string
		not    string
	}{
		{"both", []canceledMarker{old, kept}, nil, []string{"in/NEW was deleted first", "by in/OLD: it was deleted, too"}, "not found"},
		{"the old one", []canceledMarker{old, gone}, nil, []string{"in/OLD was deleted first", "by in/NEW: it is not there"}, "not found"},
		{"the kept one", []canceledMarker{none, kept}, nil, []string{"in/NEW was deleted first", "not found   in/OLD"}, "by in/OLD"},
		{"none", []canceledMarker{none, gone}, nil, []string{"the run's marker in/NEW is not there", "not found   in/OLD"}, "by in/OLD"},
		{"nothing kept", []canceledMarker{none}, nil, []string{"not by in/OLD"}, "not found"},
		{"the kept one not to the end", []canceledMarker{none}, []string{"in/NEW"}, []string{"not known: in/NEW", "not found   in/OLD"}, "by in/OLD"},
		{"neither kept one to the end", nil, []string{"in/NEW", "in/NEXT"}, []string{"committed   not known: in/NEW", "in/NEW was not looked for to the end: no answer", "in/NEXT was not looked for to the end: no answer"}, "not found"},
		{"one deleted, one not to the end", []canceledMarker{kept}, []string{"in/NEXT"}, []string{"not by in/NEW any more", "not known: in/NEXT was not looked for to the end: no answer"}, "not found"},
		{"the deletes of two kept ones without an answer", []canceledMarker{doubted, doubted2}, []string{"in/NEW", "in/NEXT"}, []string{"in/NEW may still be there", "in/NEXT may still be there, too"}, "stays"},
		{"one deleted, then a stop", []canceledMarker{kept}, []string{"-in/NEXT"}, []string{"not by in/NEW any more", "not known: in/NEXT was not looked for: the command ended before"}, "not any more"},
		{"one deleted, notes not read", []canceledMarker{kept}, []string{"?"}, []string{"not by in/NEW any more", "not known: the run's notes of its markers could not all be read: no answer"}, "not any more"},
		{"the kept one gone, notes not read", []canceledMarker{gone}, []string{"?"}, []string{"not by in/NEW", "not known: the run's notes"}, "committed   no:"},
		{"the old one not to the end", nil, []string{"in/OLD"}, []string{"not known: in/OLD"}, "not found"},
	} {
		rep := &cancelReport{Canceled: &importer.Canceled{Recorded: true}, removes: true}
		m := &canceledMarkers{remove: true, all: tt.all, noted: strings.Contains(tt.name, "kept one") || len(tt.all) > 1}
		for _, key := range tt.failed {
			if key == "?" {
				rep.NotesUnread = "no answer"
				continue
			}
			if left, ok := strings.CutPrefix(key, "-"); ok {
				rep.Unasked = append(rep.Unasked, left)
				continue
			}
			m.failed = append(m.failed, unknownMarker{key, "no answer"})
		}
		rep.tellMarkers(m, importer.Options{Prefix: "in/", Marker: "OLD"})
		var text strings.Builder
		rep.Print(&text)
		for _, words := range tt.says {
			if !strings.Contains(text.String(), words) {
				t.Errorf("%s: not %q: %s", tt.name, words, text.String())
			}
		}
		if strings.Contains(text.String(), tt.not) {
			t.Errorf("%s: %q: %s", tt.name, tt.not, text.String())
		}
	}
}
