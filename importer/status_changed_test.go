package importer

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestStatusOfChanged: a completed run that is started again, and finds its target changed,
// says so in its status too, until a start finds it as it was. The numbers and the curve stay,
// wherever its journal is.
func TestStatusOfChanged(t *testing.T) {
	for name, inTarget := range map[string]bool{"folder": false, "target": true} {
		t.Run(name, func(t *testing.T) {
			s, f, disk := mixed(), newFake(t), memDisk()
			o := testOptions(t, disk)
			o.StatusEvery, o.JournalInTarget = time.Millisecond, inTarget
			mustRun(t, s, f, o)
			before, was, object := files(t, disk), statusTold(t, o), f.objects["in/a"]
			delete(f.objects, "in/a")
			if _, err := Run(context.Background(), s, f, o); !target.HasCode(err, target.CodeTargetChanged) {
				t.Fatalf("one of its objects is gone: %v", err)
			}
			is := statusTold(t, o)
			if is.State != request.StateHalted || is.Halt == nil || is.Halt.Code != target.CodeTargetChanged || is.Waits != "" {
				t.Errorf("%q, %+v", is.State, is.Halt)
			}
			if is.Progress != was.Progress || is.Attempt != was.Attempt || len(is.Problems) > 0 || !bytes.Equal(before[1], files(t, disk)[1]) {
				t.Errorf("it was %+v, and is %+v", was, is)
			}
			f.objects["in/a"] = object
			mustRun(t, s, f, o)
			if is = statusTold(t, o); is.State != request.StateDone || is.Halt != nil || is.Progress != was.Progress {
				t.Errorf("there again: %q, %+v", is.State, is)
			}
		})
	}
}

func files(t *testing.T, disk vfs.FS) (texts [][]byte) {
	t.Helper()
	for _, name := range []string{status.Name, status.HistoryName} {
		text, err := vfs.ReadFile(disk, name, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	return texts
}
