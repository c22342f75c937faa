package importreport

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
)

// TestCanceled: a run that was given up is canceled, with receipts and without, by its mark
// and by its status alone, and never complete.
func TestCanceled(t *testing.T) {
	mark, err := json.Marshal(receipt.CancelMark{Version: 1, Run: "run-1", At: testStart})
	must(t, err)
	byStatus, open := cleanRun(), openRun()
	byStatus.state = request.StateCanceled
	with := func(run aRun, mark string) fstest.MapFS {
		folder := run.folder(t)
		if mark != "" {
			folder[receipt.CancelName] = &fstest.MapFile{Data: []byte(mark)}
		}
		return folder
	}
	for name, folder := range map[string]fstest.MapFS{
		"receipts":      with(cleanRun(), string(mark)),
		"no receipts":   with(open, string(mark)),
		"status alone":  with(byStatus, ""),
		"unreadable":    with(cleanRun(), "{"),
		"other version": with(cleanRun(), `{"version":9}`),
	} {
		d := read(t, folder)
		v, r := d.Verdict(), reportOf(t, d)
		if v.Kind != "bad" || v.Head != "Canceled" || d.State != request.StateCanceled || d.Complete || r.Done || d.Halt != nil {
			t.Errorf("%s: %+v, state %s, complete %v, done %v", name, v, d.State, d.Complete, r.Done)
		}
		text := &strings.Builder{}
		if r.Text(text); strings.Contains(text.String(), "Completed") {
			t.Errorf("%s: %s", name, text)
		}
		if m, err := Canceled(folder, ""); m == nil || err != nil {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
	torn := with(cleanRun(), string(mark))
	torn[status.Name] = &fstest.MapFile{}
	if m, err := Canceled(torn, ""); m == nil || err != nil {
		t.Errorf("with an empty status: %v, %v", m, err)
	}
	if m, err := Canceled(cleanRun().folder(t), ""); m != nil || err != nil {
		t.Errorf("of a run that was not: %+v, %v", m, err)
	}
}
