package importer

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/target"
)

// TestCancelEachMarker: what keeps a cancel from one marker of its run does not keep it from the
// others. Each is tried, and what may yet come is named. No object is deleted.
func TestCancelEachMarker(t *testing.T) {
	refused := target.NewError(target.CodeAccessDenied, "in/_1", "no", nil)
	s, f, disk := newSource(), newFake(t), memDisk()
	s.file("a", []byte("hello"))
	o := testOptions(t, disk)
	mustRun(t, s, f, o)
	r, now := &run{opts: o}, time.Now().UTC()
	r.opts.StateDir = stateOf(disk)
	for _, note := range []commitNote{{Key: "in/_1", At: now, Open: now}, {Key: "in/_2", At: now}, {Key: "in/_3", At: now, Open: now}} {
		if err := r.noteHere(note); err != nil {
			t.Fatal(err)
		}
	}
	var asked []string
	o.Uncommit = func(_ context.Context, at *CommitStore) error {
		asked = append(asked, at.Key())
		return when(refused, at.Key() == "in/_1")
	}
	out, err := Cancel(t.Context(), s, deleting{f}, o, true)
	if !target.HasCode(err, target.CodeAccessDenied) || !slices.Equal(asked, []string{"in/_1", "in/_2", "in/_3"}) || f.ours() != 1 {
		t.Errorf("%v; asked for %q, %d objects", err, asked, f.ours())
	}
	if len(out.Late) != 2 || out.Late[0].Key != "in/_1" || out.Late[1].Key != "in/_3" {
		t.Errorf("late: %+v", out.Late)
	}
	for _, during := range []bool{true, false} { // the first marker's own call, or right after it
		ctx, stop := context.WithCancel(t.Context())
		asked, o.Uncommit = nil, func(_ context.Context, at *CommitStore) error {
			asked = append(asked, at.Key())
			stop()
			return when(context.Canceled, during)
		}
		out, err := Cancel(ctx, s, deleting{f}, o, true)
		if err == nil || len(asked) != 1 || !slices.Equal(out.Unasked, []string{"in/_2", "in/_3"}) {
			t.Errorf("a cancel that is stopped: %v; asked for %q, left %q", err, asked, out.Unasked)
		}
	}
}

// TestCancelMarkersHere: where the notes in the target cannot be read a cancel tries those of the
// state folder, and says what it could not read.
func TestCancelMarkersHere(t *testing.T) {
	soon(t, 0)
	s, f, disk := newSource(), newFake(t), memDisk()
	s.file("a", []byte("hello"))
	o := testOptions(t, disk)
	o.Marker, o.JournalInTarget = testMarker, true
	if err := commit(t.Context(), mustRun(t, s, f, o)); err != nil {
		t.Fatal(err)
	}
	f.hook = func(_ int, call, key string) (bool, error) {
		no := call == "get" && strings.HasSuffix(key, "/"+mirrorCommit)
		return !no, when(target.NewError(target.CodeAccessDenied, key, "no", nil), no)
	}
	var asked []string
	out, err := Cancel(t.Context(), s, deleting{f}, finding(o, &asked), true)
	if !strings.Contains(out.NotesUnread, string(target.CodeAccessDenied)) {
		t.Errorf("the notes in the target: %q", out.NotesUnread)
	}
	if _, there := f.objects["in/"+testMarker]; !target.HasCode(err, target.CodeAccessDenied) || there || f.ours() != 1 {
		t.Errorf("%v; asked for %q, the marker is there: %v, %d objects", err, asked, there, f.ours())
	}
}
