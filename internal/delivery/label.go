package delivery

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/manifest"
)

// Label is a label's file.
type Label struct {
	File string
	Text []byte
	manifest.Label
}

// ReadLabel reads a label's file; what is none is an error that names the file.
func ReadLabel(name string) (l Label, err error) {
	l.File = name
	if l.Text, err = files.Read(name, manifest.MaxCheckpoint); err != nil {
		return l, err
	}
	if l.Label, err = manifest.ParseLabel(l.Text); err != nil {
		return l, fmt.Errorf("%s: %w", name, err)
	}
	return l, nil
}

// ReadLabels reads labels, one of each device. The same label twice is one.
func ReadLabels(names []string) (labels []Label, err error) {
	for _, name := range names {
		l, err := ReadLabel(name)
		if err != nil {
			return nil, err
		}
		if labels, err = add(labels, l); err != nil {
			return nil, err
		}
	}
	return labels, nil
}

// add takes a label. Of two different ones of a device none wins.
func add(labels []Label, l Label) ([]Label, error) {
	at := slices.IndexFunc(labels, func(o Label) bool { return o.Scope.Device == l.Scope.Device })
	switch {
	case at < 0:
		return append(labels, l), nil
	case !bytes.Equal(labels[at].Text, l.Text):
		return nil, advice.Hint(advice.Usagef("%s and %s are different labels of device %s", labels[at].File, l.File, l.Scope.Device), "give the one that came with this delivery")
	}
	return labels, nil
}

// GiveLabels gives devices their labels, by files and folders of files. Labels of other
// devices stay aside, with a warning: they may be of some that are not here. A device
// without a label is refused, unless the operator goes on without.
func GiveLabels(devices []*Device, names []string, noLabel bool, warn Warn) error {
	names, err := labelFiles(names, warn)
	if err != nil {
		return err
	}
	var labels []Label
	for _, name := range names {
		l, err := ReadLabel(name)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(devices, func(d *Device) bool { return d.ID == l.Scope.Device })
		if at < 0 {
			warn("label %s is of device %s, of which there is no disk", name, l.Scope.Device)
			continue
		}
		if labels, err = add(labels, l); err != nil {
			return err
		}
		if devices[at].Label == "" {
			devices[at].Label = name
		}
	}
	return unlabeled(devices, noLabel)
}

func unlabeled(devices []*Device, noLabel bool) error {
	var without []string
	for _, d := range devices {
		if d.Label == "" {
			without = append(without, d.ID.String())
		}
	}
	if len(without) == 0 || noLabel {
		return nil
	}
	return advice.Hint(advice.Usagef("no label given of device %s", strings.Join(without, ", ")), "give the labels that were sent beside the disks, one --label FILE each or a folder of them; without it an older state of a device looks the same (--no-label)")
}

// maxLabels bounds the files of a folder of labels.
const maxLabels = 4096

// labelFiles puts the files of a folder in its place; what is no label there is
// named and left out.
func labelFiles(names []string, warn Warn) (labels []string, err error) {
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			labels = append(labels, name)
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
			if _, err := ReadLabel(file); err != nil {
				warn("%s is not a label", file)
				continue
			}
			labels = append(labels, file)
		}
	}
	return labels, nil
}
