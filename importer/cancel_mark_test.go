package importer

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// marked reads the marks of a run and of its receipts.
func marked(t *testing.T, disk vfs.FS, base string) (marks []receipt.CancelMark) {
	t.Helper()
	for _, folder := range []string{base, base + "receipts/"} {
		text, err := vfs.ReadFile(disk, folder+receipt.CancelName, 4<<10)
		if err != nil {
			t.Errorf("%s: %v", folder, err)
			continue
		}
		var m receipt.CancelMark
		if err := json.Unmarshal(text, &m); err != nil {
			t.Error(err)
		}
		marks = append(marks, m)
	}
	return marks
}

// TestCancelMark: whoever reads a canceled run's folder or its receipts is told so, and
// that is on the disk before anything is deleted.
func TestCancelMark(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	o := testOptions(t, disk)
	mustRun(t, s, f, o)
	second := o
	second.RunID = "run-2"
	mustRun(t, s, f, second)
	o.Uncommit = func(context.Context, *CommitStore) error {
		crashed := disk.CrashClone(newRand(1), 0)
		for _, m := range marked(t, crashed, "") {
			if m.Version != receipt.CancelVersion || m.Run != "run-1" || time.Since(m.At) > time.Hour || m.PID == 0 {
				t.Errorf("%+v", m)
			}
		}
		return nil
	}
	if out, err := Cancel(t.Context(), s, deleting{f}, o, true); err != nil || out.Deleted == 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	if _, err := disk.Stat("runs/run-2/" + receipt.CancelName); err == nil {
		t.Error("the other run is marked")
	}
	first := marked(t, disk, "")
	if _, err := Cancel(t.Context(), s, deleting{f}, o, true); err != nil {
		t.Fatal(err)
	}
	if again := marked(t, disk, ""); len(first) != 2 || len(again) != 2 || !again[0].At.Equal(first[0].At) {
		t.Errorf("the second call says %+v, the first %+v", again, first)
	}
}

// TestCancelMarkElsewhere: a host that learns in the target that another one has canceled
// the run marks its own folder.
func TestCancelMarkElsewhere(t *testing.T) {
	soon(t, time.Hour)
	s, f, disk := mixed(), newFake(t), memDisk()
	halfway(t, s, f, mirrored(t, disk))
	if _, err := Cancel(t.Context(), s, deleting{f}, taking(memDisk()), true); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), s, f, mirrored(t, disk)); !target.HasCode(err, target.CodeCanceled) {
		t.Fatal(err)
	}
	if _, err := disk.Stat(receipt.CancelName); err != nil {
		t.Error(err)
	}
}
