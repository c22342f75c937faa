package main

import (
	"path/filepath"

	"github.com/sledge-io/sledge/appliance"
)

// checkApart refuses a source that holds the device's own disks or state, or lies in what
// the device writes: a load would read what it writes. Other folders of a disk may be
// loaded.
func (a *app) checkApart(root string) error {
	disks, err := a.diskPaths()
	if err != nil {
		return err
	}
	var own []string
	for _, p := range disks {
		own = append(own, filepath.Join(p, appliance.Root))
	}
	whole := disks
	if a.device != "" {
		own, whole = append(own, a.device), append(whole, a.device)
	}
	for _, p := range whole {
		if within(p, root) {
			return hint(usagef("source %s holds %s, which is the device's own", root, p), "load a folder that holds none of the device's disks, nor its state folder")
		}
	}
	for _, p := range own {
		if within(root, p) {
			return hint(usagef("source %s lies in %s, which is the device's own", root, p), "load a folder that is no part of what the device writes to its disks and its state folder")
		}
	}
	return nil
}

// within reports whether a folder is another one or below it, links followed.
func within(folder, root string) bool {
	folder, err := filepath.EvalSymlinks(folder)
	if err == nil {
		folder, err = filepath.Abs(folder)
	}
	for err == nil {
		if sameFolder(folder, root) {
			return true
		}
		up := filepath.Dir(folder)
		if up == folder {
			break
		}
		folder = up
	}
	return false
}
