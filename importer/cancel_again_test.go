package importer

import (
	"context"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// emptied is a store whose deletes end with a call once no object of the run is left.
type emptied struct {
	deleting
	then func()
}

func (e emptied) Delete(ctx context.Context, key, version string) error {
	err := e.deleting.Delete(ctx, key, version)
	if e.ours() == 0 && !strings.Contains(key, ".sledge-") {
		e.then()
	}
	return err
}

// TestCancelAgain: the power is lost when a cancel has deleted each object, and with it what the
// journal has not synced of that. The next cancel knows the target without a word of its operator,
// and refuses another bucket as before. It leaves no marker.
func TestCancelAgain(t *testing.T) {
	for name, run := range map[string]func(*testing.T, *fakeSource, *fakeTarget, Options){
		"complete": func(t *testing.T, s *fakeSource, f *fakeTarget, o Options) { mustRun(t, s, f, o) },
		"halfway":  halfway,
	} {
		s, f, disk := mixed(), newFake(t), memDisk()
		run(t, s, f, testOptions(t, disk))
		had := f.ours()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var lost *vfs.Mem
		store := emptied{deleting{f}, func() { lost = disk.CrashClone(newRand(1), 0); stop() }}
		if _, err := Cancel(ctx, s, store, testOptions(t, disk), true); err == nil || lost == nil || f.ours() > 0 {
			t.Fatalf("%s: %v, %d objects", name, err, f.ours())
		}
		if _, err := Cancel(t.Context(), s, deleting{newFake(t)}, testOptions(t, lost.CrashClone(newRand(1), 0)), true); !target.HasCode(err, target.CodeTargetChanged) {
			t.Errorf("%s, at another bucket: %v", name, err)
		}
		out, err := Cancel(t.Context(), s, deleting{f}, testOptions(t, lost), true)
		if err != nil || int(out.Gone) != had {
			t.Errorf("%s: %+v of %d, %v", name, out, had, err)
		}
		if left := f.journalKeys(); len(left) > 0 || out != nil && out.JournalLeft != "" {
			t.Errorf("%s: left %q", name, left)
		}
		if out, err := Cancel(t.Context(), s, deleting{f}, testOptions(t, lost), true); err != nil || out.Gone+out.Deleted > 0 {
			t.Errorf("%s, again: %+v, %v", name, out, err)
		}
	}
}
