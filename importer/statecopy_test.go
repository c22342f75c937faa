package importer

import (
	"errors"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/entry"
)

// TestCopyOfPages: a copy of a state shares the journal's pages files by links with the process that it
// was taken from. Both write on, and neither reads what the other has written.
func TestCopyOfPages(t *testing.T) {
	disk := memDisk()
	j, err := openJournal(disk, "")
	if err != nil {
		t.Fatal(err)
	}
	write := func(j *journal, text string) {
		t.Helper()
		for i := range 24 { // two turns
			rec := record{Outcome: entry.OutcomeStored, Detail: strings.Repeat(text, 420<<10)}
			if err := j.setOutcome(entry.PlaceOf(uint64(i%3), 0), rec); err != nil {
				t.Fatal(err)
			}
		}
		if err := j.flush(); err != nil {
			t.Fatal(err)
		}
	}
	write(j, "a")
	if err := copyState(t.Context(), disk, "", takenName(2)); err != nil {
		t.Fatal(err)
	}
	copied, err := openJournal(disk, takenName(2))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		write(copied, "b")
		write(j, "c")
	}
	if err := errors.Join(copied.close(), j.close()); err != nil {
		t.Fatal(err)
	}
	for base, text := range map[string]string{"": "c", takenName(2): "b"} {
		j, err := openJournal(disk, base)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for rows := j.cursor('o', 0); ; n++ {
			var rec record
			_, ok, err := rows.next(&rec)
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			if rec.Detail != strings.Repeat(text, 420<<10) {
				t.Errorf("%q has an outcome of %.1q", base, rec.Detail)
			}
		}
		if n != 3 {
			t.Errorf("%q: %d outcomes", base, n)
		}
		if err := j.close(); err != nil {
			t.Error(err)
		}
	}
}
