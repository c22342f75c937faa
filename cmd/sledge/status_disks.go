package main

import (
	"slices"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/firmware"
)

// surveyDisks puts into a status what can be told of the named disks without the load
// key. Only a locked device needs them, so only there a bad disk is an error: those of
// a sealed one may be away, and those of a new one are not prepared yet.
func (a *app) surveyDisks(d *device, r *statusReport) error {
	w := &work{}
	defer w.close()
	disks, unopened, err := a.openAnswering(w)
	needed := r.State == string(firmware.Locked) && !d.Record().FirstUnlock.IsZero()
	if err != nil {
		if needed {
			return err
		}
		a.warn("%v", err)
		return nil
	}
	states, bays := a.surveyStates(d, disks)
	here := map[int]bool{}
	for _, s := range append(states, unopened...) {
		n := newNamedDisk(s)
		n.known = !needed
		r.Named = append(r.Named, n)
		if s.Bay >= 0 && (s.Err == nil || s.State == appliance.DiskFailed || s.State == appliance.DiskStale) {
			here[s.Bay] = true
		}
	}
	for bay := range bays {
		if !here[bay] {
			r.Absent = append(r.Absent, bay)
		}
	}
	a.noteBad(append(states, unopened...))
	if !needed {
		return nil
	}
	return badDisks(r.Named)
}

// surveyStates looks at disks that answer, and gives the number of bays that should be
// there; 0 before the first unlock.
func (a *app) surveyStates(d *device, disks []appliance.Disk) ([]appliance.DiskState, int) {
	job, file, err := d.job()
	if err != nil || d.Record().FirstUnlock.IsZero() {
		return appliance.SurveyNew(disks), 0
	}
	_, states := appliance.Survey(a.config(d, job, file, disks))
	return slices.Clip(states), job.Geometry.Disks
}
