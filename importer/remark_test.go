package importer

import (
	"bytes"
	"testing"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// TestRunWithRemarks: an entry of which a later look failed is stored and proven, and
// the run says so by its exit, at every start and in the status.
func TestRunWithRemarks(t *testing.T) {
	s, f := newSource(), newFake(t)
	for _, r := range []*manifest.Record{s.file("a", []byte("good")), s.file("b", []byte("the last good version")), s.file("c", nil)} {
		if r.Path != "a" {
			r.Remark, r.RemarkDetail = "unreadable", "input/output error"
		}
	}
	remarked := newSource()
	for _, e := range s.entries {
		remarked.content[e.Record.Path] = s.content[e.Record.Path]
		remarked.add(e.Record)
	}
	o := testOptions(t, memDisk())
	for start := range 2 {
		res := mustRun(t, remarked, f, o)
		if !res.Complete || res.ExitClass() != ExitSkipped || res.Tally.Outcomes[entry.OutcomeStored] != 3 || res.Tally.Remarks != 2 || len(res.Differences) > 0 || res.Receipts == "" {
			t.Errorf("start %d: class %v, %+v", start, res.ExitClass(), res.Tally)
		}
	}
	f.check(t, remarked, "in/")
	list, err := vfs.ReadFile(o.StateDir, "receipts/objects.list", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range bytes.Split(bytes.TrimSuffix(list, []byte("\n")), []byte("\n")) {
		l, err := receipt.ParseLine(append(text, '\n'))
		if err != nil {
			t.Fatal(err)
		}
		reason, detail, err := manifest.PeekRemark(l.Record)
		if err != nil || (reason == "unreadable") != (i > 0) || (detail != "") != (i > 0) || l.Error != "" || l.Outcome != entry.OutcomeStored {
			t.Errorf("line %d: %q %q %v %+v", i, reason, detail, err, l)
		}
	}
	dry := testOptions(t, memDisk())
	dry.DryRun = true
	if res := mustRun(t, remarked, newFake(t), dry); res.ExitClass() != ExitComplete || res.Tally.Remarks != 2 {
		t.Errorf("plan: class %v, %+v", res.ExitClass(), res.Tally)
	}
}
