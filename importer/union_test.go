package importer

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/vfs"
)

// linesOf writes an objects.list of these lines.
func linesOf(t *testing.T, lines ...Line) *strings.Reader {
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

func unionLine(outcome Outcome, key string, size int64, sum string) Line {
	l := Line{Outcome: outcome, Key: key, Size: &size, SHA256: sum}
	if outcome == OutcomeConflict {
		l.Error = CodeConflict
	}
	return l
}

func TestUnion(t *testing.T) {
	u := NewUnion(vfs.NewMem(vfs.MemOptions{}))
	defer u.Close()
	lists := [][]Line{
		{unionLine(OutcomeStored, "in/a", 1, "A"), unionLine(OutcomeStored, "in/b", 2, "B"), unionLine(OutcomeStored, "in/same", 3, "S"),
			unionLine(OutcomeConflict, "in/foreign", 9, "F"), {Outcome: OutcomeNoObject}},
		{unionLine(OutcomeAlreadyThere, "in/same", 3, "S"), unionLine(OutcomeConflict, "in/b", 2, "X"), unionLine(OutcomeFailed, "in/a", 1, "A")},
		{unionLine(OutcomeConflict, "in/b", 5, "Y"), unionLine(OutcomeStored, "in/c", 7, "C"), unionLine(OutcomeStored, "in/a", 4, "Z")},
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
	want := &UnionReport{Objects: 4, Bytes: 1 + 2 + 3 + 7, Shared: 1, Disputed: 2, Disputes: []Dispute{
		{"in/a", 0, []int{2}}, // both say that they stored it: one was overwritten by somebody
		{"in/b", 0, []int{1, 2}},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestUnionRefuses a list that is cut off or is none.
func TestUnionRefuses(t *testing.T) {
	for _, text := range []string{"x\n", fmt.Sprintf("%064x {}", 1), fmt.Sprintf("%064x {\n", 1)} {
		u := NewUnion(vfs.NewMem(vfs.MemOptions{}))
		if err := u.Add(0, strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%q: %v", text, err)
		}
		u.Close()
	}
}
