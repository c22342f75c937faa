package importer

import (
	"os"
	"path"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/lease"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

// journalBefore is a state folder of a run that software of 2026-11-30 has begun.
func journalBefore(t *testing.T, base string) *vfs.Mem {
	t.Helper()
	disk := memDisk()
	if err := durable.MkdirAll(disk, path.Join(base, journalFolder)); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir("testdata/journal-before")
	if err != nil || len(files) < 4 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		text, err := os.ReadFile(path.Join("testdata/journal-before", f.Name()))
		if err == nil {
			err = durable.WriteFile(disk, path.Join(base, journalFolder, f.Name()), text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return disk
}

// TestJournalOfBefore: a run whose journal is of the kind before is refused by name, whatever is to
// be done with it, and told how to go on. It is not read as one that has not begun: nothing is sent,
// and not a byte of the folder changes.
func TestJournalOfBefore(t *testing.T) {
	refused := func(t *testing.T, disk *vfs.Mem, f *fakeTarget, err error) {
		t.Helper()
		if !target.HasCode(err, target.CodeStateMismatch) || !strings.Contains(target.AsError(err).Remedy, "--run-id") || !strings.Contains(err.Error(), "older kind") {
			t.Errorf("%v", err)
		}
		if len(f.objects)+len(f.uploads) > 0 {
			t.Errorf("%d objects, %d uploads", len(f.objects), len(f.uploads))
		}
	}
	for _, base := range []string{"", RunsFolder + "/run-1"} {
		o := testOptions(t, nil)
		if base != "" {
			o.RunID = "run-0"
		}
		s, f, disk := mixed(), newFake(t), journalBefore(t, base)
		if base != "" { // the folder's first run is of today, and the one that is meant is not
			f.hook = nil
			o.StateDir = Alone(disk)
			mustRun(t, s, f, o)
			f = newFake(t)
			o.RunID = "run-1"
		}
		before := disk.Ops()
		o.StateDir = Alone(disk)
		_, err := Run(t.Context(), s, f, o)
		refused(t, disk, f, err)
		_, err = Cancel(t.Context(), s, f, o, true)
		refused(t, disk, f, err)
		if base == "" && disk.Ops() != before {
			t.Errorf("%d changes", disk.Ops()-before)
		}
	}
}

// TestTakeOverJournalOfBefore: the process that has it is not even told to end.
func TestTakeOverJournalOfBefore(t *testing.T) {
	folder := t.TempDir()
	if err := os.CopyFS(path.Join(folder, journalFolder), os.DirFS("testdata/journal-before")); err != nil {
		t.Fatal(err)
	}
	if _, err := TakeOver(t.Context(), folder, 0); !target.HasCode(err, target.CodeStateMismatch) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(path.Join(folder, lease.Folder)); !os.IsNotExist(err) {
		t.Errorf("a lease was taken: %v", err)
	}
}
