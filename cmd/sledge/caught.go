package main

import (
	"path/filepath"
	"strings"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/manifest"
)

// caughtBy is the pattern of --disk that a name comes from; "" if it was given by itself.
func (a *app) caughtBy(name string) string {
	for _, pattern := range a.diskPatterns() {
		if ok, err := filepath.Match(pattern, name); ok && err == nil && pattern != name {
			return pattern
		}
	}
	return ""
}

// notFolders is the error of names that are no folders, with the pattern that has caught them.
func (a *app) notFolders(names []string, err error) error {
	for _, name := range names {
		if pattern := a.caughtBy(name); pattern != "" {
			return hint(err, "--disk '%s' has caught it, and no disk is a file: write the pattern narrower, or name the disks one by one", pattern)
		}
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
