package importer

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/target"
)

// unprobed is a start that halts at its probe: nothing of the run but its header, and with
// a journal in the target a lease, is anywhere.
func unprobed(t *testing.T, s *fakeSource, f *fakeTarget, o Options) {
	t.Helper()
	f.hook = func(_ int, call, key string) (bool, error) {
		if call == "put" && strings.Contains(key, probe.Prefix) {
			return false, target.NewError(target.CodeAccessDenied, key, "no", nil)
		}
		return true, nil
	}
	if _, err := Run(t.Context(), s, f, o); !target.HasCode(err, target.CodeAccessDenied) {
		t.Fatal(err)
	}
	f.hook = nil
}

// TestCancelNeverBegun: a run that halted at its probe is given up. That bars its own id, and
// no other: the folder of the next run is its own.
func TestCancelNeverBegun(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	o := testOptions(t, disk)
	unprobed(t, s, f, o)
	if out, err := Cancel(t.Context(), s, deleting{f}, o, true); err != nil || out.Deleted+out.Gone > 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	if _, err := Run(t.Context(), s, f, o); !target.HasCode(err, target.CodeCanceled) {
		t.Errorf("the run itself: %v", err)
	}
	o.RunID = "run-2"
	if res := mustRun(t, s, f, o); !res.Complete || res.Receipts != "runs/run-2/receipts" {
		t.Errorf("%+v", res)
	}
	if _, err := disk.Stat("runs/run-2/" + receipt.CancelName); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the next run is marked: %v", err)
	}
	f.check(t, s, "in/")
}

// TestUnbegunStart: the next run of the folder of one that was never begun, and not given up,
// has a start of its own.
func TestUnbegunStart(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	o := testOptions(t, disk)
	o.Now = func() time.Time { return time.Now().UTC().Add(-time.Hour) }
	unprobed(t, s, f, o)
	next, start := testOptions(t, disk), time.Now().UTC()
	next.RunID = "run-2"
	if res := mustRun(t, s, f, next); !res.Complete || res.Started.Before(start) || res.Receipts != "receipts" {
		t.Errorf("%+v", res)
	}
}

// TestCancelLeaseOnly: such a run has a lease where the journal is in the target, and can be
// given up. Its folder stays its own: another run has one below.
func TestCancelLeaseOnly(t *testing.T) {
	soon(t, 0)
	s, f, disk := mixed(), newFake(t), memDisk()
	o := mirrored(t, disk)
	unprobed(t, s, f, o)
	if _, err := Cancel(t.Context(), s, deleting{f}, o, true); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), s, f, o); !target.HasCode(err, target.CodeCanceled) {
		t.Errorf("the run itself: %v", err)
	}
	o.RunID = "run-2"
	if res := mustRun(t, s, f, o); !res.Complete || res.Attempt != 1 || res.Receipts != "runs/run-2/receipts" {
		t.Errorf("%+v", res)
	}
}

// TestUnbegunLease: a run that was never begun leaves the next one of its folder no lease.
func TestUnbegunLease(t *testing.T) {
	soon(t, 0)
	s, f, disk := mixed(), newFake(t), memDisk()
	o := mirrored(t, disk)
	unprobed(t, s, f, o)
	o.RunID = "run-2"
	if res := mustRun(t, s, f, o); !res.Complete || res.Attempt != 1 {
		t.Errorf("%+v", res)
	}
}
