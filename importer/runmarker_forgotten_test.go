package importer

import (
	"slices"
	"testing"

	"github.com/sledge-io/sledge/importer/target"
)

// TestMarkerForgotten: a marker that the run may have written, in an earlier start or by a
// request whose answer was lost, is removed at its end although a later write of it was refused,
// after which the run has none: or it is named.
func TestMarkerForgotten(t *testing.T) {
	refused := target.NewError(target.CodeWrongRegion, "", "status 301: PermanentRedirect", nil)
	for name, test := range map[string]struct {
		first  error // of the first PUT, which is stored, and ends that start if it is not sent again
		others bool  // the second start has other options
		denied bool  // the marker cannot be removed
	}{
		"the start before died":     {first: target.NewError(target.CodeJournalLost, "", "a power cut", nil)},
		"with other options":        {first: target.NewError(target.CodeJournalLost, "", "a power cut", nil), others: true},
		"its answer was lost":       {first: lostAnswer},
		"it is there already":       {first: target.NewError(target.CodeKeyExists, "", "status 412", nil)},
		"it cannot be removed":      {first: target.NewError(target.CodeJournalLost, "", "a power cut", nil), denied: true},
		"a lost one cannot be, too": {first: lostAnswer, denied: true},
	} {
		s, f, disk := mixed(), newFake(t), memDisk()
		puts := 0
		f.hook = func(_ int, call, key string) (bool, error) {
			switch {
			case !isMarker(key):
			case call == "put":
				if puts++; puts == 1 {
					return true, test.first
				}
				return false, refused
			case call == "delete" && test.denied:
				return false, target.NewError(target.CodeAccessDenied, key, "no", nil)
			}
			return true, nil
		}
		o := testOptions(nil, disk)
		o.Retries = 1
		if target.HasCode(test.first, target.CodeJournalLost) {
			if _, err := Run(t.Context(), s, f, o); !target.HasCode(err, target.CodeJournalLost) {
				t.Fatalf("%s: %v", name, err)
			}
		}
		var left []string
		o.Problem = func(e *target.Error) {
			if e.Code == target.CodeJournalLeft {
				left = append(left, e.Path)
			}
		}
		o.ReadBack = test.others
		res, err := Run(t.Context(), s, f, o)
		if err != nil || !res.Complete || puts < 2 {
			t.Fatalf("%s: %v, %d PUTs, %+v", name, err, puts, res)
		}
		key := "in/" + journalName(s.Scope(), o.RunID) + markerName
		if _, there := f.objects[key]; there != test.denied || slices.Contains(left, key) != there {
			t.Errorf("%s: it is there: %v, named as left: %q", name, there, left)
		}
	}
}

// TestMarkerNeverThere: where the target took no marker from the beginning, none is asked for
// at the end.
func TestMarkerNeverThere(t *testing.T) {
	s, f := mixed(), newFake(t)
	f.hook = func(_ int, call, key string) (bool, error) {
		if isMarker(key) && call != "put" {
			t.Errorf("%s of %s", call, key)
		}
		if isMarker(key) {
			return false, target.NewError(target.CodeAccessDenied, key, "no", nil)
		}
		return true, nil
	}
	o := testOptions(nil, memDisk())
	o.Problem = func(e *target.Error) { t.Error(e) }
	if res := mustRun(t, s, f, o); !res.Complete {
		t.Errorf("%+v", res)
	}
}
