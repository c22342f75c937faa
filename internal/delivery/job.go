package delivery

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/manifest"
)

// Sealed is a device with the job file that it was sealed under.
type Sealed struct {
	Device manifest.ID
	Job    *manifest.Job
}

// Agree refuses devices that are not of one job with one target and the same roles, and
// returns the devices that their job files name, in order. Job files of several serials may
// name different devices: all of them count.
func Agree(devices []Sealed) (pinned []manifest.ID, err error) {
	for _, d := range devices {
		if err := sameJob(devices[0], d); err != nil {
			return nil, err
		}
		for _, p := range d.Job.Devices {
			if !slices.Contains(pinned, p.ID) {
				pinned = append(pinned, p.ID)
			}
		}
	}
	return pinned, nil
}

// sameJob compares what the job files of two devices must agree on.
func sameJob(x, y Sealed) error {
	a, b := x.Job, y.Job
	what := JobsDiffer(a, b)
	switch what {
	case "":
		return nil
	case "job":
		return advice.Hint(fmt.Errorf("%w: device %s is of job %s, device %s of job %s", ErrOtherJob, x.Device, a.ID, y.Device, b.ID), "import each job by itself")
	}
	return advice.Hint(fmt.Errorf("%w: the job files of device %s (serial %d) and device %s (serial %d) do not agree on the %s", ErrJobFile, x.Device, a.Serial, y.Device, b.Serial, what),
		"import each device by itself")
}

// JobsDiffer names what job files that come together must agree on and do not; ""
// is nothing.
func JobsDiffer(a, b *manifest.Job) string {
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

// Missing names the devices of the job that are not here. One that was not allowed to be
// missing is an error, and so is a name that is allowed and is not missing: the operator
// means something else.
func Missing(pinned, here []manifest.ID, allowed []string) (missing []string, err error) {
	var refused []string
	for _, id := range Absent(pinned, here) {
		missing = append(missing, id.String())
		if !slices.Contains(allowed, id.String()) {
			refused = append(refused, id.String())
		}
	}
	for _, name := range allowed {
		if !slices.Contains(missing, name) {
			return missing, advice.Usagef("--allow-missing %s: no such device of the job is missing", name)
		}
	}
	if len(refused) > 0 {
		return missing, fmt.Errorf("%w: %s", ErrMissing, strings.Join(refused, ", "))
	}
	return missing, nil
}

// Absent are the devices of the job that are not here, each once, in the job's order.
func Absent[ID comparable](pinned, here []ID) []ID {
	absent := []ID{}
	for _, id := range pinned {
		if !slices.Contains(here, id) && !slices.Contains(absent, id) {
			absent = append(absent, id)
		}
	}
	return absent
}
