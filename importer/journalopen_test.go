package importer

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// writeOutcomes writes so many outcomes, over and over the same places, each so long that ten of
// them bring a turn of the journal.
func writeOutcomes(j *journal, n int) error {
	for i := range n {
		rec := record{Outcome: entry.OutcomeStored, Detail: strings.Repeat(fmt.Sprint(i%10), 420<<10)}
		if err := j.setOutcome(entry.Place(i%3), rec); err != nil {
			return err
		}
	}
	return nil
}

// crashedJournals are disks as a power cut in the middle of a turn may leave them: with two files of
// changes, and files of pages that count, count no more, or not yet.
func crashedJournals(t *testing.T, n int) (disks []*vfs.Mem) {
	t.Helper()
	disk, rng := memDisk(), newRand(3)
	if err := useJournal(disk); err != nil {
		t.Fatal(err)
	}
	j, err := openJournal(disk, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := j.store(headerKey, header{Version: 7}, true); err != nil {
		t.Fatal(err)
	}
	disk.OnOp(func(op vfs.Op) error {
		if (op.Kind == vfs.OpSync || op.Kind == vfs.OpRemove) && len(disks) < n {
			disks = append(disks, disk.CrashClone(rng, 100))
		}
		return nil
	})
	for len(disks) < n {
		if err := writeOutcomes(j, 7); err != nil {
			t.Fatal(err)
		}
	}
	disk.OnOp(nil)
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	return disks
}

// useJournal opens a journal, uses it in every way, and closes it.
func useJournal(disk vfs.FS) error {
	j, err := openJournal(stateOf(disk), "")
	if err != nil {
		return err
	}
	var h header
	_, err = j.load(headerKey, &h)
	if err == nil {
		err = writeOutcomes(j, 12)
	}
	if err == nil {
		err = j.setUpload(entry.Place(7), pending{UploadID: "7"})
	}
	if err == nil {
		err = readOutcomes(j)
	}
	return errors.Join(err, j.close())
}

func readOutcomes(j *journal) error {
	for c := j.cursor('o', 0); ; {
		var rec record
		if _, ok, err := c.next(&rec); err != nil || !ok {
			return err
		}
	}
}

// within ends the test with all stacks if f takes too long.
func within(t *testing.T, f func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-time.After(20 * time.Minute):
		stacks := make([]byte, 1<<20)
		t.Fatalf("the journal hangs: %s", stacks[:runtime.Stack(stacks, true)])
	}
	return nil
}

// TestJournalEveryOperation has each operation of opening, using and closing a
// journal fail, once or from there on, over turns of the journal: there is an error with a code and a remedy, nothing escapes, and what
// was durable is there when the disk is well again.
func TestJournalEveryOperation(t *testing.T) {
	n, step := 3, 3
	if os.Getenv("SLEDGE_LONG") != "" {
		n, step = 12, 1
	}
	modes := []struct {
		name string
		rule vfs.Rule
		want target.Code
	}{
		{"once", vfs.Rule{}, target.CodeJournalLost},
		{"dead from there on", vfs.Rule{Times: 1 << 30}, target.CodeJournalLost},
		{"full from there on", vfs.Rule{Op: vfs.OpWrite, Times: 1 << 30, Err: syscall.ENOSPC}, target.CodeJournalFull},
		{"bytes rot", vfs.Rule{Op: vfs.OpRead, Flip: true, Times: 1 << 30}, target.CodeJournalLost},
	}
	runs, failed := 0, 0
	for i, crashed := range crashedJournals(t, n) {
		for _, m := range modes {
			for nth := 1 + i%step; ; nth += step {
				disk := crashed.CrashClone(newRand(1), 100)
				rule := m.rule
				rule.Nth = nth
				fault := vfs.NewFault(disk)
				fired := fault.Add(rule)
				err := within(t, func() error { return useJournal(fault) })
				fault.Clear()
				runs++
				if err != nil {
					failed++
					var e *target.Error
					if !errors.As(err, &e) || e.Code != m.want || e.Remedy == "" {
						t.Errorf("journal %d, operation %d, %s: %v", i, nth, m.name, err)
					}
				}
				if fired() == 0 {
					break
				}
				if err := within(t, func() error { return checkAfter(disk) }); err != nil {
					t.Fatalf("journal %d, operation %d, %s: then %v", i, nth, m.name, err)
				}
			}
		}
	}
	t.Logf("figure: the journal's disk failed at %d operations of opening, using and closing it: %d errors, each with its code", runs, failed)
}

// checkAfter looks for what was durable.
func checkAfter(disk vfs.FS) error {
	j, err := openJournal(stateOf(disk), "")
	if err != nil {
		return err
	}
	var h header
	ok, err := j.load(headerKey, &h)
	if err == nil && (!ok || h.Version != 7) {
		err = errors.New("the header is gone")
	}
	return errors.Join(err, readOutcomes(j), j.close())
}

