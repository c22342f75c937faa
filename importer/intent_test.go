package importer

import (
	"errors"
	"testing"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// TestIntentBeforeCreate: when Create is sent, the journal says so on the disk: a power
// cut that keeps nothing of what was not synced leaves an upload that the next start
// looks for.
func TestIntentBeforeCreate(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	var image *vfs.Mem
	f.hook = func(_ int, call, key string) (bool, error) {
		if call == "create" && key == "in/big" {
			image = disk.CrashClone(newRand(1), 0)
		}
		return true, nil
	}
	mustRun(t, s, f, testOptions(t, disk))
	if image == nil {
		t.Fatal("no upload was begun")
	}
	j, err := openJournal(image, "")
	if err != nil {
		t.Fatal(err)
	}
	var p pending
	_, ok, err := j.cursor('u', 0).next(&p)
	if err != nil || !ok || p.At.IsZero() || p.UploadID != "" {
		t.Errorf("the journal after a power cut: %v, %v, %+v", ok, err, p)
	}
	if err := j.close(); err != nil {
		t.Error(err)
	}
}

// TestLostCreateBesideOthers: the answer to a Create was lost, and others write below
// the prefix. What looks like our upload may be theirs: it stays, and is named.
func TestLostCreateBesideOthers(t *testing.T) {
	s, f := mixed(), newFake(t)
	lost := false
	f.hook = func(_ int, call, key string) (bool, error) {
		if key == "in/big" && call == "create" && !lost {
			lost = true
			return true, lostAnswer
		}
		return true, nil
	}
	named := false
	o := testOptions(t, memDisk())
	o.ExclusivePrefix = false
	o.Problem = func(e *target.Error) { named = named || e.Code == target.CodeOrphanUpload && e.Path == "in/big" }
	if res := mustRun(t, s, f, o); !res.Complete || len(f.uploads) != 1 || !named || res.LeftUploads != 1 {
		t.Errorf("%d uploads are left, %d counted, named %v, complete %v", len(f.uploads), res.LeftUploads, named, res.Complete)
	}
}

// TestCommitOfItsTotal: a total and a checkpoint of one run that do not belong together
// make no commit marker.
func TestCommitOfItsTotal(t *testing.T) {
	s, disk := mixed(), memDisk()
	res := mustRun(t, s, newFake(t), testOptions(t, disk))
	cp, err := manifest.SignCheckpoint(firstLineOf(res.Checkpoint), 7, [32]byte{1}, testKey)
	if err == nil {
		err = durable.WriteFile(disk, res.Receipts+"/log/checkpoint", cp)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := CommitMarker(disk, res.Receipts, []byte("job"), testKey); !errors.Is(err, manifest.ErrCorrupt) {
		t.Errorf("a marker was made: %v", err)
	}
}
