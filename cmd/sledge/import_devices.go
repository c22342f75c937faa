package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// importDevice is one device of several.
type importDevice struct {
	id    manifest.ID
	disks []string
	label string // file; "": none

	set        *appliance.Set // nil: its chain does not hold
	closeDisks func()
	totals     *manifest.Totals
	ended      *endedImport // nil: nothing was begun
	err        error
	listener   listener
}

// short names the device's state folder and its commit marker.
func (d *importDevice) short() string { return d.id.String()[:8] }

func (d *importDevice) close() {
	if d.ended != nil {
		d.ended.close()
	}
	if d.closeDisks != nil {
		d.closeDisks()
	}
}

// findDevices groups the disks by what their headers say, and gives each group its
// label. Nothing is believed by that: each group's chain is verified afterwards.
func (a *app) findDevices(f *importFlags) ([]*importDevice, error) {
	paths, err := a.diskPaths()
	if err != nil {
		return nil, err
	}
	var devices []*importDevice
	for _, path := range paths {
		id, ok := deviceOf(path)
		if !ok {
			a.warn("disk %s does not say of which device it is, and is left out; to use it, import its device alone", path)
			continue
		}
		at := slices.IndexFunc(devices, func(d *importDevice) bool { return d.id == id })
		if at < 0 {
			at, devices = len(devices), append(devices, &importDevice{id: id})
		}
		devices[at].disks = append(devices[at].disks, path)
	}
	if len(devices) == 0 {
		return nil, fmt.Errorf("%w: no disk says of which device it is", appliance.ErrForeign)
	}
	slices.SortFunc(devices, func(x, y *importDevice) int { return bytes.Compare(x.id[:], y.id[:]) })
	return devices, a.giveLabels(f, devices)
}

// deviceOf is the device that a disk says it is of: by its header, or by its
// checkpoint where the header is damaged.
func deviceOf(path string) (id manifest.ID, ok bool) {
	disk, err := vfs.OS(path)
	if err != nil {
		return id, false
	}
	defer vfs.Close(disk) // read only
	if h, err := appliance.ReadHeader(appliance.Disk{Name: path, FS: disk}); err == nil {
		return h.Scope.Device, true
	}
	parts := strings.Split(diskOrigin(path), "/")
	if len(parts) != 4 {
		return id, false
	}
	id, err = manifest.ParseID(parts[2])
	return id, err == nil
}

// giveLabels matches labels and devices. Labels of other devices stay aside: they
// may be of some that are not here.
func (a *app) giveLabels(f *importFlags, devices []*importDevice) error {
	names, err := a.labelFiles(f.labels)
	if err != nil {
		return err
	}
	for _, name := range names {
		text, l, err := readLabel(name)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(devices, func(d *importDevice) bool { return d.id == l.Scope.Device })
		if at < 0 {
			a.warn("label %s is of device %s, of which there is no disk", name, l.Scope.Device)
			continue
		}
		if first := devices[at].label; first != "" {
			other, err := readFile(first, manifest.MaxCheckpoint)
			if err != nil || !bytes.Equal(other, text) {
				return hint(usagef("%s and %s are different labels of device %s", first, name, l.Scope.Device), "give the one that came with this delivery")
			}
			continue
		}
		devices[at].label = name
	}
	return unlabeled(f, devices)
}

// unlabeled refuses devices without a label, unless the operator goes on without.
func unlabeled(f *importFlags, devices []*importDevice) error {
	var without []string
	for _, d := range devices {
		if d.label == "" {
			without = append(without, d.id.String())
		}
	}
	if len(without) == 0 || f.noLabel {
		return nil
	}
	return hint(usagef("no label given of device %s", strings.Join(without, ", ")), "give the labels that were sent beside the disks, one --label FILE each or a folder of them; without it an older state of a device looks the same (--no-label)")
}

// maxLabels bounds the files of a folder of labels.
const maxLabels = 4096

