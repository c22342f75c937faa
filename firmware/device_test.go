package firmware

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

var testTime = time.Date(2026, 3, 1, 12, 0, 0, 5, time.UTC)

func testRand(seed int64) io.Reader { return rand.New(rand.NewSource(seed)) }

func testSigner() ed25519.PublicKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)).Public().(ed25519.PublicKey)
}

func provision(t *testing.T, fsys vfs.FS) *Device {
	t.Helper()
	d, err := Provision(fsys, testSigner(), testRand(1), testTime)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func adoptEvent(job byte, serial uint64, content string) Event {
	return Event{Kind: EventAdoptJob, Time: testTime, Job: ID{job}, Serial: serial, JobFile: []byte(content)}
}

func extendEvent(job byte, serial uint64, content string) Event {
	e := adoptEvent(job, serial, content)
	e.Kind = EventExtendJob
	return e
}

func event(kind EventKind) Event { return Event{Kind: kind, Time: testTime} }

func apply(t *testing.T, d *Device, events ...Event) {
	t.Helper()
	for _, e := range events {
		if err := d.Apply(e); err != nil {
			t.Fatalf("%s: %v", e.Kind, err)
		}
	}
}

func origin(d *Device, job byte) string {
	return fmt.Sprintf("sledge/%s/%s/1", ID{job}, d.ID())
}

// TestWalk takes a device through a whole life, opening it anew at every step.
func TestWalk(t *testing.T) {
	fsys := vfs.NewMem(vfs.MemOptions{})
	d := provision(t, fsys)
	id := d.ID()
	steps := []struct {
		event Event
		want  State
	}{
		{adoptEvent(1, 1, "wrong job"), Locked},
		{adoptEvent(2, 1, "job"), Locked}, // before the first unlock
		{adoptEvent(2, 2, "job, newer"), Locked},
		{event(EventUnlock), Unlocked},
		{event(EventLoadStart), Loading},
		{event(EventReboot), Locked},
		{event(EventUnlock), Unlocked},
		{event(EventLoadStart), Loading},
		{event(EventLoadStart), Loading},
		{event(EventLoadEnd), Unlocked},
		{event(EventLock), Locked},
		{event(EventUnlock), Unlocked},
		{Event{Kind: "checkpoint"}, Unlocked},
		{event(EventSealDone), Sealed},
		{event(EventSealDone), Sealed},
		{event(EventReboot), Sealed},
		{adoptEvent(3, 1, "next job"), Locked},
		{event(EventUnlock), Unlocked},
	}
	for i, step := range steps {
		d, err := Open(fsys)
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		if step.event.Kind == "checkpoint" {
			if err := d.RecordCheckpoint(origin(d, 2), 9, [32]byte{1}, [32]byte{}); err != nil {
				t.Fatal(err)
			}
			if err := d.Apply(event(EventLoadStart)); !errors.Is(err, ErrForbidden) {
				t.Errorf("load after the checkpoint: %v", err)
			}
		} else {
			apply(t, d, step.event)
		}
		if d.State() != step.want || d.ID() != id || !bytes.Equal(d.Signer(), testSigner()) {
			t.Fatalf("step %d (%s): state %s, want %s", i, step.event.Kind, d.State(), step.want)
		}
	}
	d, err := Open(fsys)
	if err != nil {
		t.Fatal(err)
	}
	r := d.Record()
	if r.Counter != uint64(len(steps))+1 || len(r.Floors) != 3 || len(r.Checkpoints) != 1 || len(r.History) != len(steps) {
		t.Errorf("record %+v", r)
	}
	file, err := d.JobFile()
	if err != nil || string(file) != "next job" {
		t.Errorf("job file %q, %v", file, err)
	}
}

// TestAdoptRefusals: what the state allows, but the device's life does not.
func TestAdoptRefusals(t *testing.T) {
	d := provision(t, vfs.NewMem(vfs.MemOptions{}))
	apply(t, d, adoptEvent(1, 5, "five"))
	refuse := func(e Event, want error) {
		t.Helper()
		before := d.Record()
		if err := d.Apply(e); !errors.Is(err, want) {
			t.Errorf("job %d serial %d: %v, want %v", e.Job[0], e.Serial, err, want)
		}
		if d.Record().Counter != before.Counter {
			t.Error("a refused event changed the state")
		}
	}
	refuse(adoptEvent(1, 4, "four"), ErrRollback)
	refuse(adoptEvent(1, 5, "another five"), ErrRollback)
	apply(t, d, adoptEvent(1, 5, "five"), event(EventUnlock), event(EventLock))
	refuse(adoptEvent(1, 6, "six"), ErrForbidden)
	refuse(adoptEvent(2, 1, "other"), ErrForbidden)
	refuse(extendEvent(1, 4, "four"), ErrRollback)
	refuse(extendEvent(1, 5, "another five"), ErrRollback)
	refuse(extendEvent(2, 9, "other"), ErrForbidden)
	apply(t, d, extendEvent(1, 7, "seven"))
	refuse(extendEvent(1, 6, "six"), ErrRollback)
	if file, err := d.JobFile(); err != nil || string(file) != "seven" {
		t.Errorf("job file after the extension: %q, %v", file, err)
	}
	refuse(event(EventSealDone), ErrForbidden) // no checkpoint
	apply(t, d, event(EventUnlock))
	if err := d.RecordCheckpoint(origin(d, 1), 3, [32]byte{3}, [32]byte{}); err != nil {
		t.Fatal(err)
	}
	refuse(extendEvent(1, 8, "eight"), ErrForbidden)
	apply(t, d, event(EventReboot), event(EventSealDone))
	refuse(adoptEvent(1, 8, "again"), ErrForbidden)
	apply(t, d, adoptEvent(2, 1, "other"), event(EventUnlock))
	for _, e := range []Event{adoptEvent(0, 1, "x"), adoptEvent(9, 0, "x"), adoptEvent(9, 1, "")} {
		d := provision(t, vfs.NewMem(vfs.MemOptions{}))
		if d.Apply(e) == nil {
			t.Errorf("adopted %+v", e)
		}
	}
}

func TestRecordCheckpoint(t *testing.T) {
	fsys := vfs.NewMem(vfs.MemOptions{})
	d := provision(t, fsys)
	for range 2 {
		if err := d.RecordCheckpoint("sledge/a/b/1", 7, [32]byte{1}, [32]byte{}); err != nil {
			t.Fatal(err)
		}
	}
	d, err := Open(fsys)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		size uint64
		root [32]byte
	}{{8, [32]byte{1}}, {7, [32]byte{2}}} {
		if err := d.RecordCheckpoint("sledge/a/b/1", c.size, c.root, [32]byte{}); !errors.Is(err, ErrSecondCheckpoint) {
			t.Errorf("second checkpoint: %v", err)
		}
	}
	if size, root, ok := d.RecordedCheckpoint("sledge/a/b/1"); !ok || size != 7 || root != [32]byte{1} {
		t.Errorf("recorded: %d, %x, %v", size, root, ok)
	}
	if _, _, ok := d.RecordedCheckpoint("sledge/a/b/2"); ok {
		t.Error("a checkpoint that was never recorded")
	}
	if err := d.RecordCheckpoint("sledge/a/b/2", 8, [32]byte{2}, [32]byte{}); err != nil {
		t.Error(err)
	}
}

