package importer

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
)

// asOldLostPage leaves a folder as software before e30f55c did: a start met a lost page and
// took for done a page in which only the long entry begins that goes on there. ended is how a
// later start with all disks left it, whose receipts could not be written.
func asOldLostPage(t *testing.T, o Options, page uint64, ended bool, tally entry.Tally) {
	t.Helper()
	j, err := openJournal(o.StateDir, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := j.setPage(page, entry.NewTally()); err != nil {
		t.Fatal(err)
	}
	if ended {
		if err := j.store(finishedKey, finished{At: time.Now().UTC(), Tally: tally}, true); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
}

// TestHealOldLostPage: a folder in which a page is taken for done although an entry that begins
// there never came is healed by the next start, which says so; before, it ended with
// journal-lost for ever.
func TestHealOldLostPage(t *testing.T) {
	for _, held := range []int{0, 100} {
		for _, ended := range []bool{false, true} {
			s, f := newSource(), newFake(t)
			for _, path := range []string{"a", "b", "c", "d"} { // page 0
				s.file(path, []byte(path))
			}
			s.long("m")
			e := &s.entries[len(s.entries)-1]
			for range 10 { // pages 1 to 3, and one record on page 4
				e.Raw = append(e.Raw, e.Raw[0])
				s.totals.Records++
			}
			for _, path := range []string{"n", "o", "p", "q", "r", "s"} {
				s.file(path, []byte(path))
			}
			s.sort()
			o := testOptions(t, memDisk())
			o.DeferComplete = held
			if _, err := Run(t.Context(), &brokenSource{s, map[uint64]bool{2: true}}, f, o); !target.HasCode(err, target.CodePageLost) {
				t.Fatal(err)
			}
			tally := entry.NewTally()
			for _, e := range s.entries {
				if e.Record.Path != "m" {
					tally.Add(e, entry.OutcomeStored, entry.ProofSHA256, e.Record.Size)
				}
			}
			asOldLostPage(t, o, 1, ended && held == 0, tally)
			var said bytes.Buffer
			o.Log = slog.New(slog.NewTextHandler(&said, nil))
			res, err := Run(t.Context(), s, f, o)
			if err != nil || !res.Complete || res.Tally.Entries() != uint64(len(s.entries)) || res.Tally.Manifest.Records != s.totals.Records {
				t.Errorf("held %d, ended %v: %v, %+v", held, ended, err, res)
			}
			if strings.Count(said.String(), "a page of the manifest was taken for done") != 1 {
				t.Errorf("said %s", said.String())
			}
			f.check(t, s, "in/")
		}
	}
}

// TestHealsNothingElse: a manifest whose totals do not fit its records is no damage of the
// folder: every page stays done, and the difference is told.
func TestHealsNothingElse(t *testing.T) {
	s, f, disk := manyFiles(20), newFake(t), memDisk()
	s.totals.Files++
	o := testOptions(t, disk)
	var said bytes.Buffer
	o.Log = slog.New(slog.NewTextHandler(&said, nil))
	res, err := Run(t.Context(), s, f, o)
	if err != nil || res.Complete || len(res.Differences) != 1 || strings.Contains(said.String(), "was taken for done") {
		t.Errorf("%v, %+v, said %s", err, res, said.String())
	}
	if f.byCall["put"] > 20+12 {
		t.Errorf("%d puts", f.byCall["put"])
	}
}
