package importer

import (
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
)

// TestUnbegunOtherTarget: a start is cut off when it has written its marker; the operator
// names another target. What the first one was found to do with names is not believed of
// the second, and what may be left at the first is named.
func TestUnbegunOtherTarget(t *testing.T) {
	s, a, b, disk := newSource(), newFake(t), newFake(t), memDisk()
	for _, name := range []string{`back\slash`, "plain"} {
		s.file(name, []byte("of "+name))
	}
	s.sort()
	o := testOptions(nil, disk)
	a.hook = func(_ int, call, key string) (bool, error) {
		if call == "put" && strings.HasSuffix(key, "/"+markerName) {
			return true, target.NewError(target.CodeCredentialsExpired, key, "no", nil)
		}
		return true, nil
	}
	if _, err := Run(t.Context(), s, a, o); !target.HasCode(err, target.CodeCredentialsExpired) {
		t.Fatal(err)
	}
	var left []string
	o.Problem = func(e *target.Error) {
		if e.Code == target.CodeJournalLeft {
			left = append(left, e.Path)
		}
	}
	o.Bucket = "other"
	store := &renaming{b, func(key string) string { return strings.ReplaceAll(key, `\`, "/") }, false}
	res := mustRun(t, s, store, o)
	if _, renamed := b.objects["in/back/slash"]; renamed || res.Tally.Outcomes[entry.OutcomeFailed] != 1 || len(res.Probe.Renames) != 1 {
		t.Errorf("%q, %+v", res.Probe.Renames, res.Tally)
	}
	if want := "s3://bucket/in/" + journalName(s.Scope(), o.RunID); !slices.Equal(left, []string{want}) {
		t.Errorf("named as left: %q, and not %q", left, want)
	}
	mustRun(t, s, store, o)
	if len(left) != 1 {
		t.Errorf("named again: %q", left)
	}
}

// TestUnbegunOtherJournal: the same, where the operator has the next start keep its journal in
// the target, at the same place: it looks for no marker.
func TestUnbegunOtherJournal(t *testing.T) {
	s, f := mixed(), newFake(t)
	o := testOptions(nil, memDisk())
	f.hook = func(_ int, call, key string) (bool, error) {
		if call == "put" && isMarker(key) {
			return true, target.NewError(target.CodeCredentialsExpired, key, "no", nil)
		}
		return true, nil
	}
	if _, err := Run(t.Context(), s, f, o); !target.HasCode(err, target.CodeCredentialsExpired) {
		t.Fatal(err)
	}
	var left []string
	o.Problem = func(e *target.Error) { left = append(left, e.Path) }
	o.JournalInTarget = true
	mustRun(t, s, f, o)
	if want := "s3://bucket/in/" + journalName(s.Scope(), o.RunID); !slices.Equal(left, []string{want}) {
		t.Errorf("named as left: %q, and not %q", left, want)
	}
}
