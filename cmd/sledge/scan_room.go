package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/firmware"
)

// scanRoom is what the disks have for a source. The need is the size of all its files at
// most: holes, and what is on the device already, take no room.
type scanRoom struct {
	Needs   int64  `json:"needs_at_most_bytes"`
	Free    int64  `json:"free_bytes"`
	Fullest string `json:"fullest_disk"`
	Unknown string `json:"unknown,omitempty"` // why the room is not known; the figures are zero then
}

// roomFor looks at the named disks of an unlocked device; nil where none are named.
func (a *app) roomFor(bytes int64) (*scanRoom, error) {
	if _, err := a.diskNames(); a.device == "" || errors.Is(err, errNoDisks) {
		return nil, nil
	}
	d, err := a.openDevice(false)
	if err != nil {
		return nil, err
	}
	state, busy := d.State(), firmware.Busy(d.fs)
	if err := d.close(); err != nil {
		return nil, err
	}
	if state != firmware.Unlocked && state != firmware.Loading {
		return &scanRoom{Unknown: "the device is " + string(state)}, nil
	}
	if busy {
		return &scanRoom{Unknown: "another command is at work"}, nil
	}
	a.looks = true // who asks for the room hinders nobody
	w, named, err := a.look()
	if errors.Is(err, firmware.ErrBusy) || errors.Is(err, appliance.ErrBusy) {
		return &scanRoom{Unknown: "another command is at work"}, nil
	}
	if err == nil {
		defer w.close()
		err = badDisks(named)
	}
	if err != nil {
		return nil, err
	}
	s := w.Status()
	return &scanRoom{Needs: bytes, Free: s.FreeBytes, Fullest: s.FullestDisk}, nil
}

func (r *scanRoom) fits() bool { return r == nil || r.Unknown != "" || r.Needs <= r.Free }

func (r *scanRoom) print(w io.Writer) {
	switch {
	case r == nil:
	case r.Unknown != "":
		fmt.Fprintf(w, "room        not known: %s\n", r.Unknown)
	case r.fits():
		fmt.Fprintf(w, "room        about %s: all of it fits\n", size(r.Free))
	default:
		fmt.Fprintf(w, "room        about %s: NOT all of it fits, unless enough is on the device already or is holes; the fullest disk is %s\n", size(r.Free), escape(r.Fullest))
		fmt.Fprintln(w, "            a larger disk in its place gives room (sledge rebuild), or another device takes the rest")
	}
}