// TestTampered: one thing done to the folder each; afterwards every event is
// refused, also after what was done is undone.
func TestTampered(t *testing.T) {
	read := func(t *testing.T, fsys vfs.FS, name string) []byte {
		t.Helper()
		b, err := vfs.ReadFile(fsys, name, maxStateFile)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	write := func(t *testing.T, fsys vfs.FS, name string, b []byte) {
		t.Helper()
		if err := durable.WriteFile(fsys, name, b); err != nil {
			t.Fatal(err)
		}
	}
	replace := func(name, old, new string) func(*testing.T, vfs.FS, map[string][]byte) {
		return func(t *testing.T, fsys vfs.FS, _ map[string][]byte) {
			b := read(t, fsys, name)
			if !strings.Contains(string(b), old) {
				t.Fatalf("%s has no %q", name, old)
			}
			write(t, fsys, name, []byte(strings.Replace(string(b), old, new, 1)))
		}
	}
	remove := func(name string) func(*testing.T, vfs.FS, map[string][]byte) {
		return func(t *testing.T, fsys vfs.FS, _ map[string][]byte) {
			if err := durable.Remove(fsys, name); err != nil {
				t.Fatal(err)
			}
		}
	}
	putBack := func(name string) func(*testing.T, vfs.FS, map[string][]byte) {
		return func(t *testing.T, fsys vfs.FS, old map[string][]byte) { write(t, fsys, name, old[name]) }
	}
	tests := map[string]func(*testing.T, vfs.FS, map[string][]byte){
		"state edited":      replace(stateName, `"unlocked"`, `"loading"`),
		"generation edited": replace(stateName, `"generation": 1`, `"generation": 2`),
		"floor edited":      replace(stateName, `"serial": 3`, `"serial": 1`),
		"space added":       replace(stateName, `  "state"`, `   "state"`),
		"field added":       replace(stateName, `"version": 0`, `"version": 0, "x": 1`),
		"text appended":     replace(stateName, "}\n", "}\n\n"),
		"signature edited":  replace(stateName, `"signature": "`, `"signature": "AA`),
		"not JSON":          func(t *testing.T, f vfs.FS, _ map[string][]byte) { write(t, f, stateName, []byte("hello")) },
		"empty":             func(t *testing.T, f vfs.FS, _ map[string][]byte) { write(t, f, stateName, nil) },
		"too long": func(t *testing.T, f vfs.FS, _ map[string][]byte) {
			write(t, f, stateName, make([]byte, maxStateFile+1))
		},
		"state put back":      putBack(stateName),
		"counter put back":    putBack(counterName),
		"counter edited":      replace(counterName, "5 ", "6 "),
		"counter removed":     remove(counterName),
		"state removed":       remove(stateName),
		"key removed":         remove(keyName),
		"key malformed":       replace(keyName, "PRIVATE", "SECRET"),
		"key of another":      putOther(keyName),
		"state of another":    putOther(stateName),
		"told by the machine": func(t *testing.T, f vfs.FS, _ map[string][]byte) { d, _ := Open(f); apply(t, d, event(EventTamper)) },
	}
	for name, harm := range tests {
		t.Run(name, func(t *testing.T) {
			fsys := vfs.NewMem(vfs.MemOptions{})
			d := provision(t, fsys)
			apply(t, d, adoptEvent(1, 2, "two"))
			old := map[string][]byte{stateName: read(t, fsys, stateName), counterName: read(t, fsys, counterName)}
			apply(t, d, adoptEvent(1, 3, "three"), event(EventUnlock), event(EventUnlock))
			good := map[string][]byte{}
			for _, name := range []string{stateName, counterName, keyName} {
				good[name] = read(t, fsys, name)
			}
			harm(t, fsys, old)
			for range 2 {
				d, err := Open(fsys)
				if !errors.Is(err, ErrTampered) || d == nil || d.Reason() == "" {
					t.Fatalf("open: %v", err)
				}
				for _, e := range events {
					if e != EventTamper && !errors.Is(d.Apply(event(e)), ErrTampered) {
						t.Errorf("%s is not refused", e)
					}
				}
				if err := d.RecordCheckpoint("x", 1, [32]byte{}, [32]byte{}); !errors.Is(err, ErrTampered) {
					t.Errorf("checkpoint: %v", err)
				}
				if _, err := Provision(fsys, testSigner(), testRand(3), testTime); !errors.Is(err, ErrProvisioned) {
					t.Errorf("provision: %v", err)
				}
				if name != "told by the machine" {
					for name, b := range good {
						write(t, fsys, name, b)
					}
				}
			}
		})
	}
}

// putOther puts another device's file in the place of ours.
func putOther(name string) func(*testing.T, vfs.FS, map[string][]byte) {
	return func(t *testing.T, fsys vfs.FS, _ map[string][]byte) {
		other := vfs.NewMem(vfs.MemOptions{})
		d, err := Provision(other, testSigner(), testRand(2), testTime)
		if err != nil {
			t.Fatal(err)
		}
		apply(t, d, adoptEvent(1, 3, "three"))
		b, err := vfs.ReadFile(other, name, maxStateFile)
		if err != nil {
			t.Fatal(err)
		}
		if err := durable.WriteFile(fsys, name, b); err != nil {
			t.Fatal(err)
		}
	}
}

func TestProvision(t *testing.T) {
	fsys := vfs.NewMem(vfs.MemOptions{})
	if _, err := Open(fsys); !errors.Is(err, ErrNotProvisioned) {
		t.Errorf("empty folder: %v", err)
	}
	d := provision(t, fsys)
	if _, err := Provision(fsys, testSigner(), testRand(2), testTime); !errors.Is(err, ErrProvisioned) {
		t.Errorf("second provision: %v", err)
	}
	text, err := vfs.ReadFile(fsys, keyName, maxKeyFile)
	if err != nil {
		t.Fatal(err)
	}
	key, err := crypto.ParsePrivateKey(text)
	if err != nil || !key.Equal(d.Key()) {
		t.Errorf("key file: %v", err)
	}
	for name, want := range map[string]fs.FileMode{keyName: 0o600, publicName: 0o644} {
		info, err := fsys.Stat(name)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, %v", name, info.Mode(), err)
		}
	}
	if d.Record().Protection != SoftwareKey {
		t.Errorf("protection %q", d.Record().Protection)
	}
}

