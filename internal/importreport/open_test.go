package importreport

import (
	"strings"
	"testing"

	"github.com/sledge-io/sledge/manifest"
)

// TestOneRunIsOpen: a report of two devices, of which one run has no receipts yet, is
// not final, and says so.
func TestOneRunIsOpen(t *testing.T) {
	open := cleanRun()
	open.scope = manifest.Scope{Job: testScope.Job, Device: manifest.ID{7}, Generation: 1}
	b := read(t, open.folder(t))
	b.Final = false
	r := reportOf(t, read(t, cleanRun().folder(t)), b)
	if v := r.Verdict(); r.Final || r.Done || v.Kind == "good" || !strings.HasPrefix(v.Head, "Not final") {
		t.Errorf("final %v, done %v, verdict %+v", r.Final, r.Done, v)
	}
}
