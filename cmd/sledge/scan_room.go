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

	Unknown string   `json:"unknown,omitempty"` // why the room is not known; the figures are zero then
	Help    []string `json:"help,omitempty"`    // what to do about that
}

// roomFor asks the named disks of an unlocked device; nil where none are named. What
// cannot be asked is no error of a scan, whose findings count. Of a sealed device it says
// so, also without disks: nothing that is scanned will be loaded there.
func (a *app) roomFor(bytes int64) *scanRoom {
	if a.device == "" {
		return nil
	}
	if a.isSealed() {
		return a.noRoom(fmt.Errorf("the device is final: %w", appliance.ErrSealed))
	}
	if _, err := a.diskNames(); errors.Is(err, errNoDisks) {
		return nil
	}
	r := &scanRoom{Needs: bytes}
	if err := a.askRoom(r); err != nil {
		return a.noRoom(err)
	}
	return r
}

// noRoom is a room that cannot be told, with the hints that the error has elsewhere.
func (a *app) noRoom(err error) *scanRoom {
	r := &scanRoom{Unknown: err.Error()}
	_, hints := diagnose(err)
	for _, h := range hints {
		r.Help = append(r.Help, a.commands(h))
	}
	if len(r.Help) == 0 {
		r.Help = []string{"ask again when sledge status names no fault"}
	}
	return r
}

// isSealed reports whether the device has sealed its job; false where that cannot be read.
func (a *app) isSealed() bool {
	d, err := a.openDevice(false)
	if err != nil {
		return false
	}
	defer d.close() // only read
	return d.State() == firmware.Sealed
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

func (r *scanRoom) Print(w io.Writer) {
	switch {
	case r == nil:
	case r.Unknown != "":
		fmt.Fprintf(w, "room        not known: %s\n", escape(r.Unknown))
		for _, h := range r.Help {
			fmt.Fprintf(w, "            %s\n", escape(h))
		}
	case r.fits():
		fmt.Fprintf(w, "room        about %s: all of it fits\n", size(r.Free))
	default:
		fmt.Fprintf(w, "room        about %s: NOT all of it fits, unless enough is on the device already or is holes; the fullest disk is %s\n", size(r.Free), escape(r.Fullest))
		fmt.Fprintln(w, "            a larger disk in its place gives room (sledge rebuild), or another device takes the rest")
	}
}
