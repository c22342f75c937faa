package importer

import (
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestCancelEmptied: a run whose bucket was emptied by hand is given up if its operator says
// so: what is gone is named, what others have stored meanwhile stays, and the run has ended.
func TestCancelEmptied(t *testing.T) {
	for _, complete := range []bool{false, true} {
		for _, inTarget := range []bool{false, true} {
			soon(t, 0)
			s, f, disk := mixed(), newFake(t), memDisk()
			o := testOptions(t, disk)
			if o.JournalInTarget = inTarget; complete {
				mustRun(t, s, f, o)
			} else {
				halfway(t, s, f, o)
			}
			had := f.ours()
			foreign := fakeObject{data: []byte("hello"), sha256: target.Encode64(sum([]byte("hello"))), kind: "FULL_OBJECT", key: "in/a"}
			f.objects, f.uploads = map[string]fakeObject{"in/a": foreign}, map[string]*fakeUpload{}
			if _, err := Cancel(t.Context(), s, deleting{f}, o, true); !target.HasCode(err, target.CodeTargetChanged) || !strings.Contains(target.AsError(err).Remedy, "--emptied") {
				t.Errorf("complete %v, in the target %v, without a word: %v", complete, inTarget, err)
			}
			o.Emptied = true
			out, err := Cancel(t.Context(), s, deleting{f}, o, true)
			if err != nil || int(out.Gone) != had-1 || out.Deleted > 0 || out.Failed > 0 {
				t.Errorf("complete %v, in the target %v: %v, %+v of %d", complete, inTarget, err, out, had)
				continue
			}
			if _, there := f.objects["in/a"]; !there || out.Changed != 1 {
				t.Errorf("the object of others: %v, %+v", there, out)
			}
			if lines := canceledLines(t, disk, out.List); strings.Count(strings.Join(lines, "\n"), "gone in/") != had-1 {
				t.Errorf("%q", lines)
			}
			if _, err := vfs.ReadFile(disk, receipt.CancelName, 1<<10); err != nil {
				t.Error(err)
			}
			o.Emptied = false
			if _, err := Run(t.Context(), s, f, o); !target.HasCode(err, target.CodeCanceled) {
				t.Errorf("the run itself: %v", err)
			}
			o.Emptied = true
			if again, err := Cancel(t.Context(), s, deleting{f}, o, true); err != nil || again.Gone+again.Deleted > 0 {
				t.Errorf("again: %v, %+v", err, again)
			}
			if o.RunID = "run-2"; !mustRun(t, s, f, o).Complete {
				t.Error("the next run is not complete")
			}
		}
	}
}

// TestEmptiedOfAnother: at another bucket the word ends the run, too, and touches nothing
// there; what was left at the right one is found by another cancel.
func TestEmptiedOfAnother(t *testing.T) {
	s, f, other, disk := mixed(), newFake(t), newFake(t), memDisk()
	o := testOptions(t, disk)
	halfway(t, s, f, o)
	had := f.ours()
	mustRun(t, s, other, testOptions(t, memDisk()))
	theirs := other.ours()
	o.Emptied = true
	for key, was := range other.objects { // of another run
		was.metadata = map[string]string{plan.MetaEntry: was.metadata[plan.MetaEntry], plan.MetaRun: "run-9"}
		other.objects[key] = was
	}
	if out, err := Cancel(t.Context(), s, deleting{other}, o, true); err != nil || out.Deleted > 0 || other.ours() != theirs {
		t.Errorf("%v, %+v, %d of %d objects", err, out, other.ours(), theirs)
	}
	o.Emptied = false
	if out, err := Cancel(t.Context(), s, deleting{f}, o, true); err != nil || int(out.Deleted) != had || f.ours() > 0 || len(f.uploads) > 0 {
		t.Errorf("at the right one: %v, %+v of %d, %d uploads", err, out, had, len(f.uploads))
	}
}
