package firmware

import (
	"errors"
	"fmt"
	"math/rand"
	"testing"

	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

// branded is a device at work that was marked by mistake.
func branded(t *testing.T) (*vfs.Mem, Reinstatement) {
	t.Helper()
	mem := vfs.NewMem(vfs.MemOptions{})
	d := provision(t, mem)
	apply(t, d, adoptEvent(1, 3, "three"), event(EventUnlock), event(EventLoadStart))
	if err := d.RecordCheckpoint("sledge/x/y/1", 7, [32]byte{7}, [32]byte{}); err != nil {
		t.Fatal(err)
	}
	if err := durable.WriteFile(mem, tamperedName, []byte("by mistake\n")); err != nil {
		t.Fatal(err)
	}
	return mem, grant(t, mem, "a reader saw half a change")
}

// grant is a statement about a folder as it is.
func grant(t *testing.T, mem vfs.FS, reason string) Reinstatement {
	t.Helper()
	d, err := Open(mem)
	if !errors.Is(err, ErrTampered) {
		t.Fatalf("open: %v", err)
	}
	e, err := d.Evidence()
	if err != nil {
		t.Fatal(err)
	}
	return Reinstatement{Device: d.ID(), Evidence: e.Digest(), Reason: reason, File: []byte(reason), Time: testTime}
}

// TestReinstate: a device that was branded by mistake goes on, locked, with all that
// must never be forgotten; the statement is in its history and good once.
func TestReinstate(t *testing.T) {
	mem, g := branded(t)
	if _, err := Reinstate(mem, g); err != nil {
		t.Fatal(err)
	}
	d, err := Open(mem)
	if err != nil {
		t.Fatal(err)
	}
	r := d.Record()
	if last := r.History[len(r.History)-1]; d.State() != Locked || last.Event != EventReinstate || r.floor(ID{1}) != 3 || len(r.Checkpoints) != 1 || r.Counter != 6 {
		t.Errorf("given back as %+v", r)
	}
	apply(t, d, event(EventUnlock))
	if err := d.RecordCheckpoint("sledge/x/y/1", 8, [32]byte{8}, [32]byte{}); !errors.Is(err, ErrSecondCheckpoint) {
		t.Errorf("a second checkpoint: %v", err)
	}
	if _, err := Reinstate(mem, g); !errors.Is(err, ErrForbidden) {
		t.Errorf("the same statement, unmarked: %v", err)
	}
	if err := durable.WriteFile(mem, tamperedName, []byte("by mistake, later\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := Reinstate(mem, g); !errors.Is(err, ErrForbidden) {
		t.Errorf("the same statement, marked again: %v", err)
	}
	if _, err := Reinstate(mem, grant(t, mem, "a second time")); err != nil {
		t.Error(err)
	}
}

// TestReinstateTold: a device that the machine reported as tampered has no mark but
// its state, and comes back as it was.
func TestReinstateTold(t *testing.T) {
	mem := vfs.NewMem(vfs.MemOptions{})
	d := provision(t, mem)
	apply(t, d, adoptEvent(1, 1, "one"), event(EventUnlock), event(EventTamper))
	g := grant(t, mem, "the lid was opened for a repair")
	if _, err := Reinstate(mem, g); err != nil {
		t.Fatal(err)
	}
	if d, err := Open(mem); err != nil || d.State() != Locked {
		t.Errorf("given back: %v", err)
	}
	if _, err := Reinstate(mem, g); !errors.Is(err, ErrForbidden) {
		t.Errorf("again: %v", err)
	}
}

func TestReinstateRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(t *testing.T, mem vfs.FS, g *Reinstatement)
		want error
	}{
		"another device's": {func(_ *testing.T, _ vfs.FS, g *Reinstatement) { g.Device = ID{9} }, ErrForbidden},
		"other evidence":   {func(_ *testing.T, _ vfs.FS, g *Reinstatement) { g.Evidence = "sha256:00" }, ErrForbidden},
		"another mark": {func(t *testing.T, mem vfs.FS, _ *Reinstatement) {
			if err := durable.WriteFile(mem, tamperedName, []byte("another reason\n")); err != nil {
				t.Fatal(err)
			}
		}, ErrForbidden},
		"state edited": {func(t *testing.T, mem vfs.FS, g *Reinstatement) { spoil(t, mem, stateName, g) }, ErrNoWayBack},
		"no counter":   {func(t *testing.T, mem vfs.FS, g *Reinstatement) { spoil(t, mem, counterName, g) }, ErrNoWayBack},
		"no key":       {func(t *testing.T, mem vfs.FS, g *Reinstatement) { spoil(t, mem, keyName, g) }, ErrNoWayBack},
	} {
		mem, g := branded(t)
		c.harm(t, mem, &g)
		before := stateFolder(t, mem)
		if _, err := Reinstate(mem, g); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if after := stateFolder(t, mem); fmt.Sprint(after) != fmt.Sprint(before) {
			t.Errorf("%s: a refused statement changed the folder", name)
		}
	}
}

