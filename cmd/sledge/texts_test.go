package main

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/appliance"
)

// TestRefusedWithHint: what cannot be done is refused with a code and a hint of its own.
func TestRefusedWithHint(t *testing.T) {
	f := newField(t)
	f.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	f.says(f.sledge(exitUsage, "load", "src", "--as", "../x"), "hint: give a path without")
	f.says(f.sledge(exitNotFound, "load", "src", "--abandon"), "no unfinished load of", "hint: no load is unfinished")
	f.sledge(0, "load", "src")
	says := f.sledge(exitNotFound, "status", "--wrap-check", "nowhere/w")
	if strings.Contains(says, "next        send") || strings.Contains(says, "wrap check  ") {
		t.Errorf("a wrap check that was not written is to be sent: %s", says)
	}
}

// TestWrapCheckNamesBadDisk: a status that writes the wrap check ends with the code of
// the worst disk, as any status with disks does.
func TestWrapCheckNamesBadDisk(t *testing.T) {
	f := newField(t)
	f.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	f.sledge(0, "load", "src")
	if err := errors.Join(os.Rename("bay2", "away"), os.Mkdir("bay2", 0o700)); err != nil {
		t.Fatal(err)
	}
	f.says(f.sledge(exitDisks, "status", "--wrap-check", "w"), "next        send ", "disk bay2: ", "hint: take the disk named above out")
	if _, err := os.Stat("w"); err != nil {
		t.Error(err)
	}
}

// TestListNeedsDisks: a list that cannot be given is no success.
func TestListNeedsDisks(t *testing.T) {
	f := newField(t)
	f.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	f.sledge(0, "load", "src")
	f.says(f.sledge(0, "status", "--list"), "safe                  5 a")
	f.sledge(0, "lock")
	f.says(f.sledge(exitState, "status", "--list"), "device is locked", "hint: unlock the device")
	t.Setenv("SLEDGE_DISKS", "")
	f.sledge(0, "unlock", "--disk", "bay*", "--code-file", "code")
	f.says(f.sledge(exitUsage, "status", "--list"), "no disks named", "hint: name the disks")
	f.sledge(0, "status")
}

// TestUnverifiedIndexTold: without a pack that was not read back, the index is named.
func TestUnverifiedIndexTold(t *testing.T) {
	f := newField(t)
	f.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	f.sledge(0, "load", "src")
	f.says(f.sledge(0, "seal", "--wrap-unchecked", "--unverified", "--label-out", "d.label"), "NEVER READ BACK from the disks (--unverified): the index")
}

// TestNextUnfinished: the command that goes on with a load is told whole.
func TestNextUnfinished(t *testing.T) {
	a := &app{disks: []string{"bay*"}, device: "dev"}
	for want, u := range map[string]appliance.UnfinishedError{
		"sledge load '/srv/data' --disk 'bay*' --device dev":                {Root: "/srv/data"},
		"sledge load '/srv/my data' --as 'home' --disk 'bay*' --device dev": {Root: "/srv/my data", As: "home/"},
	} {
		if got := a.commands(nextUnfinished([]appliance.UnfinishedError{u})); !strings.HasPrefix(got, want+": ") {
			t.Errorf("%+v: %s", u, got)
		}
	}
	if got := nextUnfinished(make([]appliance.UnfinishedError, 2)); !strings.Contains(got, "1 unfinished load more") {
		t.Error(got)
	}
}

// TestNoWayBackTold: where state.json and state.counter do not fit together, no
// reinstatement is offered.
func TestNoWayBackTold(t *testing.T) {
	f := newField(t)
	old, err := os.ReadFile("dev/state.json")
	if err != nil {
		t.Fatal(err)
	}
	f.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	f.sledge(0, "lock")
	f.write("dev/state.json", string(old))
	for range 2 { // the first call marks the device, the second finds the mark
		says := f.sledge(exitTampered, "lock")
		f.says(says, "no statement can give this device back", "provision a new device")
		if strings.Contains(says, "reinstate") {
			t.Errorf("a reinstatement is offered: %s", says)
		}
	}
}
