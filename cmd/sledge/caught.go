package main

import (
	"strings"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/internal/keyless"
	"github.com/sledge-io/sledge/manifest"
)

// notFolders is the error of names that are no folders, with the pattern that has caught them.
func (a *app) notFolders(names []string, err error) error {
	if pattern := keyless.PatternOf(a.diskPatterns(), names); pattern != "" {
		return keyless.CaughtBy(err, pattern)
	}
	return err
}

// ofLabel leaves out the disks that say they are of another device than the label, where a
// disk of the label's device is there: a pattern has caught too much. A disk that says
// nothing stays.
func (a *app) ofLabel(disks []appliance.Disk, label []byte) []appliance.Disk {
	l, err := manifest.ParseLabel(label)
	if len(label) == 0 || err != nil {
		return disks // who opens them says what is wrong
	}
	var own, others []appliance.Disk
	found := false
	for _, d := range disks {
		h, err := appliance.ReadHeader(d)
		switch {
		case err != nil:
			own = append(own, d)
		case h.Scope.Job == l.Scope.Job && h.Scope.Device == l.Scope.Device:
			own, found = append(own, d), true
		default:
			others = append(others, d)
		}
	}
	if !found || len(others) == 0 {
		return disks
	}
	var names []string
	for _, d := range others {
		names = append(names, d.Name)
	}
	a.warn("of another device than the label, and left out: %s", strings.Join(names, ", "))
	return own
}
