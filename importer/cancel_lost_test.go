package importer

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/lease"
	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestCancelLost: while a cancel probes, the run is taken over, in its state folder or in the
// target, and completes there. The cancel marks nothing, and does not say that the run is canceled.
func TestCancelLost(t *testing.T) {
	soon(t, time.Hour)
	for _, mirror := range []bool{false, true} {
		s, f, dir := mixed(), newFake(t), t.TempDir()
		state, err := OpenState(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer state.Close()
		o := testOptions(t, state)
		o.JournalInTarget = mirror
		halfway(t, s, f, o)
		z := probing{f, make(chan struct{}), make(chan struct{})}
		var out *Canceled
		told := make(chan error, 1)
		go func() {
			var err error
			out, err = Cancel(context.Background(), s, z, o, true)
			told <- err
		}()
		<-z.frozen
		by := taking(memDisk())
		if !mirror {
			taken, err := TakeOver(t.Context(), dir, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer taken.Close()
			by = testOptions(t, taken)
		}
		if res := mustRun(t, s, f, by); !res.Complete {
			t.Fatalf("the other: %+v", res)
		}
		close(z.thaw)
		if err := <-told; !target.HasCode(err, target.CodeTakenOver) || out == nil || out.Recorded {
			t.Errorf("mirror %v: %+v, %v", mirror, out, err)
		}
		if _, err := state.Stat(receipt.CancelName); err == nil {
			t.Errorf("mirror %v: it is marked", mirror)
		}
	}
}

// leasing stops before the second lease that is asked for: that of a cancel which says so.
type leasing struct {
	*fakeTarget
	leases       map[string]bool
	frozen, thaw chan struct{}
}

func (z leasing) Put(ctx context.Context, in target.PutRequest) (target.Stored, error) {
	if strings.Contains(in.Key, mirrorLeases) && in.IfAbsent && !z.leases[in.Key] {
		if z.leases[in.Key] = true; len(z.leases) == 2 {
			close(z.frozen)
			<-z.thaw
		}
	}
	return z.fakeTarget.Put(ctx, in)
}

// TestCancelClaimDecides: another host takes the run over between the cancel's last look at its
// lease and the claim of the one that says that the run is canceled. That claim decides: nothing
// is marked, and nothing says that the run is canceled.
func TestCancelClaimDecides(t *testing.T) {
	soon(t, time.Hour)
	s, f, disk := mixed(), newFake(t), memDisk()
	o := mirrored(t, disk)
	halfway(t, s, f, o)
	z := leasing{f, map[string]bool{}, make(chan struct{}), make(chan struct{})}
	var out *Canceled
	told := make(chan error, 1)
	go func() {
		var err error
		out, err = Cancel(context.Background(), s, z, o, true)
		told <- err
	}()
	<-z.frozen
	if res := mustRun(t, s, f, taking(memDisk())); !res.Complete {
		t.Fatalf("the other: %+v", res)
	}
	close(z.thaw)
	if err := <-told; !target.HasCode(err, target.CodeTakenOver) || out == nil || out.Recorded || out.HereOnly || out.ThereOnly {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := disk.Stat(receipt.CancelName); err == nil {
		t.Error("it is marked")
	}
}

// TestCancelThereOnly: where the state folder takes no mark the target's word counts, and the
// cancel says so. The same command again records it; no host goes on meanwhile.
func TestCancelThereOnly(t *testing.T) {
	soon(t, 0)
	s, f, disk := mixed(), newFake(t), memDisk()
	halfway(t, s, f, mirrored(t, disk))
	fault := vfs.NewFault(disk)
	fault.Add(vfs.Rule{Op: vfs.OpCreate, Path: receipt.CancelName + "*", Nth: 1, Times: 1 << 30, Err: syscall.EIO})
	out, err := Cancel(t.Context(), s, deleting{f}, mirrored(t, fault), true)
	if err == nil || out == nil || out.Recorded || !out.ThereOnly || out.Deleted > 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	if _, err := Run(t.Context(), s, f, taking(memDisk())); !target.HasCode(err, target.CodeCanceled) {
		t.Errorf("another host: %v", err)
	}
	if out, err := Cancel(t.Context(), s, deleting{f}, mirrored(t, disk), true); err != nil || !out.Recorded || out.ThereOnly || out.HereOnly {
		t.Errorf("again: %+v, %v", out, err)
	}
}

// TestCancelHereOnly: a cancel whose lease the target does not take has given nothing up. Where an
// older sledge had marked the state folder by then, it says that this holds on this host alone,
// also when it is called again. One whose word the target has does not.
func TestCancelHereOnly(t *testing.T) {
	soon(t, 0)
	s, f, disk := mixed(), newFake(t), memDisk()
	halfway(t, s, f, mirrored(t, disk))
	probed := false
	refuseLease := func(_ int, call, key string) (bool, error) { // all that come after the probe
		probed = probed || strings.Contains(key, probe.Prefix)
		no := probed && call == "put" && strings.Contains(key, ourJournal) && strings.Contains(key, mirrorLeases)
		return !no, when(target.NewError(target.CodeAccessDenied, key, "no", nil), no)
	}
	f.hook = refuseLease
	if out, err := Cancel(t.Context(), s, deleting{f}, mirrored(t, disk), true); !target.HasCode(err, target.CodeAccessDenied) || out == nil || out.Recorded || out.ThereOnly {
		t.Fatalf("not marked before: %+v, %v", out, err)
	}
	if err := (&run{opts: mirrored(t, disk)}).markFolders(lease.This(), ""); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		probed, f.hook = false, refuseLease
		out, err := Cancel(t.Context(), s, deleting{f}, mirrored(t, disk), true)
		if !target.HasCode(err, target.CodeAccessDenied) || out == nil || !out.Recorded || !out.HereOnly {
			t.Fatalf("%+v, %v", out, err)
		}
	}
	f.hook = nil
	out, err := Cancel(t.Context(), s, deleting{f}, mirrored(t, disk), true)
	if err != nil || out.HereOnly {
		t.Errorf("in the end: %+v, %v", out, err)
	}
}
