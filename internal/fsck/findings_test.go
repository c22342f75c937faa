package fsck

import (
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/fsck/findings"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// TestFindingIsOneLine: a stranger's words make no second line of a finding, and nothing
// that a terminal obeys.
func TestFindingIsOneLine(t *testing.T) {
	f := findings.New()
	f.Add(Note, "unknown-file", findings.Nowhere(), "", "a\nverdict clean\x1b[2K\u202e\xff ü")
	f.Repeat(Note, "unknown-pack", findings.Nowhere(), "", "b\r")
	r := &Report{}
	f.Finish(r)
	want := []string{`a\nverdict clean\x1b[2K\u202e\xff ü`, `b\r`}
	for i, finding := range r.Findings {
		if finding.Text != want[i] {
			t.Errorf("%q, want %q", finding.Text, want[i])
		}
	}
}

// TestFindingsByPack: packs are checked side by side, and their findings come in one order.
func TestFindingsByPack(t *testing.T) {
	f, r := findings.New(), &Report{}
	for _, id := range []byte{3, 1, 2} {
		f.Add(Lost, "stripe-lost", findings.InPack(&wire.PackEntry{ID: wire.ID{id}}), "", "x")
	}
	f.Finish(r)
	if len(r.Findings) != 3 || r.Findings[0].Pack > r.Findings[1].Pack || r.Findings[1].Pack > r.Findings[2].Pack {
		t.Errorf("%+v", r.Findings)
	}
}

// TestShortHashListIsOneLine: joined errors make no second line either.
func TestShortHashListIsOneLine(t *testing.T) {
	d := makeDevice(t, smallPlan())
	d.file(1, d.hashes(0)).Data = d.file(1, d.hashes(0)).Data[:40]
	r := run(t, d.options())
	for _, f := range r.Findings {
		if strings.ContainsAny(f.Text, "\n") || f.Class == "hashlist-copy1-bad" && !strings.Contains(f.Text, "unexpected EOF: EOF") {
			t.Errorf("%q", f.Text)
		}
	}
}
