package importer

import (
	"bytes"
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

// smallTables makes pebble write and compact tables after a few records.
func smallTables(t *testing.T) {
	was := memTable
	memTable = 32 << 10
	t.Cleanup(func() { memTable = was })
}

// writeOutcomes writes so many outcomes, over and over the same places.
func writeOutcomes(j *journal, n int) error {
	for i := range n {
		rec := record{Outcome: entry.OutcomeStored, Detail: strings.Repeat(fmt.Sprint(i), 60)}
		if err := j.setOutcome(entry.Place(i%300), rec); err != nil {
			return err
		}
	}
	return nil
}

// crashedJournals are disks on which opening a journal has much to do: each has
// logs to be made into tables, over tables that then want to be compacted.
func crashedJournals(t *testing.T, n int) (disks []*vfs.Mem) {
	t.Helper()
	disk, rng := memDisk(), newRand(3)
	j, err := openJournal(disk, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := j.store(headerKey, header{Version: 7}, true); err != nil {
		t.Fatal(err)
	}
	tables := 0
	disk.OnOp(func(op vfs.Op) error {
		if op.Kind == vfs.OpCreate && strings.HasSuffix(op.Name, ".sst") && len(disks) < n {
			if tables++; tables > 2 {
				disks = append(disks, disk.CrashClone(rng, 100))
			}
		}
		return nil
	})
	for range 100 {
		if err := writeOutcomes(j, 500); err != nil {
			t.Fatal(err)
		}
		if err := j.store(journalKey('p', 1), entry.NewTally(), true); err != nil {
			t.Fatal(err)
		}
		if j.db.Metrics().WAL.Files > 0 && j.db.Metrics().Compact.Count > 2 {
			break
		}
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	disk.OnOp(nil)
	if len(disks) < n {
		t.Fatalf("%d journals, %d are wanted", len(disks), n)
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
		err = writeOutcomes(j, 150)
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
	c, err := j.cursor('o', 0)
	if err != nil {
		return err
	}
	for ok := true; ok && err == nil; {
		var rec record
		_, ok, err = c.next(&rec)
	}
	return errors.Join(err, c.close())
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
// journal fail, once or from there on, while pebble flushes and compacts in the
// background: there is an error with a code and a remedy, nothing escapes, and what
// was durable is there when the disk is well again.
func TestJournalEveryOperation(t *testing.T) {
	smallTables(t)
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

// TestJournalTableRots has a bit of every table flip while the journal is in use,
// where pebble alone reads it: there is an error, and the process goes on.
func TestJournalTableRots(t *testing.T) {
	smallTables(t)
	disk := memDisk()
	fault := vfs.NewFault(disk)
	j, err := openJournal(stateOf(fault), "")
	if err != nil {
		t.Fatal(err)
	}
	fault.Add(vfs.Rule{Op: vfs.OpWrite, Path: "*.sst", Offset: 100, Length: 1, Flip: true})
	err = within(t, func() error {
		for range 50 {
			if err := writeOutcomes(j, 500); err != nil {
				return err
			}
		}
		return readOutcomes(j)
	})
	if !target.HasCode(err, target.CodeJournalLost) || bytes.Contains([]byte(err.Error()), []byte("\n")) {
		t.Errorf("tables that rot: %v", err)
	}
	if err := within(t, j.close); err != nil && !target.HasCode(err, target.CodeJournalLost) {
		t.Errorf("close: %v", err)
	}
}
