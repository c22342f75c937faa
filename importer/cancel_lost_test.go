package importer

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/target"
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

// TestCancelHereOnly: a cancel whose word the target does not take says that it holds on this host
// alone, also when it is called again. One whose word the target has does not.
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
