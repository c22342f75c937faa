package importreport

import (
	"strings"
	"testing"

	"github.com/sledge-io/sledge/manifest"
)

// TestOneRunIsOpen: a report of two devices, of which one run has no receipts yet, is
// not final, and says so, also where the other run has ended with errors.
func TestOneRunIsOpen(t *testing.T) {
	for _, ended := range []aRun{cleanRun(), troubledRun()} {
		open := cleanRun()
		open.scope = manifest.Scope{Job: testScope.Job, Device: manifest.ID{7}, Generation: 1}
		b := read(t, open.folder(t))
		b.Final = false
		r := reportOf(t, read(t, ended.folder(t)), b)
		if v := r.Verdict(); r.Final || r.Done || v.Kind == "good" || v.Head != "Not final" || !strings.Contains(v.Text, "has no receipts yet") {
			t.Errorf("final %v, done %v, verdict %+v", r.Final, r.Done, v)
		}
	}
}
