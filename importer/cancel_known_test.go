package importer

import (
	"context"
	"errors"
	"io/fs"
	"testing"

	"github.com/sledge-io/sledge/importer/target"
)

// TestCancelOfNoRun: a mistyped state folder or run id is refused, and neither the target
// nor the folder is touched.
func TestCancelOfNoRun(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	o := testOptions(t, disk)
	mustRun(t, s, f, o)
	calls := 0
	f.hook = func(int, string, string) (bool, error) { calls++; return true, nil }
	unmarked := false
	mistype := map[string]func(o *Options){
		"state folder": func(o *Options) { o.StateDir = memDisk() },
		"run id":       func(o *Options) { o.RunID = "run-2" },
		"options":      func(o *Options) { o.Profile = "minio" },
	}
	for name, change := range mistype {
		wrong := o
		change(&wrong)
		wrong.Uncommit = func(context.Context, *CommitStore) error { unmarked = true; return nil }
		out, err := Cancel(context.Background(), s, deleting{f}, wrong, true)
		if out != nil || !target.HasCode(err, target.CodeStateMismatch) || unmarked || calls > 0 {
			t.Errorf("%s: %+v, %v; marker deleted: %v, %d calls", name, out, err, unmarked, calls)
		}
		if name == "options" {
			continue
		}
		for _, folder := range []string{journalFolder, RunsFolder + "/run-2"} {
			if wrong.StateDir == disk && folder == journalFolder {
				continue
			}
			if _, err := wrong.StateDir.ReadDir(folder); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %s was made: %v", name, folder, err)
			}
		}
	}
}

// TestCancelMarkerLast: the marker goes after everything was checked and before any object;
// where it cannot be removed nothing is deleted.
func TestCancelMarkerLast(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	o := testOptions(t, disk)
	mustRun(t, s, f, o)
	before, refused := len(f.objects), errors.New("the marker stays")
	o.Uncommit = func(context.Context, *CommitStore) error { return refused }
	if _, err := Cancel(context.Background(), s, deleting{f}, o, true); !errors.Is(err, refused) || len(f.objects) != before {
		t.Errorf("%v, %d of %d objects", err, len(f.objects), before)
	}
	o.Uncommit = func(context.Context, *CommitStore) error {
		if len(f.objects) != before {
			t.Errorf("%d of %d objects when the marker goes", len(f.objects), before)
		}
		return nil
	}
	if out, err := Cancel(context.Background(), s, deleting{f}, o, true); err != nil || out.Deleted == 0 {
		t.Errorf("%+v, %v", out, err)
	}
}

// TestCancelOfNoRunInTarget: a mistyped run id is refused where the journal is in the target,
// too, from the run's own folder and from an empty one, and nothing is written.
func TestCancelOfNoRunInTarget(t *testing.T) {
	soon(t, 0)
	s, f, disk := mixed(), newFake(t), memDisk()
	halfway(t, s, f, mirrored(t, disk))
	before := len(f.objects)
	writes := 0
	f.hook = func(_ int, call, _ string) (bool, error) {
		if call == "put" || call == "create" || call == "delete" {
			writes++
		}
		return true, nil
	}
	for name, o := range map[string]Options{"own folder": mirrored(t, disk), "own folder, takeover": taking(disk), "empty folder": taking(memDisk())} {
		o.RunID = "run-l"
		out, err := Cancel(t.Context(), s, deleting{f}, o, true)
		if out != nil || !target.HasCode(err, target.CodeStateMismatch) || writes > 0 || len(f.objects) != before {
			t.Errorf("%s: %+v, %v; %d writes", name, out, err, writes)
		}
		if _, err := o.StateDir.ReadDir("runs/run-l"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: a folder was made: %v", name, err)
		}
	}
	f.hook = nil
	if out, err := Cancel(t.Context(), s, deleting{f}, taking(memDisk()), true); err != nil || out.Deleted == 0 {
		t.Errorf("the run itself: %+v, %v", out, err)
	}
}
