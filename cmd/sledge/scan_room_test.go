package main

import (
	"bytes"
	"strings"
	"testing"
)

// What a scan says of the room, and of the disk that limits it.
func TestScanRoom(t *testing.T) {
	for _, tt := range []struct {
		room *scanRoom
		want string
	}{
		{nil, ""},
		{&scanRoom{Unknown: "the device is locked", Help: []string{"unlock it"}}, "not known: the device is locked\n            unlock it\n"},
		{&scanRoom{Needs: 10, Free: 10, Fullest: "bay1"}, "about 10 B: all of it fits"},
		{&scanRoom{Needs: 11, Free: 10, Fullest: "bay\x1b1"}, `NOT all of it fits, unless enough is on the device already or is holes; the fullest disk is bay\x1b1`},
	} {
		var out bytes.Buffer
		tt.room.Print(&out)
		if (tt.want == "") != (out.Len() == 0) || !strings.Contains(out.String(), tt.want) {
			t.Errorf("%+v: %q lacks %q", tt.room, &out, tt.want)
		}
	}
}

// TestScanSealed: a scan for a sealed device says that nothing can be added to it, with
// and without disks; one for a locked device says how the room is told.
func TestScanSealed(t *testing.T) {
	f := newField(t)
	f.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	f.sledge(0, "load", "src")
	f.says(f.sledge(0, "scan", "src"), "room        about")
	f.sledge(0, "lock")
	f.says(f.sledge(0, "scan", "src"), "room        not known: ", "            unlock the device: sledge unlock --disk 'bay*' --device dev")
	f.sledge(0, "unlock", "--code-file", "code")
	f.sledge(0, "seal", "--wrap-unchecked", "--label-out", "d.label")
	for _, disks := range []string{"bay*", ""} {
		t.Setenv("SLEDGE_DISKS", disks)
		f.says(f.sledge(0, "scan", "src"), "room        not known: the device is final: this generation is sealed",
			"            the device is final, nothing can be added any more: ship the disks", "for new data the data centre makes a new job")
	}
}
