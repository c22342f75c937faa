package extract

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/manifest"
)

// TestExtractKeepsNamesOfOthers: nothing is removed because its name looks like one of a
// temporary file: entries, files of the user, files of another device's extract.
func TestExtractKeepsNamesOfOthers(t *testing.T) {
	rd, m := extractRig(t)
	sum := crypto.SumSHA256([]byte("v1"))
	before := ".sledge-" + hex.EncodeToString(sum[:8]) + ".part" // what v1 was written to in earlier versions
	other := newTempNames([32]byte{1})
	foreign := other.next(".")
	mine := newTempNames(rd.Checkpoint().Root)
	entry := mine.next(".") // no loader can make it; the manifest is asked all the same
	m.file(before, "v2")
	m.file(entry, "v2")
	out := t.TempDir()
	must(t, os.WriteFile(filepath.Join(out, before), []byte("version 2"), 0o644))
	must(t, os.WriteFile(filepath.Join(out, entry), []byte("version 2"), 0o644))
	must(t, os.WriteFile(filepath.Join(out, foreign), []byte("another's"), 0o644))
	must(t, os.Mkdir(filepath.Join(out, mine.next(".")), 0o755))
	rep, err := extractOld(t, rd, m, out, Options{Workers: 2})
	if err != nil || rep.Entries != 5 || rep.Existing != 2 || rep.Leftover != 0 {
		t.Errorf("%v %+v", err, rep)
	}
	isIn(t, out, before, "version 2")
	isIn(t, out, entry, "version 2")
	isIn(t, out, foreign, "another's")
	isIn(t, out, "v1", "version 1")
	if have := count(t, out); have.entries != 7 {
		t.Errorf("%d names", have.entries)
	}
}

// TestExtractRemovesLeftovers of a killed run, in folders with a record and without, and
// no file of a run into another folder.
func TestExtractRemovesLeftovers(t *testing.T) {
	rd, m := extractRig(t)
	m.put(manifest.Record{Kind: manifest.KindDir, Path: "dir", Mode: 0o700, Mtime: time.Unix(1e9, 0)})
	m.file("dir/file", "v1")
	m.file("none/deep/file", "v2")
	out := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(out, "none/deep"), 0o755))
	must(t, os.Mkdir(filepath.Join(out, "dir"), 0o755))
	killed := newTempNames(rd.Checkpoint().Root)
	for _, dir := range []string{".", "dir", "none", "none/deep"} {
		for range 3 {
			must(t, os.WriteFile(filepath.Join(out, dir, killed.next(dir)), []byte("half"), 0o600))
		}
	}
	stays := killed.next("elsewhere/dir")
	must(t, os.WriteFile(filepath.Join(out, "dir", stays), []byte("of a run that is at work"), 0o600))
	rep, err := extractOld(t, rd, m, out, Options{Workers: 2})
	if err != nil || rep.Leftover != 12 || rep.Entries != 6 {
		t.Errorf("%v %+v", err, rep)
	}
	isIn(t, out, "dir/"+stays, "of a run that is at work")
	if have := count(t, out); have.entries != 6+2+1 {
		t.Errorf("%d names", have.entries)
	}
}

// TestExtractTwoRuns: a second run into a folder is refused while the first is at work,
// and the lock of one that has ended is none.
func TestExtractTwoRuns(t *testing.T) {
	rd, _ := extractRig(t)
	out := t.TempDir()
	first, err := openOutTree(out)
	must(t, err)
	if rep, err := Run(t.Context(), rd, out, Options{}); !errors.Is(err, ErrFolderBusy) || rep != nil {
		t.Errorf("beside another: %v %+v", err, rep)
	}
	first.close()
	if _, err := Run(t.Context(), rd, out, Options{}); err != nil {
		t.Error(err)
	}
}

// TestExtractWithoutLock: where folders have no locks, the leftovers may be of a run that
// is at work: they stay, and a warning says so.
func TestExtractWithoutLock(t *testing.T) {
	rd, m := extractRig(t)
	out := t.TempDir()
	tree, err := openOutTree(out)
	must(t, err)
	defer tree.close()
	tree.locked = false
	killed := newTempNames(rd.Checkpoint().Root)
	left := killed.next(".")
	must(t, os.WriteFile(filepath.Join(out, left), []byte("half"), 0o600))
	x := newExtractor(rd, tree, Options{})
	x.records = m
	rep, err := x.extract(t.Context())
	if err != nil || rep.Leftover != 0 || len(rep.Warnings) != 1 || !strings.Contains(rep.Warnings[0], "no locks") {
		t.Errorf("%v %+v", err, rep)
	}
	isIn(t, out, left, "half")
}
