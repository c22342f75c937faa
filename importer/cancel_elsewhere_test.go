package importer

import (
	"context"
	"testing"

	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// atElsewhere cancels a run at another bucket of the same name, which answers that each
// object and upload of the run is not there. That is refused, and nothing is written.
func atElsewhere(t *testing.T, s *fakeSource, o Options) {
	t.Helper()
	other := newFake(t)
	o.Uncommit = func(context.Context, *CommitStore) error { t.Error("the commit marker was to be removed"); return nil }
	out, err := Cancel(t.Context(), s, deleting{other}, o, true)
	if !target.HasCode(err, target.CodeTargetChanged) || out != nil && out.Aborted+out.Deleted > 0 || len(other.objects) > 0 {
		t.Errorf("elsewhere: %+v, %v, %d objects", out, err, len(other.objects))
	}
	if _, err := o.StateDir.Stat(receipt.CancelName); err == nil {
		t.Error("the folder says that the run was canceled")
	}
}

// TestCancelElsewhere: a run that is given up by credentials of another bucket is not; by
// the right ones it is then, whole.
func TestCancelElsewhere(t *testing.T) {
	begin := map[string]func(t *testing.T, s *fakeSource, f *fakeTarget, o Options){
		"complete": func(t *testing.T, s *fakeSource, f *fakeTarget, o Options) { mustRun(t, s, f, o) },
		"halfway":  halfway,
		"one upload": func(t *testing.T, s *fakeSource, f *fakeTarget, o Options) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			f.hook = func(_ int, call, key string) (bool, error) {
				if key == "in/big" && call == "part" {
					cancel()
				}
				return true, nil
			}
			Run(ctx, s, f, o)
			f.hook = nil
			if f.ours() > 0 || len(f.uploads) != 1 {
				t.Fatalf("%d objects, %d uploads", f.ours(), len(f.uploads))
			}
		},
	}
	for name, run := range begin {
		for _, inTarget := range []bool{false, true} {
			for _, remarked := range []bool{false, true} {
				soon(t, 0)
				s, f, o := mixed(), newFake(t), testOptions(t, memDisk())
				if o.JournalInTarget = inTarget; name == "one upload" {
					s = newSource()
					s.file("big", pattern(1, 17<<20))
				}
				run(t, s, f, o)
				if remarked && !inTarget { // by another folder of this run: its objects and uploads speak for it
					delete(f.objects, "in/"+journalName(s.Scope(), "run-1")+markerName)
				}
				had := f.ours()
				atElsewhere(t, s, o)
				out, err := Cancel(t.Context(), s, deleting{f}, o, true)
				if err != nil || int(out.Deleted) != had || f.ours() > 0 || len(f.uploads) > 0 || out.Gone > 0 {
					t.Errorf("%s, in the target %v, marker gone %v: %+v, %v, %d of %d objects and %d uploads are left", name, inTarget, remarked, out, err, f.ours(), had, len(f.uploads))
				}
				if again, err := Cancel(t.Context(), s, deleting{f}, o, true); err != nil || again.Deleted+again.Gone > 0 {
					t.Errorf("%s, again: %+v, %v", name, again, err)
				}
			}
		}
	}
}

// TestCancelGone: an object that the journal knows and the target has not is named, and
// counted.
func TestCancelGone(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	o := testOptions(t, disk)
	mustRun(t, s, f, o)
	had := f.ours()
	delete(f.objects, "in/a")
	out, err := Cancel(t.Context(), s, deleting{f}, o, false)
	if err != nil || out.Gone != 1 || int(out.Left) != had-1 {
		t.Fatalf("%+v, %v", out, err)
	}
	if lines := canceledLines(t, disk, out.List); len(lines) != had || lines[0] != "gone in/a" {
		t.Errorf("%q", lines)
	}
	if _, err := vfs.ReadFile(disk, receipt.CancelName, 1<<10); err != nil {
		t.Error(err)
	}
}
