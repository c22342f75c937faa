package union

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

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

// unionLine is of a file whose content is named by sum.
func unionLine(t *testing.T, outcome entry.Outcome, key string, size int64, sum string) receipt.Line {
	t.Helper()
	digest := sha256.Sum256([]byte(sum))
	r := &manifest.Record{Kind: manifest.KindFile, Path: key, Size: size, SHA256: digest[:],
		Extents: []manifest.Extent{{Length: size}}}
	raw, err := r.Encode()
	if err != nil || len(raw) != 1 {
		t.Fatal(err)
	}
	l := receipt.Line{Record: raw[0], RecordSalt: digest[:], Outcome: outcome, Key: key, Size: &size, SHA256: target.Encode64(digest[:])}
	if l.InStore() {
		l.Proof, l.Verified = entry.ProofSHA256, time.Unix(1, 0)
	}
	if outcome == entry.OutcomeConflict {
		l.Error = target.CodeConflict
	}
	return l
}

// cutAs is the line with an object that the importer cut anew.
func cutAs(l receipt.Line, partSize int64, sum string) receipt.Line {
	l.PartSize, l.SHA256, l.PartsBy = partSize, sum, entry.ByImporter
	return l
}

func TestUnion(t *testing.T) {
	u := New(vfs.NewMem(vfs.MemOptions{}))
	defer u.Close()
	lists := [][]receipt.Line{
		{unionLine(t, entry.OutcomeStored, "in/a", 1, "A"), unionLine(t, entry.OutcomeStored, "in/b", 2, "B"), unionLine(t, entry.OutcomeStored, "in/same", 3, "S"),
			unionLine(t, entry.OutcomeConflict, "in/foreign", 9, "F"),
			unionLine(t, entry.OutcomeStored, "in/cut", 8, "C"), cutAs(unionLine(t, entry.OutcomeStored, "in/other", 8, "C"), 4, "-2")},
		{unionLine(t, entry.OutcomeAlreadyThere, "in/same", 3, "S"), unionLine(t, entry.OutcomeConflict, "in/b", 2, "X"), unionLine(t, entry.OutcomeFailed, "in/a", 1, "A"),
			cutAs(unionLine(t, entry.OutcomeAlreadyThere, "in/cut", 8, "C"), 4, "-2"), unionLine(t, entry.OutcomeAlreadyThere, "in/other", 8, "D")},
		{unionLine(t, entry.OutcomeConflict, "in/b", 5, "Y"), unionLine(t, entry.OutcomeStored, "in/c", 7, "C"), unionLine(t, entry.OutcomeStored, "in/a", 4, "Z")},
	}
	for i, lines := range lists {
		if err := u.Add(i, linesOf(t, lines...)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := u.Report()
	if err != nil {
		t.Fatal(err)
	}
	want := &Report{Objects: 6, Bytes: 1 + 2 + 3 + 7 + 8 + 8, Shared: 2, Disputed: 3, Disputes: []Dispute{
		{Key: "in/a", Holder: 0, Others: []int{2}}, // both say that they stored it: one was overwritten by somebody
		{Key: "in/b", Holder: 0, Others: []int{1, 2}},
		{Key: "in/other", Holder: 0, Others: []int{1}}, // another cut is no reason to call other content the same
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestUnionRefuses a list that is cut off or is none.
func TestUnionRefuses(t *testing.T) {
	for _, text := range []string{"x\n", fmt.Sprintf("%064x {}", 1), fmt.Sprintf("%064x {\n", 1)} {
		u := New(vfs.NewMem(vfs.MemOptions{}))
		if err := u.Add(0, strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%q: %v", text, err)
		}
		u.Close()
	}
}

// TestUnionOfPlans: what devices would store under one key with other content, and in a store of
// folders what one has as a file and another as a folder, is known before anything is sent.
func TestUnionOfPlans(t *testing.T) {
	for _, folders := range []bool{true, false} {
		u := New(vfs.NewMem(vfs.MemOptions{}))
		defer u.Close()
		if folders {
			u.Folders()
		}
		for device, keys := range []map[string]string{
			{"in/x": "1", "in/dif": "A", "in/s": "s", "in/only": "o", "in/d/": "", "in/own": "1", "in/own/y": "2"},
			{"in/x/y": "2", "in/x-": "3", "in/dif": "B", "in/s": "s", "in/d/e": "4"},
		} {
			for key, content := range keys {
				line := unionLine(t, entry.OutcomeStored, "in/record", 1, content)
				r, err := manifest.DecodeRecord(line.Record)
				if err != nil {
					t.Fatal(err)
				}
				if err := u.Plan(device, key, 1, r); err != nil {
					t.Fatal(err)
				}
			}
		}
		got, err := u.Report()
		if err != nil {
			t.Fatal(err)
		}
		want := []Dispute{{Key: "in/dif", Holder: 0, Others: []int{1}}}
		if folders {
			want = append(want, Dispute{Key: "in/x/y", Holder: 0, Others: []int{1}, Above: "in/x"})
		}
		if !reflect.DeepEqual(got.Disputes, want) || got.Disputed != uint64(len(want)) || got.Shared != 1 {
			t.Errorf("folders %v: %+v", folders, got)
		}
	}
}
