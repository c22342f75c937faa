package importer

import (
	"bytes"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestStatusOfEnded: a completed run that is started again leaves its status, with the
// problems that it met, and its curve as they were.
func TestStatusOfEnded(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	o := testOptions(t, disk)
	o.StatusEvery = time.Millisecond
	failed := false
	f.hook = func(_ int, call, key string) (bool, error) {
		if call == "put" && key == "in/a" && !failed {
			failed = true
			return false, target.NewError(target.CodeThrottled, key, "slow down", nil)
		}
		return true, nil
	}
	mustRun(t, s, f, o)
	read := func() (files [][]byte) {
		for _, name := range []string{status.Name, status.HistoryName} {
			text, err := vfs.ReadFile(disk, name, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, text)
		}
		return files
	}
	before := read()
	if res := mustRun(t, s, f, o); !res.Earlier {
		t.Fatalf("%+v", res)
	}
	for i, after := range read() {
		if !bytes.Equal(before[i], after) {
			t.Errorf("it was\n%s\nand is\n%s", before[i], after)
		}
	}
}
