package lease

import (
	"context"
	"errors"
	"io/fs"
	"testing"

	"github.com/sledge-io/sledge/importer/target"
)

// slots are places in memory.
type slots map[uint64]Lease

func (s slots) Create(_ context.Context, number uint64, l Lease) error {
	if _, ok := s[number]; ok {
		return target.NewError(target.CodeKeyExists, "", "", nil)
	}
	s[number] = l
	return nil
}

func (s slots) Read(_ context.Context, number uint64) (Lease, error) {
	if l, ok := s[number]; ok {
		return l, nil
	}
	return Lease{}, fs.ErrNotExist
}

func (s slots) Highest(context.Context) (highest uint64, err error) {
	for n := range s {
		highest = max(highest, n)
	}
	return highest, nil
}

// TestLook: a lease is lost by the next one of somebody else, by another text in its own slot, and
// by its removal; the next one of our own is no answer.
func TestLook(t *testing.T) {
	ours := func(l Lease) bool { return l.ID == "us" }
	us, them := Lease{ID: "us"}, Lease{ID: "them", Holder: Holder{Host: "b", PID: 7, At: This().At}}
	tests := []struct {
		name    string
		slots   slots
		lost    bool
		unknown bool
		gone    bool
		by      string
	}{
		{name: "ours", slots: slots{1: them, 2: us}},
		{name: "taken", slots: slots{2: us, 3: them}, lost: true, by: "b"},
		{name: "taken, and nobody can say by whom", slots: slots{2: us, 3: {}}, lost: true},
		{name: "written by a copy of the folder", slots: slots{2: them}, lost: true, by: "b"},
		{name: "removed", slots: slots{1: them}, lost: true, gone: true},
		{name: "our own next one", slots: slots{2: us, 3: us}, unknown: true},
	}
	for _, test := range tests {
		err := Look(t.Context(), test.slots, 2, ours)
		var lost *Lost
		if is := errors.As(err, &lost); is != test.lost || (err != nil && !is) != test.unknown {
			t.Errorf("%s: %v", test.name, err)
		} else if is && (lost.Gone != test.gone || lost.By.Host != test.by) {
			t.Errorf("%s: %+v", test.name, lost)
		}
	}
	s := slots{4: them}
	if n, err := Take(t.Context(), s, us); n != 5 || err != nil || s[5].ID != "us" || Last(t.Context(), s).ID != "us" {
		t.Errorf("%d, %v, %v", n, err, s)
	}
}
