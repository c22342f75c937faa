package importreport

import (
	"testing"
	"testing/fstest"

	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/request"
)

// TestCanceledByAnother: the mark of another run, which an older sledge has left in the folder,
// says nothing of this one.
func TestCanceledByAnother(t *testing.T) {
	foreign := &fstest.MapFile{Data: []byte(`{"version":1,"run":"run-0"}`)}
	for name, run := range map[string]aRun{"receipts": cleanRun(), "no receipts": openRun()} {
		folder := run.folder(t)
		folder[receipt.CancelName] = foreign
		d := read(t, folder)
		if d.Canceled != nil || d.State == request.StateCanceled {
			t.Errorf("%s: %+v, %s", name, d.Canceled, d.State)
		}
		if runs := Runs(folder); len(runs) != 1 || runs[0].State == request.StateCanceled {
			t.Errorf("%s: %+v", name, runs)
		}
		if m, err := Canceled(folder, d.Run); m != nil || err != nil {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
	lone := cleanRun().folder(t) // its status is lost
	delete(lone, "status.json")
	lone[receipt.CancelName] = foreign
	if runs := Runs(lone); len(runs) != 1 || runs[0].State == request.StateCanceled || read(t, lone).Canceled != nil {
		t.Errorf("without a status: %+v", runs)
	}
}
