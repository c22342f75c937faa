package appliance

import (
	"context"
	"testing"

	"github.com/sledge-io/sledge/appliance/scan"
)

// TestPreview: what a preview says is what the load then does, and the preview changes nothing.
func TestPreview(t *testing.T) {
	l := newLoads(t)
	l.write("same", "1")
	l.write("changed", "2")
	l.write("gone", "3")
	l.must(LoadOptions{})
	l.write("changed", "22")
	l.write("new", "4444")
	l.tree.Remove("gone")
	before := l.d.state.packs
	var found []scan.Finding
	o := LoadOptions{Tree: l.tree, Rules: scan.Rules{MaxObject: 3}, AcceptFindings: true, Found: func(f scan.Finding) error { found = append(found, f); return nil }}
	p, err := l.d.Preview(context.Background(), "/site", o)
	if err != nil {
		t.Fatal(err)
	}
	if p.Resumes || p.Plan.Entries != 2 || p.Plan.Bytes != 6 || p.Scan.Unchanged != 1 || p.Scan.Gone != 1 || len(found) != 1 || !p.Plan.Fits || p.Plan.OnDisks <= p.Plan.Bytes {
		t.Errorf("%+v, %d found", p, len(found))
	}
	if lists, err := l.d.findLists(); err != nil || len(lists) != 1 || l.d.state.packs != before {
		t.Errorf("%d lists, %d packs, %v", len(lists), l.d.state.packs, err)
	}
	var planned Plan
	o.Planned = func(p Plan) { planned = p }
	if rep := l.must(o); rep.Entries != p.Plan.Entries || planned.Entries != 2 || planned.Bytes != 6 {
		t.Errorf("loaded %d entries, planned %+v", rep.Entries, planned)
	}
	if big := l.d.Plan(1, 1<<60); big.Fits || big.Fullest == "" {
		t.Errorf("an exbibyte fits: %+v", big)
	}
	if many := l.d.Plan(1<<40, 0); many.Fits || many.Metadata < 1<<40 {
		t.Errorf("a trillion entries fit: %+v", many)
	}
}
