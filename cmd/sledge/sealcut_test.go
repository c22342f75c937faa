package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/firmware"
)

// sealCut seals up to the recorded checkpoint: the next that happens is a power cut.
func (f *field) sealCut(flags ...string) {
	f.t.Helper()
	a := &app{in: os.Stdin, out: f.t.Output(), err: f.t.Output(), now: f.clock, ctx: f.t.Context(), device: "dev"}
	w, err := a.openWork(firmware.EventLock)
	if err != nil {
		f.t.Fatal(err)
	}
	defer w.close()
	defer func() { recover() }()
	_, err = w.Seal(f.t.Context(), sealOptions(w, &sealFlags{unchecked: true, incomplete: slices.Contains(flags, "--incomplete")}, func(stage string) {
		if stage == "checkpoint" {
			panic("power cut")
		}
	}))
	f.t.Fatalf("the seal was not cut off: %v", err)
}

// TestSealHalf: while a seal is half finished only the same seal helps: no unlock, no
// label, no other job. The seal that goes on says what the first would have said.
func TestSealHalf(t *testing.T) {
	f := newField(t)
	f.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	f.sledge(0, "load", "src")
	f.sealCut()
	d, err := (&app{device: "dev", now: f.clock}).openDevice(false)
	if err != nil {
		t.Fatal(err)
	}
	job := d.Record().Job.String()
	d.close()
	for _, v := range [][]string{
		{"unlock", "--code-file", "code"}, {"unlock", "--job", "job.dsse", "--code-file", "code"}, {"seal", "--job", job}, {"load", "src"},
	} {
		f.says(f.sledge(exitState, v...), "the seal has begun", "run the same sledge seal again")
	}
	f.sledge(0, "lock")
	f.says(f.sledge(exitState, "unlock", "--code-file", "code"), "the seal has begun", "run the same sledge seal again")
	f.sledge(0, "seal", "--wrap-unchecked", "--label-out", "d.label")
	f.says(f.sledge(0, "seal", "--job", job, "--label-out", "e.label"), "fingerprint")
	f.sledge(0, "extract", "back", "--label", "d.label")
}

// TestSealHalfInterrupted: a seal that goes on shows the bytes that it writes again,
// ends with a signal, and goes on once more.
func TestSealHalfInterrupted(t *testing.T) {
	f := newField(t)
	f.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	f.sledge(0, "load", "src")
	f.sealCut()
	if err := errors.Join(os.RemoveAll("bay1/sledge/packs"), os.Mkdir("bay1/sledge/packs", 0o700)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := &app{in: os.Stdin, out: t.Output(), err: t.Output(), now: f.clock, ctx: ctx, device: "dev"}
	_, err := a.finishSeal(ctx, &sealFlags{unchecked: true})
	if code, _ := diagnose(err); code != exitInterrupted {
		t.Errorf("interrupted: exit code %d, %v", code, err)
	}
	f.says(f.sledge(0, "seal", "--wrap-unchecked", "--label-out", "d.label", "--json"), `"phase":"complete the disks"`, `"total_bytes":`, `"label_file"`)
}

// TestSealHalfWithout: a seal that goes on ends with 11 as the first would have.
func TestSealHalfWithout(t *testing.T) {
	f := newField(t)
	f.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	if err := unix.Mkfifo("src/pipe", 0o600); err != nil {
		t.Fatal(err)
	}
	f.sledge(exitSource, "load", "src", "--accept-findings")
	f.sealCut()
	f.says(f.sledge(exitSource, "seal", "--wrap-unchecked", "--label-out", "d.label"), "not on the device, could not be read: 1 entry")
}

// TestAllowedWhenTaken: what is let pass is written down with the disks that pass, and
// not by a command that is refused.
func TestAllowedWhenTaken(t *testing.T) {
	f := newField(t)
	f.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	f.sledge(0, "load", "src")
	shm := os.Getenv("XDG_RUNTIME_DIR") // a tmpfs
	foreign, empty := shm+"/foreign", shm+"/empty"
	for _, dir := range []string{foreign + "/sledge", empty} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	f.write(foreign+"/sledge/x", "not empty")
	rebuild := func(want int, onto string) {
		t.Helper()
		f.sledge(want, "rebuild", "--replace", onto, "--bay", "2", "--disk", "bay0,bay1", "--allow-shared", "--allow-filesystem", "tmpfs", "--trust", "site/signer.pub")
	}
	rebuild(exitDisks, foreign)
	if got := f.filesystems(); len(got) > 0 {
		t.Errorf("a rebuild that was refused has let pass %v", got)
	}
	rebuild(0, empty)
	if got := f.filesystems(); len(got) != 1 || got[0] != "tmpfs" {
		t.Errorf("rebuild --trust of the device's own disks has written down %v", got)
	}
}

// filesystems are what the device's state lets pass.
func (f *field) filesystems() []string {
	f.t.Helper()
	d, err := (&app{device: "dev", now: f.clock}).openDevice(false)
	if err != nil {
		f.t.Fatal(err)
	}
	defer d.close()
	return d.Record().Filesystems
}

// TestStatusDiskGone: a disk that is gone with its folder is a state; the others tell
// what is safe.
func TestStatusDiskGone(t *testing.T) {
	f := newField(t)
	f.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	f.sledge(0, "load", "src")
	if err := os.Rename("bay1", "away"); err != nil {
		t.Fatal(err)
	}
	f.write("file", "")
	for _, gone := range []string{"bay1", "file", "file/bay1"} {
		f.says(f.sledge(exitDisks, "status", "--disk", "bay0,"+gone+",bay2"), "safe        1 entry", "disk        "+gone+": not mounted", "nothing is mounted")
	}
}
