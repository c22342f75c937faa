package delivery

import (
	"slices"
	"strings"

	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/manifest"
)

// Receipts is a folder of receipts, with the disks and the label of its device.
type Receipts struct {
	Folder string
	Origin string // that the receipts' checkpoint names
	Disks  []string
	Label  string // file; "": none
}

// Match finds out which disks and which label are of which receipts. With one folder
// everything is its own, so that a strange disk or label is named by those who verify it.
func (d Disks) Match(folders, disks, labels []string, noLabel bool) ([]*Receipts, error) {
	read, err := ReadLabels(labels)
	if err != nil {
		return nil, err
	}
	var all []*Receipts
	for _, folder := range folders {
		r := &Receipts{Folder: folder, Disks: disks}
		if r.Origin, err = receiptsOrigin(folder); err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(all, func(o *Receipts) bool { return o.device() == r.device() }); i >= 0 {
			return nil, advice.Hint(advice.Usagef("%s and %s are of the same device", all[i].Folder, folder), "name the receipts of one run a device: the latest")
		}
		if len(folders) > 1 {
			r.Disks = slices.DeleteFunc(slices.Clone(disks), func(disk string) bool { return d.Origin(disk) != r.Origin })
			if len(disks) > 0 && len(r.Disks) == 0 {
				return nil, advice.Hint(advice.Usagef("no disk is of the device of %s", folder), "name one disk of each device, or none at all")
			}
		}
		all = append(all, r)
	}
	return all, matchLabels(all, read, noLabel)
}

// matchLabels gives each device its label. All have to find their device, and each
// device that is held against its disks needs one, unless the operator goes on
// without. With one device even a strange label is its own, to be refused by those
// who compare it.
func matchLabels(all []*Receipts, labels []Label, noLabel bool) error {
	alone := len(all) == 1 && len(labels) == 1
	for _, l := range labels {
		i := slices.IndexFunc(all, func(r *Receipts) bool { return alone || r.Origin == l.Scope.Origin() })
		if i < 0 {
			return advice.Hint(advice.Usagef("label %s is of %s, of which there are no receipts", l.File, l.Scope.Origin()), "leave it out, or name the receipts of that device, too")
		}
		all[i].Label = l.File
	}
	for _, r := range all {
		if len(r.Disks) > 0 && r.Label == "" && !noLabel {
			return advice.Hint(advice.Usagef("no label given of the device of %s", r.Folder), "give the label that was sent beside its disks: --label FILE; without it an older state of the device looks the same (--no-label)")
		}
	}
	return nil
}

// device is the device of the receipts, whatever its generation.
func (r *Receipts) device() string {
	if device, ok := deviceOf(r.Origin); ok {
		return device
	}
	return r.Origin
}

// receiptsOrigin is the device that a receipts folder says it is of, in the words
// of its manifest's checkpoint.
func receiptsOrigin(folder string) (string, error) {
	text, err := files.ReadIn(folder, "log/checkpoint", manifest.MaxCheckpoint)
	if err != nil {
		return "", err
	}
	origin, _, _ := strings.Cut(firstLine(text), "/import/")
	return origin, nil
}
