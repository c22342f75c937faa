package importer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/internal/audit"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestRunCutsAnew imports into a target that cannot take the manifest's parts:
// objects have other parts, the receipts say by whom, and verify by the store's
// checksums and by reading back.
func TestRunCutsAnew(t *testing.T) {
	for name, limit := range map[string]string{
		"fewer parts":   `"max_parts":2`,
		"one part":      `"max_parts":1`,
		"smaller parts": `"max_part":"6 MiB"`,
	} {
		t.Run(name, func(t *testing.T) {
			s, f, disk := mixed(), newFake(t), memDisk()
			s.file("vast", pattern(9, 40<<20))
			o := onTape(t, testOptions(t, disk), limit)
			if res := mustRun(t, s, f, o); !res.Complete {
				t.Fatalf("%+v", res)
			}
			f.check(t, s, "in/")
			for _, line := range readLines(t, disk, "receipts/objects.list") {
				if recut := line.Key == "in/vast" || line.Key == "in/big" && name != "fewer parts"; recut && line.PartsBy != entry.ByImporter || !recut && line.PartsBy == entry.ByImporter && line.Key != "in/dir/c" {
					t.Errorf("%s: parts by %s", line.Key, line.PartsBy)
				}
				if o := f.objects[line.Key]; line.Outcome == entry.OutcomeStored && line.PartsBy == entry.ByImporter && o.sha256 != line.SHA256 {
					t.Errorf("%s: the store has %s, the receipts %s", line.Key, o.sha256, line.SHA256)
				}
			}
			list, err := vfs.ReadFile(disk, "receipts/objects.list", 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			for _, by := range []audit.Method{audit.ByHead, audit.ByReadBack} {
				report, err := audit.Objects(context.Background(), bytes.NewReader(list), f, audit.ObjectOptions{By: by})
				if err != nil || report.Differences > 0 || report.Same != 9 {
					t.Errorf("by %s: %+v, %v", by, report, err)
				}
			}
			// Another store's object of the same content is the same.
			again := onTape(t, testOptions(t, memDisk()), limit)
			again.RunID = "run-2"
			if res := mustRun(t, s, f, again); res.Tally.Outcomes[entry.OutcomeAlreadyThere] != 9 {
				t.Errorf("again: %+v", res.Tally)
			}
		})
	}
}

// TestRecutClaimsProveNothing: what the importer says of an object that it cut anew
// is no proof, and gives no way around the other checks of a line.
func TestRecutClaimsProveNothing(t *testing.T) {
	s, f, disk := newSource(), newFake(t), memDisk()
	data := pattern(9, 40<<20)
	r := newSource().file("vast", data)
	r.SHA256 = nil // the job asked for no digest of the whole
	s.content["vast"] = data
	s.add(r)
	o := onTape(t, testOptions(t, disk), `"max_parts":2`)
	if res := mustRun(t, s, f, o); !res.Complete {
		t.Fatalf("%+v", res)
	}
	line := readLines(t, disk, "receipts/objects.list")[0]
	if line.PartsBy != entry.ByImporter {
		t.Fatalf("parts by %s", line.PartsBy)
	}
	verify := func(line receipt.Line) audit.ObjectReport {
		report, err := audit.Objects(context.Background(), linesOf(t, line), f, audit.ObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	if r := verify(line); r.Same != 1 || r.Proofs[entry.ProofReadBack] != 1 {
		t.Errorf("as it was stored: %+v", r)
	}
	sumless := line
	if sumless.SHA256 = ""; verify(sumless).Different != 1 {
		t.Errorf("no sum: %+v", verify(sumless))
	}
	for _, key := range []string{"", strings.Repeat("k", receipt.MaxKey+1)} {
		bad := line
		bad.Key = key
		if _, err := audit.Objects(context.Background(), linesOf(t, bad), f, audit.ObjectOptions{}); err == nil {
			t.Errorf("a key of %d bytes", len(key))
		}
	}
	// Garbage of the same size, with its own composite in store and list.
	forged := f.objects[line.Key]
	forged.data = bytes.Clone(forged.data)
	forged.data[7] ^= 1
	f.objects[line.Key] = forged
	if r := verify(line); r.Different != 1 {
		t.Errorf("forged: %+v", r)
	}
}

// linesOf writes an objects.list of these lines.
func linesOf(t *testing.T, lines ...receipt.Line) *strings.Reader {
	t.Helper()
	var b strings.Builder
	for _, line := range lines {
		text, err := json.Marshal(line)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%064x %s\n", 1, text)
	}
	return strings.NewReader(b.String())
}
