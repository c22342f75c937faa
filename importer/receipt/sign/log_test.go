package sign

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"math/rand"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

var (
	key  = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	salt = Salts{Secret: bytes.Repeat([]byte{1}, 32), Attempt: 1}
)

// writeLog writes a log of 300 lines, which has more than one tile.
func writeLog(disk vfs.FS, salts Salts) (err error) {
	l, err := Create(disk, "receipts", salts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	for n := range 300 {
		if err := l.Add(&receipt.Line{Index: n, Outcome: entry.OutcomeNoObject, Detail: fmt.Sprint("line ", n)}); err != nil {
			return err
		}
	}
	if err := l.Finish(); err != nil {
		return err
	}
	if err := l.Checkpoint("example.com/log", key); err != nil {
		return err
	}
	return l.Total(receipt.Total{Version: manifest.Version, Run: "run-1"}, key)
}

// filesOf are all files of a disk by their names.
func filesOf(t *testing.T, disk vfs.FS, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := disk.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := folder + "/" + e.Name()
		if e.IsDir() {
			for name, text := range filesOf(t, disk, name) {
				all[name] = text
			}
			continue
		}
		text, err := vfs.ReadFile(disk, name, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(text)
	}
	return all
}

// TestLogAgain: a log that a fault has cut off anywhere is written anew, with the same bytes, and
// no signature is there of what a loss of power at that moment would have taken.
func TestLogAgain(t *testing.T) {
	whole := vfs.NewMem(vfs.MemOptions{})
	if err := writeLog(whole, salt); err != nil {
		t.Fatal(err)
	}
	want := filesOf(t, whole, "receipts")
	for _, op := range []vfs.OpKind{vfs.OpCreate, vfs.OpWrite, vfs.OpSync, vfs.OpSyncDir, vfs.OpRename} {
		for n := 1; ; n++ {
			disk := vfs.NewMem(vfs.MemOptions{})
			fault := vfs.NewFault(disk)
			fired := fault.Add(vfs.Rule{Op: op, Nth: n, Times: 1 << 30, Err: syscall.EIO})
			err := writeLog(fault, salt)
			if fired() == 0 {
				break
			}
			if !errors.Is(err, syscall.EIO) {
				t.Fatalf("%s %d: %v", op, n, err)
			}
			then := disk.CrashClone(rand.New(rand.NewSource(1)), 0)
			if _, err := then.Stat("receipts/" + CheckpointName); err == nil {
				there := filesOf(t, then, "receipts")
				for name, text := range want {
					if there[name] != text && name != "receipts/"+TotalName {
						t.Errorf("%s %d: signed, and %s is not what was signed", op, n, name)
					}
				}
			} else if !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			if err := writeLog(disk, salt); err != nil {
				t.Fatalf("%s %d, again: %v", op, n, err)
			}
			got := filesOf(t, disk, "receipts")
			for name, text := range want {
				if got[name] != text {
					t.Errorf("%s %d, again: %s differs", op, n, name)
				}
			}
		}
	}
}

// TestSalts: no two lines of a run have one salt, whatever attempt they are of.
func TestSalts(t *testing.T) {
	seen := map[[32]byte]string{}
	for _, attempt := range []int{1, 2} {
		for n := range uint64(3) {
			salt, at := Salts{Secret: salt.Secret, Attempt: attempt}.Line(n), fmt.Sprintf("attempt %d, line %d", attempt, n)
			if other := seen[salt]; other != "" {
				t.Errorf("%s and %s have one salt", other, at)
			}
			seen[salt] = at
		}
	}
}
