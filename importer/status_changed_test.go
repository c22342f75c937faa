package importer

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestStatusOfChanged: a completed run that is started again, and finds its target changed,
// says so, and leaves its status and its curve as they were, wherever its journal is.
func TestStatusOfChanged(t *testing.T) {
	for name, inTarget := range map[string]bool{"folder": false, "target": true} {
		t.Run(name, func(t *testing.T) {
			s, f, disk := mixed(), newFake(t), memDisk()
			o := testOptions(t, disk)
			o.StatusEvery, o.JournalInTarget = time.Millisecond, inTarget
			mustRun(t, s, f, o)
			before := files(t, disk)
			delete(f.objects, "in/a")
			if _, err := Run(context.Background(), s, f, o); !target.HasCode(err, target.CodeTargetChanged) {
				t.Fatalf("one of its objects is gone: %v", err)
			}
			for i, after := range files(t, disk) {
				if !bytes.Equal(before[i], after) {
					t.Errorf("it was\n%s\nand is\n%s", before[i], after)
				}
			}
		})
	}
}

func files(t *testing.T, disk vfs.FS) (texts [][]byte) {
	t.Helper()
	for _, name := range []string{StatusName, HistoryName} {
		text, err := vfs.ReadFile(disk, name, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	return texts
}
