package importer

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/importer/lease"
	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestCancelCutAnywhere: wherever a cancel is cut off, by a fault of the state folder or by a loss
// of power at it, starts and readers of its receipts go by the same word.
func TestCancelCutAnywhere(t *testing.T) {
	for _, op := range []vfs.OpKind{vfs.OpWrite, vfs.OpSync, vfs.OpSyncDir, vfs.OpRename, vfs.OpCreate} {
		for n := 1; ; n++ {
			s, f, disk := newSource(), newFake(t), memDisk()
			s.file("a", []byte("hello"))
			mustRun(t, s, f, testOptions(t, disk))
			fault := vfs.NewFault(disk)
			fired := fault.Add(vfs.Rule{Op: op, Nth: n, Times: 1 << 30, Err: syscall.EIO})
			Cancel(t.Context(), s, deleting{f}, testOptions(t, fault), true)
			if fired() == 0 {
				break
			}
			for name, then := range map[string]*vfs.Mem{"a fault": disk, "and a loss of power": disk.CrashClone(newRand(1), 0)} {
				marked := false
				for _, folder := range []string{"", "receipts/"} {
					if _, err := then.Stat(folder + receipt.CancelName); err == nil {
						marked = true
					}
				}
				if _, err := Run(t.Context(), s, f, testOptions(t, then)); target.HasCode(err, target.CodeCanceled) != marked {
					t.Errorf("%s %d, %s: marked %v, and the next start says %v", op, n, name, marked, err)
				}
			}
		}
	}
}

// TestCancelKilledUnbegun: a cancel of a run that was never begun is killed after its mark. That
// bars this run alone: the next one has a folder of its own.
func TestCancelKilledUnbegun(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	unprobed(t, s, f, testOptions(t, disk))
	r := &run{opts: testOptions(t, disk)}
	if err := r.markFolders(lease.This(), ""); err != nil {
		t.Fatal(err)
	}
	o := testOptions(t, disk)
	o.RunID = "run-2"
	if res := mustRun(t, s, f, o); !res.Complete || res.Receipts != "runs/run-2/receipts" {
		t.Errorf("%+v", res)
	}
	if _, err := Run(t.Context(), s, f, testOptions(t, disk)); !target.HasCode(err, target.CodeCanceled) {
		t.Errorf("the run itself: %v", err)
	}
}

// TestCancelUnrecordedGoesOn: with a journal in the target, too, a cancel that ended before it was
// recorded has given nothing up. One that was recorded bars every host.
func TestCancelUnrecordedGoesOn(t *testing.T) {
	soon(t, 0)
	s, f, disk := mixed(), newFake(t), memDisk()
	halfway(t, s, f, mirrored(t, disk))
	f.hook = func(_ int, call, key string) (bool, error) {
		no := strings.Contains(key, probe.Prefix)
		return !no, when(target.NewError(target.CodeCredentialsRefused, key, "no", nil), no)
	}
	out, err := Cancel(t.Context(), s, deleting{f}, mirrored(t, disk), true)
	if !target.HasCode(err, target.CodeCredentialsRefused) || out == nil || out.Recorded {
		t.Fatalf("refused: %+v, %v", out, err)
	}
	f.hook = nil
	if res := mustRun(t, s, f, mirrored(t, disk)); !res.Complete {
		t.Errorf("the run does not go on: %+v", res)
	}
	o := mirrored(t, disk)
	refused := errors.New("the marker stays")
	o.Uncommit = func(context.Context, *CommitStore) error { return refused }
	if out, err := Cancel(t.Context(), s, deleting{f}, o, true); !errors.Is(err, refused) || !out.Recorded {
		t.Fatalf("%+v, %v", out, err)
	}
	for name, o := range map[string]Options{"the host itself": mirrored(t, disk), "another": taking(memDisk())} {
		if _, err := Run(t.Context(), s, f, o); !target.HasCode(err, target.CodeCanceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
