package importreport

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
)

// named has receipts that name their run as an import names it: with the attempt, and the digits
// of the state folder.
func named(t *testing.T, name string) fstest.MapFS {
	t.Helper()
	run := cleanRun()
	run.named = name
	return run.folder(t)
}

// TestCanceledNamed: a mark counts for the receipts of its run, which name the attempt and the state
// folder, too, also where no status is there that says the same. Another run's mark does not.
func TestCanceledNamed(t *testing.T) {
	for name, of := range map[string]bool{"run-1": true, "run-1.0123456789abcdef": true, "run-1.2.0123456789abcdef": true, "run-10": false, "run-2.0123456789abcdef": false} {
		folder := named(t, name)
		delete(folder, status.Name)
		folder[receipt.CancelName] = &fstest.MapFile{Data: []byte(`{"version":1,"run":"run-1"}`)}
		receipts, err := fs.Sub(folder, receiptsName)
		must(t, err)
		if mark, err := Canceled(folder, RunOf(receipts)); err != nil || (mark != nil) != of {
			t.Errorf("%s: %+v, %v", name, mark, err)
		}
		if d := read(t, folder); (d.State == request.StateCanceled) != of {
			t.Errorf("%s: the report says %s", name, d.State)
		}
	}
}

// TestReceiptsMarked: receipts that an older sledge has marked for a cancel which failed are named;
// by the mark in the run's folder, which is not there, the run is not canceled.
func TestReceiptsMarked(t *testing.T) {
	for text, told := range map[string]bool{`{"version":1,"run":"run-1"}`: true, `{`: true, `{"version":1,"run":"run-2"}`: false, "": false} {
		folder := named(t, "run-1.0123456789abcdef")
		if text != "" {
			folder["receipts/"+receipt.CancelName] = &fstest.MapFile{Data: []byte(text)}
		}
		d := read(t, folder)
		notes := strings.Join(d.Notes, "\n")
		if d.State == request.StateCanceled || strings.Contains(notes, "marked as canceled") != told {
			t.Errorf("%s: state %s, notes %s", text, d.State, notes)
		}
	}
}
