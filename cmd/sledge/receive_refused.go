package main

import (
	"fmt"
	"io"

	"github.com/sledge-io/sledge/appliance"
)

// refusedReport is the arrival of a device that is not to be used: what came, by its own
// word, and why it was refused. It has none of the names by which a device that fits is told.
type refusedReport struct {
	Verdict     string        `json:"verdict"` // refused
	Refused     string        `json:"refused"` // why
	Claims      []arrivedDisk `json:"claims"`
	Fingerprint string        `json:"label_fingerprint,omitempty"` // of the label that was given
}

// arrivedDisk is what a disk says of itself. Nothing vouches for it.
type arrivedDisk struct {
	Disk       string `json:"disk"`
	Job        string `json:"job,omitempty"`
	Device     string `json:"device,omitempty"`
	Generation uint32 `json:"generation,omitempty"`
	Bay        int    `json:"bay"` // -1: it does not say
}

func (r *refusedReport) Print(w io.Writer) {
	fmt.Fprintf(w, "arrival     REFUSED, not to be used: %s\n", shown(r.Refused))
	for _, c := range r.Claims {
		if c.Bay < 0 {
			fmt.Fprintf(w, "disk        %s: does not say what it is\n", shownName(c.Disk))
			continue
		}
		fmt.Fprintf(w, "disk        %s: says that it is bay %d of device %s, generation %d, of job %s\n", shownName(c.Disk), c.Bay, c.Device, c.Generation, c.Job)
	}
	printIf(w, r.Fingerprint != "", "label       given, fingerprint %s; it vouches for nothing here\n", r.Fingerprint)
}

// refusedArrival names what came where it is refused. Any other error is no arrival.
func (a *app) refusedArrival(f *chainFlags, err error) (report, error) {
	if code, _ := diagnose(err); code != exitRefused {
		return nil, err
	}
	disks, done, openErr := a.openDisks()
	if openErr != nil {
		return nil, err
	}
	defer done()
	r := &refusedReport{Verdict: className(exitRefused), Refused: err.Error(), Claims: []arrivedDisk{}}
	for _, d := range disks {
		c := arrivedDisk{Disk: d.Name, Bay: -1}
		if h, headerErr := appliance.ReadHeader(d); headerErr == nil {
			c = arrivedDisk{d.Name, h.Scope.Job.String(), h.Scope.Device.String(), h.Scope.Generation, h.Bay}
		}
		r.Claims = append(r.Claims, c)
	}
	if text, labelErr := f.labelText(); labelErr == nil && text != nil {
		r.Fingerprint = labelFingerprint(text)
	}
	return r, err
}
