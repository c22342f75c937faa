package importer

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/target"
)

// TestCancelRecorded: a cancel says that the run is canceled once the state folder keeps that, and
// not before: one that the target has refused has changed nothing, and the run goes on.
func TestCancelRecorded(t *testing.T) {
	s, f := mixed(), newFake(t)
	disk := killedAt(t, s, f, 3)
	o := testOptions(t, disk)
	f.hook = func(_ int, call, key string) (bool, error) {
		if strings.Contains(key, probe.Prefix) {
			return false, target.NewError(target.CodeCredentialsRefused, key, "no", nil)
		}
		return true, nil
	}
	out, err := Cancel(t.Context(), s, deleting{f}, o, true)
	if !target.HasCode(err, target.CodeCredentialsRefused) || out == nil || out.Recorded {
		t.Fatalf("refused: %+v, %v", out, err)
	}
	if _, err := disk.Stat(receipt.CancelName); err == nil {
		t.Error("it is marked")
	}
	f.hook = nil
	if res := mustRun(t, s, f, o); !res.Complete {
		t.Errorf("the run does not go on: %+v", res)
	}
	refused := errors.New("the marker stays")
	for i, o := range []Options{o, o} {
		if i == 0 {
			o.Uncommit = func(context.Context, *CommitStore) error { return refused }
		}
		out, err := Cancel(t.Context(), s, deleting{f}, o, true)
		if (i == 0) != errors.Is(err, refused) || out == nil || !out.Recorded {
			t.Errorf("call %d: %+v, %v", i, out, err)
		}
	}
	f.hook = func(_ int, call, key string) (bool, error) {
		return false, target.NewError(target.CodeCredentialsRefused, key, "no", nil)
	}
	if out, err := Cancel(t.Context(), s, deleting{f}, o, true); err == nil || out != nil && !out.Recorded {
		t.Errorf("a refused cancel of a canceled run: %+v, %v", out, err)
	}
}

// TestCancelJournalLeft: what a canceled run leaves of its journal or its marker in the target
// is named, counts as left over, and is removed by the next call.
func TestCancelJournalLeft(t *testing.T) {
	for _, inTarget := range []bool{true, false} {
		soon(t, 0)
		s, f, disk := mixed(), newFake(t), memDisk()
		o := testOptions(nil, disk)
		o.JournalInTarget = inTarget
		halfway(t, s, f, o)
		var said []target.Code
		o.Problem = func(e *target.Error) { said = append(said, e.Code) }
		out, err := Cancel(t.Context(), s, journalStays{deleting{f}}, o, true)
		if err != nil || !strings.HasPrefix(out.JournalLeft, ourJournal) || !slices.Contains(said, target.CodeJournalLeft) {
			t.Errorf("journal in the target %v: %+v, %v, said %v", inTarget, out, err, said)
		}
		if out, err = Cancel(t.Context(), s, deleting{f}, o, true); err != nil || out.JournalLeft != "" {
			t.Errorf("journal in the target %v, again: %+v, %v, left %q", inTarget, out, err, f.journalKeys())
		}
	}
}

// journalStays is a store in which what tells of the run cannot be removed.
type journalStays struct{ deleting }

func (d journalStays) Delete(ctx context.Context, key, version string) error {
	if strings.HasSuffix(key, "/header") || strings.HasSuffix(key, "/"+markerName) {
		return target.NewError(target.CodeJournalLeft, key, "it stays", nil)
	}
	return d.deleting.Delete(ctx, key, version)
}
