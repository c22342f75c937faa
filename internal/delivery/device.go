package delivery

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/manifest"
)

var (
	// ErrOtherJob: what was brought together is of several jobs.
	ErrOtherJob = errors.New("disk does not belong here")
	// ErrJobFile: job files of one job do not agree, or one is not what it must be.
	ErrJobFile = errors.New("job file")
	// ErrMissing: devices of the job were not brought.
	ErrMissing = errors.New("devices of the job are missing")
)

// Warn tells the operator what he should know before he relies on the result.
type Warn func(format string, args ...any)

// Device is what belongs to one device.
type Device struct {
	ID    manifest.ID
	Disks []string // folders
	Label string   // file; "": none
}

// Disks is how a disk is asked whose it is.
type Disks struct {
	Checkpoint string                                      // name of the log's checkpoint on a disk
	Header     func(disk string) (id manifest.ID, ok bool) // of a disk whose header can be read
}

// Origin is that of the disk's checkpoint; "" for a disk of no use, which is left to those
// who verify one device.
func (d Disks) Origin(disk string) string {
	text, err := files.ReadIn(disk, d.Checkpoint, manifest.MaxCheckpoint)
	if err != nil {
		return ""
	}
	return firstLine(text)
}

// device is the device that a disk says it is of: by its header, or by its checkpoint where
// the header is damaged.
func (d Disks) device(disk string) (id manifest.ID, ok bool) {
	if id, ok := d.Header(disk); ok {
		return id, true
	}
	name, ok := deviceOf(d.Origin(disk))
	if !ok {
		return id, false
	}
	id, err := manifest.ParseID(name)
	return id, err == nil
}

// Group groups the disks by what they say, in the order of the devices' IDs. A disk that
// does not say of which device it is stays out, with a warning.
func (d Disks) Group(disks []string, warn Warn) []*Device {
	var devices []*Device
	for _, disk := range disks {
		id, ok := d.device(disk)
		if !ok {
			warn("disk %s does not say of which device it is, and is left out; to use it, import its device alone", disk)
			continue
		}
		at := slices.IndexFunc(devices, func(d *Device) bool { return d.ID == id })
		if at < 0 {
			at, devices = len(devices), append(devices, &Device{ID: id})
		}
		devices[at].Disks = append(devices[at].Disks, disk)
	}
	slices.SortFunc(devices, func(x, y *Device) int { return bytes.Compare(x.ID[:], y.ID[:]) })
	return devices
}

// deviceOf is the device of an origin, whatever its generation.
func deviceOf(origin string) (device string, ok bool) {
	parts := strings.Split(origin, "/")
	if len(parts) != 4 {
		return "", false
	}
	return parts[2], true
}

func firstLine(text []byte) string {
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}
