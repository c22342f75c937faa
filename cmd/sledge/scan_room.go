package main

import (
	"errors"
	"fmt"
	"io"
)

// scanRoom is what the disks have for a source. The need is the size of all its files at
// most: holes, and what is on the device already, take no room.
type scanRoom struct {
	Needs   int64  `json:"needs_at_most_bytes"`
	Free    int64  `json:"free_bytes"`
	Fullest string `json:"fullest_disk"`
	Unknown string `json:"unknown,omitempty"` // why the room is not known; the figures are zero then
}

// roomFor asks the named disks of an unlocked device; nil where none are named. What
// cannot be asked is no error of a scan, whose findings count.
func (a *app) roomFor(bytes int64) *scanRoom {
	if _, err := a.diskNames(); a.device == "" || errors.Is(err, errNoDisks) {
		return nil
	}
	r := &scanRoom{Needs: bytes}
	if err := a.askRoom(r); err != nil {
		r = &scanRoom{Unknown: err.Error()}
	}
	return r
}

func (a *app) askRoom(r *scanRoom) error {
	a.looks = true // who asks for the room hinders nobody
	w, named, err := a.look()
	if err != nil {
		return err
	}
	defer w.close()
	if err := badDisks(named); err != nil {
		return err
	}
	s := w.Status()
	r.Free, r.Fullest = s.FreeBytes, s.FullestDisk
	return nil
}

func (r *scanRoom) fits() bool { return r == nil || r.Unknown != "" || r.Needs <= r.Free }

func (r *scanRoom) print(w io.Writer) {
	switch {
	case r == nil:
	case r.Unknown != "":
		fmt.Fprintf(w, "room        not known: %s\n            ask again when sledge status names no fault\n", escape(r.Unknown))
	case r.fits():
		fmt.Fprintf(w, "room        about %s: all of it fits\n", size(r.Free))
	default:
		fmt.Fprintf(w, "room        about %s: NOT all of it fits, unless enough is on the device already or is holes; the fullest disk is %s\n", size(r.Free), escape(r.Fullest))
		fmt.Fprintln(w, "            a larger disk in its place gives room (sledge rebuild), or another device takes the rest")
	}
}