// TestConcurrent: of two that opened the same state, the second one to change it
// is told, and changes nothing.
func TestConcurrent(t *testing.T) {
	fsys := vfs.NewMem(vfs.MemOptions{})
	provision(t, fsys)
	a, err := Open(fsys)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Open(fsys)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, a, adoptEvent(1, 1, "a"))
	if err := b.Apply(adoptEvent(2, 1, "b")); !errors.Is(err, ErrConcurrent) {
		t.Errorf("second change: %v", err)
	}
}

// TestCrash cuts power at every operation of a short life, with what was not
// synced lost, kept, or by dice. The device that comes back has the state before
// or after the event at hand, never less than what was acknowledged, is never
// tampered, and goes on.
func TestCrash(t *testing.T) {
	script := []func(d *Device) error{
		func(d *Device) error { return d.Apply(adoptEvent(1, 1, "one")) },
		func(d *Device) error { return d.Apply(event(EventUnlock)) },
		func(d *Device) error { return d.Apply(event(EventLoadStart)) },
		func(d *Device) error { return d.Apply(extendEvent(1, 2, "one, extended")) },
		func(d *Device) error { return d.Apply(event(EventLoadEnd)) },
		func(d *Device) error { return d.RecordCheckpoint(origin(d, 1), 4, [32]byte{4}, [32]byte{}) },
		func(d *Device) error { return d.Apply(event(EventSealDone)) },
	}
	for _, percent := range []int{0, 50, 100} {
		for at := int64(1); ; at++ {
			fsys := vfs.NewMem(vfs.MemOptions{})
			fsys.OnOp(func(vfs.Op) error {
				if fsys.Ops() >= at {
					fsys.Halt()
				}
				return nil
			})
			acked, finished := live(fsys, script)
			back := fsys.CrashClone(rand.New(rand.NewSource(at)), percent)
			checkCrash(t, back, acked, script, fmt.Sprintf("op %d, %d%%", at, percent))
			if finished {
				break
			}
		}
	}
}