// spoil damages a file; the statement is about the folder as it is then.
func spoil(t *testing.T, mem vfs.FS, name string, g *Reinstatement) {
	t.Helper()
	if err := durable.WriteFile(mem, name, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	*g = grant(t, mem, "whatever")
}

// TestReinstateCrash cuts the power at every operation; the same statement then ends
// what it began, and is spent.
func TestReinstateCrash(t *testing.T) {
	for _, percent := range []int{0, 50, 100} {
		for at, done := int64(1), false; !done; at++ {
			mem, g := branded(t)
			start := mem.Ops()
			mem.OnOp(func(vfs.Op) error {
				if mem.Ops() >= start+at {
					mem.Halt()
				}
				return nil
			})
			_, err := Reinstate(mem, g)
			done = err == nil
			back := mem.CrashClone(rand.New(rand.NewSource(at)), percent)
			if _, err := Open(back); err != nil {
				if _, err := Reinstate(back, g); err != nil {
					t.Fatalf("op %d, %d %%: %v", at, percent, err)
				}
			}
			d, err := Open(back)
			if err != nil || d.State() != Locked || len(d.Record().Checkpoints) != 1 {
				t.Fatalf("op %d, %d %%: %v", at, percent, err)
			}
			apply(t, d, event(EventUnlock))
			if err := durable.WriteFile(back, tamperedName, []byte("by mistake, later\n")); err != nil {
				t.Fatal(err)
			}
			if _, err := Reinstate(back, g); !errors.Is(err, ErrForbidden) {
				t.Fatalf("op %d, %d %%: the statement is good twice: %v", at, percent, err)
			}
		}
	}
}

// TestHalfDevice: a key without its state is never replaced and never taken for a new
// one; a crash of Provision goes on with its key.
func TestHalfDevice(t *testing.T) {
	mem := vfs.NewMem(vfs.MemOptions{})
	d := provision(t, mem)
	key := stateFolder(t, mem)[keyName]
	for _, name := range []string{stateName, counterName} {
		if err := durable.Remove(mem, name); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if _, err := Provision(mem, testSigner(), testRand(5), testTime); !errors.Is(err, ErrHalfDevice) {
			t.Errorf("provision: %v", err)
		}
		if stateFolder(t, mem)[keyName] != key {
			t.Fatal("the key was replaced")
		}
		if err := durable.Remove(mem, publicName); err != nil && len(stateFolder(t, mem)) != 1 {
			t.Fatal(err)
		}
	}
	if err := SetAsideKey(mem); err != nil {
		t.Fatal(err)
	}
	again, err := Provision(mem, testSigner(), testRand(5), testTime)
	if err != nil || again.ID() == d.ID() {
		t.Errorf("after the old key was set aside: %v", err)
	}
	if stateFolder(t, mem)["old-"+keyName+".1"] != key {
		t.Error("the old key is gone")
	}
	apply(t, again, adoptEvent(1, 1, "one"))
	for _, name := range []string{stateName, counterName} {
		if err := durable.Remove(mem, name); err != nil {
			t.Fatal(err)
		}
	}
	if err := SetAsideKey(mem); !errors.Is(err, ErrHalfDevice) {
		t.Errorf("a key that has been at work is set aside: %v", err)
	}
}

// TestProvisionCrash: the key of a Provision that lost power is the device's.
func TestProvisionCrash(t *testing.T) {
	for _, percent := range []int{0, 50, 100} {
		for at, done := int64(1), false; !done; at++ {
			mem := vfs.NewMem(vfs.MemOptions{})
			mem.OnOp(func(vfs.Op) error {
				if mem.Ops() >= at {
					mem.Halt()
				}
				return nil
			})
			_, err := Provision(mem, testSigner(), testRand(1), testTime)
			done = err == nil
			back := mem.CrashClone(rand.New(rand.NewSource(at)), percent)
			key := stateFolder(t, back)[keyName]
			d, err := Open(back)
			if errors.Is(err, ErrNotProvisioned) {
				d, err = Provision(back, testSigner(), testRand(9), testTime)
			}
			if err != nil {
				t.Fatalf("op %d, %d %%: %v", at, percent, err)
			}
			if now := stateFolder(t, back)[keyName]; key != "" && now != key {
				t.Fatalf("op %d, %d %%: the key was replaced", at, percent)
			}
			apply(t, d, adoptEvent(1, 1, "one"))
			if files := stateFolder(t, back); files[publicName] == "" || len(files) < 5 {
				t.Fatalf("op %d, %d %%: %d files", at, percent, len(files))
			}
			if there, err := exists(back, provisioningName); there || err != nil {
				t.Fatalf("op %d, %d %%: a device at work looks unfinished, %v", at, percent, err)
			}
		}
	}
}
