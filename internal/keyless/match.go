package keyless

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/verdict"
)

// Matched is a folder of receipts, with the disks and the label of its device.
type Matched struct {
	Folder string
	Origin string // that the receipts' checkpoint names
	Disks  []string
	Label  string // file; "": none
	text   []byte // of the label, where it was read already
}

// Match finds out which disks and which label are of which receipts. With one folder
// everything is its own, so that a strange disk or label is named by those who verify it.
func Match(folders, disks, labels []string, noLabel bool) ([]*Matched, error) {
	read, err := readLabels(labels)
	if err != nil {
		return nil, err
	}
	var all []*Matched
	for _, folder := range folders {
		r := &Matched{Folder: folder, Disks: disks}
		if r.Origin, err = receiptsOrigin(folder); err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(all, func(o *Matched) bool { return o.device() == r.device() }); i >= 0 {
			return nil, advice.Hint(advice.Usagef("%s and %s are of the same device", all[i].Folder, folder), "name the receipts of one run a device: the latest")
		}
		if len(folders) > 1 {
			r.Disks = slices.DeleteFunc(slices.Clone(disks), func(disk string) bool { return diskOrigin(disk) != r.Origin })
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
func matchLabels(all []*Matched, labels []label, noLabel bool) error {
	alone := len(all) == 1 && len(labels) == 1
	for _, l := range labels {
		i := slices.IndexFunc(all, func(r *Matched) bool { return alone || r.Origin == l.origin })
		if i < 0 {
			return advice.Hint(advice.Usagef("label %s is of %s, of which there are no receipts", l.file, l.origin), "leave it out, or name the receipts of that device, too")
		}
		all[i].Label = l.file
	}
	for _, r := range all {
		if len(r.Disks) > 0 && r.Label == "" && !noLabel {
			return advice.Hint(advice.Usagef("no label given of the device of %s", r.Folder), "give the label that was sent beside its disks: --label FILE; without it an older state of the device looks the same (--no-label)")
		}
	}
	return nil
}

// device is the device of the receipts, whatever its generation.
func (r *Matched) device() string {
	if parts := strings.Split(r.Origin, "/"); len(parts) == 4 {
		return parts[2]
	}
	return r.Origin
}

// receiptsOrigin is the device that a receipts folder says it is of, in the words
// of its manifest's checkpoint.
func receiptsOrigin(folder string) (string, error) {
	text, err := files.ReadIn(folder, "log/checkpoint", maxCheckpoint)
	if err != nil {
		return "", err
	}
	origin, _, _ := strings.Cut(firstLine(text), "/import/")
	return origin, nil
}

// diskOrigin is that of the disk's checkpoint; "" for a disk of no use, which is left to those
// who verify one device.
func diskOrigin(disk string) string {
	text, err := files.ReadIn(disk, "sledge/log/checkpoint", maxCheckpoint)
	if err != nil {
		return ""
	}
	return firstLine(text)
}

func firstLine(text []byte) string {
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

// label is a label's file, and what it says.
type label struct {
	file, device, origin string
	text                 []byte
}

// readLabels reads labels, one of each device. The same label twice is one; of two different
// ones of a device none wins.
func readLabels(names []string) (labels []label, err error) {
	for _, name := range names {
		l := label{file: name}
		if l.text, err = readLabel(name); err != nil {
			return nil, err
		}
		if l.device, l.origin, err = fsck.LabelOf(l.text); err != nil {
			return nil, advice.Hint(fmt.Errorf("%s: %w: %w", name, verdict.ErrRefused, err), "get another copy of the file")
		}
		at := slices.IndexFunc(labels, func(o label) bool { return o.device == l.device })
		switch {
		case at < 0:
			labels = append(labels, l)
		case !bytes.Equal(labels[at].text, l.text):
			return nil, advice.Hint(advice.Usagef("%s and %s are different labels of device %s", labels[at].file, l.file, l.device), "give the one that came with this delivery")
		}
	}
	return labels, nil
}