// live runs the script and returns the counter last acknowledged.
func live(fsys *vfs.Mem, script []func(*Device) error) (acked uint64, finished bool) {
	d, err := Provision(fsys, testSigner(), testRand(1), testTime)
	if err != nil {
		return 0, false
	}
	for _, step := range script {
		acked = d.record.Counter
		if step(d) != nil {
			return acked, false
		}
	}
	return d.record.Counter, true
}

func checkCrash(t *testing.T, fsys *vfs.Mem, acked uint64, script []func(*Device) error, where string) {
	t.Helper()
	d, err := Open(fsys)
	if acked == 0 && errors.Is(err, ErrNotProvisioned) {
		d, err = Provision(fsys, testSigner(), testRand(9), testTime)
	}
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	have := d.record.Counter
	if have != acked && have != acked+1 {
		t.Fatalf("%s: counter %d after %d was acknowledged", where, have, acked)
	}
	for i := have - 1; i < uint64(len(script)); i++ {
		if err := script[i](d); err != nil {
			t.Fatalf("%s: going on at step %d: %v", where, i, err)
		}
	}
	if d, err = Open(fsys); err != nil || d.State() != Sealed {
		t.Fatalf("%s: end: %v", where, err)
	}
}

// TestFullDisk: without space nothing changes, and it goes on when there is some.
func TestFullDisk(t *testing.T) {
	mem := vfs.NewMem(vfs.MemOptions{})
	d := provision(t, mem)
	full := errors.New("no space left")
	mem.OnOp(func(op vfs.Op) error {
		if op.Kind == vfs.OpWrite {
			return full
		}
		return nil
	})
	if err := d.Apply(adoptEvent(1, 1, "one")); !errors.Is(err, full) {
		t.Errorf("full disk: %v", err)
	}
	mem.OnOp(nil)
	apply(t, d, adoptEvent(1, 1, "one"))
	if entries, err := mem.ReadDir("."); err != nil || len(entries) != 5 {
		t.Errorf("files left: %v, %v", entries, err)
	}
}

// TestDiskError: a disk that does not answer is no tampering.
func TestDiskError(t *testing.T) {
	mem := vfs.NewMem(vfs.MemOptions{})
	provision(t, mem)
	mem.Halt()
	if _, err := Open(mem); err == nil || errors.Is(err, ErrTampered) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("halted disk: %v", err)
	}
}