// labelFiles puts the files of a folder in its place; what is no label there is
// named and left out.
func (a *app) labelFiles(names []string) (files []string, err error) {
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, name)
			continue
		}
		list, err := os.ReadDir(name)
		if err != nil {
			return nil, err
		}
		for _, e := range list[:min(len(list), maxLabels)] {
			if strings.HasSuffix(e.Name(), ".png") {
				continue // seal writes one beside each label
			}
			file := filepath.Join(name, e.Name())
			if _, _, err := readLabel(file); err != nil {
				a.warn("%s is not a label", file)
				continue
			}
			files = append(files, file)
		}
	}
	return files, nil
}

// readLabel reads a label's file; what is none is an error that names the file.
func readLabel(name string) (text []byte, l manifest.Label, err error) {
	if text, err = readFile(name, manifest.MaxCheckpoint); err != nil {
		return nil, l, err
	}
	if l, err = manifest.ParseLabel(text); err != nil {
		return nil, l, fmt.Errorf("%s: %w", name, err)
	}
	return text, l, nil
}

// agree refuses devices that are not of one job with one target and the same roles,
// and names those of the job that are absent. Job files of several serials may name
// different devices: all of them count. The devices are put into the job's order.
func (r *importAllReport) agree(devices []*importDevice, allowed []string) error {
	var first *importDevice
	var order []manifest.ID
	for _, d := range devices {
		if d.set == nil {
			continue
		}
		if first == nil {
			first = d
		}
		if err := sameJob(first, d); err != nil {
			return err
		}
		for _, pinned := range d.set.Job.Devices {
			if !slices.Contains(order, pinned.ID) {
				order = append(order, pinned.ID)
			}
		}
	}
	if first == nil {
		return nil
	}
	r.Job, r.Target = first.set.Job.ID.String(), first.set.Job.Target.URL
	slices.SortStableFunc(devices, func(x, y *importDevice) int {
		return cmp.Compare(slices.Index(order, x.id), slices.Index(order, y.id))
	})
	return r.absent(order, devices, allowed)
}

// sameJob compares what the job files of two devices must agree on.
func sameJob(x, y *importDevice) error {
	a, b := x.set.Job, y.set.Job
	what := jobsDiffer(a, b)
	switch what {
	case "":
		return nil
	case "job":
		return hint(fmt.Errorf("%w: device %s is of job %s, device %s of job %s", appliance.ErrForeign, x.id, a.ID, y.id, b.ID), "import each job by itself")
	}
	return hint(fmt.Errorf("%w: the job files of device %s (serial %d) and device %s (serial %d) do not agree on the %s", errJobFile, x.id, a.Serial, y.id, b.Serial, what),
		"import each device by itself")
}

// jobsDiffer names what job files that come together must agree on and do not; ""
// is nothing.
func jobsDiffer(a, b *manifest.Job) string {
	switch {
	case a.ID != b.ID:
		return "job"
	case !reflect.DeepEqual(a.Target, b.Target):
		return "target"
	case !reflect.DeepEqual(a.Roles, b.Roles):
		return "roles"
	}
	return ""
}

// absent names the devices of the job that have no disk here. A name that is
// allowed to be missing and is not is a mistake.
func (r *importAllReport) absent(job []manifest.ID, devices []*importDevice, allowed []string) error {
	var refused []string
	for _, id := range job {
		if slices.ContainsFunc(devices, func(d *importDevice) bool { return d.id == id }) {
			continue
		}
		r.Missing = append(r.Missing, id.String())
		if !slices.Contains(allowed, id.String()) {
			refused = append(refused, id.String())
		}
	}
	for _, name := range allowed {
		if !slices.Contains(r.Missing, name) {
			return usagef("--allow-missing %s: no such device of the job is missing", name)
		}
	}
	if len(refused) > 0 {
		return fmt.Errorf("%w: %s", errMissing, strings.Join(refused, ", "))
	}
	return nil
}
