package main

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/internal/delivery"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// importDevice is one device of several.
type importDevice struct {
	*delivery.Device

	set        *appliance.Set // nil: its chain does not hold
	closeDisks func()
	totals     *manifest.Totals
	ended      *endedImport // nil: nothing was begun
	err        error
	listener   listener
}

// short names the device's state folder and its commit marker.
func (d *importDevice) short() string { return d.ID.String()[:8] }

func (d *importDevice) close() {
	if d.ended != nil {
		d.ended.close()
	}
	if d.closeDisks != nil {
		d.closeDisks()
	}
}

// delivered is how a disk is asked of which device it is.
func delivered() delivery.Disks {
	return delivery.Disks{Checkpoint: appliance.Root + "/log/checkpoint", Header: headerDevice}
}

// headerDevice is the device of a disk's header.
func headerDevice(path string) (id manifest.ID, ok bool) {
	disk, err := vfs.OS(path)
	if err != nil {
		return id, false
	}
	defer vfs.Close(disk) // read only
	h, err := appliance.ReadHeader(appliance.Disk{Name: path, FS: disk})
	if err != nil {
		return id, false
	}
	return h.Scope.Device, true
}

// findDevices groups the disks, and gives each device its label. Each device's chain is
// verified afterwards.
func (a *app) findDevices(f *importFlags) ([]*importDevice, error) {
	paths, err := a.diskPaths()
	if err != nil {
		return nil, err
	}
	found := delivered().Group(paths, a.warn)
	if len(found) == 0 {
		return nil, fmt.Errorf("%w: no disk says of which device it is", appliance.ErrForeign)
	}
	var devices []*importDevice
	for _, d := range found {
		devices = append(devices, &importDevice{Device: d})
	}
	return devices, delivery.GiveLabels(found, f.labels, f.noLabel, a.warn)
}

// agree refuses devices that are not of one job with one target and the same roles,
// and names those of the job that are absent. The devices are put into the job's order.
func (r *importAllReport) agree(devices []*importDevice, allowed []string) error {
	var sealed []delivery.Sealed
	var here []manifest.ID
	for _, d := range devices {
		here = append(here, d.ID)
		if d.set != nil {
			sealed = append(sealed, delivery.Sealed{Device: d.ID, Job: d.set.Job})
		}
	}
	if len(sealed) == 0 {
		return nil
	}
	pinned, err := delivery.Agree(sealed)
	if err != nil {
		return err
	}
	first := sealed[0].Job
	r.Job, r.Target = first.ID.String(), first.Target.URL
	slices.SortStableFunc(devices, func(x, y *importDevice) int {
		return cmp.Compare(slices.Index(pinned, x.ID), slices.Index(pinned, y.ID))
	})
	missing, err := delivery.Missing(pinned, here, allowed)
	r.Missing = append(r.Missing, missing...)
	return err
}
