package importer

import (
	"bytes"
	"path"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/vfs"
)

// One key signs one log under one name. A state folder that is lost has left receipts of the
// same run and attempt, whose salts and outcomes nobody has any more.
func TestLostStateOtherOrigin(t *testing.T) {
	s, f := mixed(), newFake(t)
	named := map[string][]byte{}
	for range 2 {
		disk := memDisk()
		checkpoint := mustRun(t, s, f, testOptions(t, disk)).Checkpoint
		origin := firstLineOf(checkpoint)
		if other := named[origin]; other != nil && !bytes.Equal(other, checkpoint) {
			t.Errorf("two checkpoints of %s", origin)
		}
		if named[origin] = checkpoint; !strings.HasPrefix(origin, s.scope.Origin()+"/import/run-1.") {
			t.Errorf("origin %s", origin)
		}
		again := mustRun(t, s, f, testOptions(t, disk)).Checkpoint
		if !bytes.Equal(again, checkpoint) {
			t.Error("a later start in the same folder has another checkpoint")
		}
	}
}

// A run that software without such digits has begun goes on under its old name.
func TestOldRunKeepsName(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	mustRun(t, s, f, testOptions(t, disk))
	j, err := openJournal(disk, "")
	if err != nil {
		t.Fatal(err)
	}
	var h header
	if _, err := j.load(headerKey, &h); err != nil || len(h.Log) != 16 {
		t.Fatalf("digits %q, %v", h.Log, err)
	}
	h.Log = ""
	if err := j.store(headerKey, h, true); err != nil {
		t.Fatal(err)
	}
	if err := j.store(finishedKey, finished{}, true); err != nil {
		t.Fatal(err)
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	res := mustRun(t, s, f, testOptions(t, disk))
	signed, err := vfs.ReadFile(disk, path.Join(res.Receipts, "log/checkpoint"), 1<<20)
	if origin := firstLineOf(signed); err != nil || origin != s.scope.Origin()+"/import/run-1" {
		t.Errorf("origin %s, %v", origin, err)
	}
}

func firstLineOf(text []byte) string {
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}
