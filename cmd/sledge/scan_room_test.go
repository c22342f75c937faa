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
		{&scanRoom{Unknown: "the device is locked"}, "not known: the device is locked"},
		{&scanRoom{Needs: 10, Free: 10, Fullest: "bay1"}, "about 10 B: all of it fits"},
		{&scanRoom{Needs: 11, Free: 10, Fullest: "bay\x1b1"}, `NOT all of it fits, unless enough is on the device already or is holes; the fullest disk is bay\x1b1`},
	} {
		var out bytes.Buffer
		tt.room.print(&out)
		if (tt.want == "") != (out.Len() == 0) || !strings.Contains(out.String(), tt.want) {
			t.Errorf("%+v: %q lacks %q", tt.room, &out, tt.want)
		}
	}
}