// TestJournalPageRots has a bit of a page flip on its way to the disk: there is an error that says
// which page, the journal forgets it and that it was done, and the next start has all the others.
func TestJournalPageRots(t *testing.T) {
	disk := memDisk()
	fault := vfs.NewFault(disk)
	j, err := openJournal(stateOf(fault), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range []uint64{0, 1} {
		if err := errors.Join(j.setPage(page, entry.NewTally()), j.setOutcome(entry.PlaceOf(page, 9), record{Outcome: entry.OutcomeStored})); err != nil {
			t.Fatal(err)
		}
	}
	fault.Add(vfs.Rule{Op: vfs.OpWrite, Path: "*.pages", Offset: 50, Length: 1, Flip: true, Nth: 1})
	err = within(t, func() error { return errors.Join(writeOutcomes(j, 12), readOutcomes(j)) })
	if !target.HasCode(err, target.CodeJournalLost) || !strings.Contains(err.Error(), "page 0 of the manifest") || strings.Contains(err.Error(), "\n") {
		t.Errorf("a page that rots: %v", err)
	}
	if err := j.close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if j, err = openJournal(disk, ""); err != nil {
		t.Fatal(err)
	}
	var rec record
	var sums entry.Tally
	zero, err := j.load(journalKey('p', 0), &sums)
	one, otherErr := j.load(journalKey('p', 1), &sums)
	if zero || !one || errors.Join(err, otherErr) != nil {
		t.Errorf("page 0 is done: %v, page 1: %v; %v, %v", zero, one, err, otherErr)
	}
	c := j.cursor('o', 0)
	if at, ok, err := c.next(&rec); !ok || err != nil || entry.Place(at).Page() != 1 {
		t.Errorf("the first outcome: %d, %v, %v", at, ok, err)
	}
	if err := errors.Join(readOutcomes(j), j.close()); err != nil {
		t.Error(err)
	}
}

// TestJournalUploadsRot: what is known of uploads is nowhere else, so nothing of it is forgotten.
func TestJournalUploadsRot(t *testing.T) {
	disk := memDisk()
	fault := vfs.NewFault(disk, vfs.Rule{Op: vfs.OpRead, Path: "*.pages", Flip: true})
	j, err := openJournal(stateOf(fault), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(j.setUpload(7, pending{UploadID: "7"}), writeOutcomes(j, 11)); err != nil && !target.HasCode(err, target.CodeJournalLost) {
		t.Fatal(err)
	}
	for range 2 {
		if _, _, err := j.upload(7); !target.HasCode(err, target.CodeJournalLost) || target.AsError(err).Remedy == remedyDamaged {
			t.Errorf("%v", err)
		}
	}
	if err := j.close(); err != nil {
		t.Error(err)
	}
	if j, err = openJournal(disk, ""); err != nil {
		t.Fatal(err)
	}
	if p, ok, err := j.upload(7); !ok || err != nil || p.UploadID != "7" {
		t.Errorf("%+v, %v, %v", p, ok, err)
	}
}

// TestDamageBeforeSigning: outcomes rot between the end of a run and its receipts. The start that meets
// them names the page, the next one looks at its objects again, and signs what is right.
func TestDamageBeforeSigning(t *testing.T) {
	met := false
	for nth := 1; nth <= 8 && !met; nth++ {
		s, f, disk := manyFiles(20), newFake(t), memDisk()
		fault := vfs.NewFault(disk, vfs.Rule{Op: vfs.OpCreate, Path: "*objects.list*"})
		o := testOptions(t, fault)
		if _, err := Run(t.Context(), s, f, o); err == nil {
			t.Fatal("the receipts were written")
		}
		fault.Clear()
		fault.Add(vfs.Rule{Op: vfs.OpWrite, Path: "*.pages", Nth: nth, Flip: true})
		j, err := openJournal(o.StateDir, "")
		if err != nil {
			t.Fatal(err)
		}
		for i := range uint64(9) { // brings a turn
			if err := j.set(journalKey('x', i), make([]byte, 500<<10), false); err != nil {
				t.Fatal(err)
			}
		}
		if err := j.close(); err != nil {
			t.Fatal(err)
		}
		_, err = Run(t.Context(), s, f, o)
		if err == nil || !strings.Contains(err.Error(), "page 0 of the manifest") {
			continue
		}
		met = true
		if target.AsError(err).Remedy != remedyDamaged {
			t.Errorf("%v", err)
		}
		if res := mustRun(t, s, f, o); !res.Complete {
			t.Errorf("%+v", res)
		}
		f.check(t, s, "in/")
	}
	if !met {
		t.Error("no outcome was damaged")
	}
}
