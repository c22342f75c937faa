package importer

import (
	"testing"

	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/durable"
)

// TestCancelForeignMark: a host that was refused a run which another one has canceled keeps the
// mark of that run in its folder, which was empty. The next run there has a folder of its own.
func TestCancelForeignMark(t *testing.T) {
	soon(t, 0)
	s, f, there := mixed(), newFake(t), memDisk()
	halfway(t, s, f, mirrored(t, memDisk()))
	if _, err := Cancel(t.Context(), s, deleting{f}, taking(memDisk()), true); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), s, f, mirrored(t, there)); !target.HasCode(err, target.CodeCanceled) {
		t.Fatal(err)
	}
	for range 2 {
		o := mirrored(t, there)
		o.RunID = "run-2"
		if res := mustRun(t, s, f, o); !res.Complete || res.Receipts != "runs/run-2/receipts" {
			t.Errorf("%+v", res)
		}
	}
	if _, err := Run(t.Context(), s, f, mirrored(t, there)); !target.HasCode(err, target.CodeCanceled) {
		t.Errorf("the first run: %v", err)
	}
}

// TestCancelOverForeignMark: in a folder that an older sledge has left with the mark of another
// run, a cancel says that its own run is canceled once the mark says so.
func TestCancelOverForeignMark(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	o := testOptions(t, disk)
	mustRun(t, s, f, o)
	for _, folder := range []string{"", "receipts/"} {
		if err := durable.WriteFile(disk, folder+receipt.CancelName, []byte(`{"version":1,"run":"run-0"}`)); err != nil {
			t.Fatal(err)
		}
	}
	if res := mustRun(t, s, f, o); !res.Complete {
		t.Fatalf("%+v", res)
	}
	if out, err := Cancel(t.Context(), s, deleting{f}, o, false); err != nil || !out.Recorded {
		t.Fatalf("%+v, %v", out, err)
	}
	for _, m := range marked(t, disk, "") {
		if m.Run != "run-1" {
			t.Errorf("it is marked by %+v", m)
		}
	}
}
