package main

import (
	"fmt"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/keyless"
	"github.com/sledge-io/sledge/internal/vfs"
)

// diskPaths are the mount points that the operator named, by --disk or
// SLEDGE_DISKS, with globs expanded. Each is a folder, and none is there twice,
// whatever its names.
func (a *app) diskPaths() ([]string, error) {
	paths, err := a.diskNames()
	if err != nil {
		return nil, err
	}
	return paths, a.checkFolders(paths)
}

// diskNames is diskPaths without a look at what is there.
func (a *app) diskNames() ([]string, error) {
	patterns := a.diskPatterns()
	if len(patterns) == 0 {
		return nil, errNoDisks
	}
	var paths []string
	for _, p := range patterns {
		found, err := keyless.Expand(p)
		if err != nil {
			return nil, err
		}
		paths = append(paths, found...)
	}
	return paths, nil
}

// checkFolders refuses names that are no folders, and a folder that is named twice.
func (a *app) checkFolders(paths []string) error {
	files, err := keyless.CheckFolders(paths, diskError)
	return a.notFolders(files, err)
}

// diskError is an error of opening a disk.
func diskError(name string, err error) error {
	if appliance.NoAnswer(err) {
		return appliance.Unanswered(name, err)
	}
	return fmt.Errorf("disk %s: %w", name, err)
}

// openDisks opens copies of a device's disks, in folders of any kind. Close the
// returned closer last.
func (a *app) openDisks() ([]appliance.Disk, func(), error) {
	return a.openEach(func(name string) (appliance.Disk, error) {
		disk, err := vfs.OS(name)
		if err != nil {
			return appliance.Disk{}, diskError(name, err)
		}
		return appliance.Disk{Name: name, FS: disk}, nil
	})
}

// openMounted opens the disks of a device at work, with what is mounted there. Where
// the system does not tell that, it is an error only if it must be known.
func (a *app) openMounted(must bool) ([]appliance.Disk, func(), error) {
	return a.openEach(func(name string) (appliance.Disk, error) { return openMountedDisk(name, must) })
}

func openMountedDisk(name string, must bool) (appliance.Disk, error) {
	d, err := appliance.OpenDisk(name)
	if err == nil && d.Mount == nil && must {
		vfs.Close(d.FS)
		_, err = vfs.MountOf(name)
	}
	if err != nil {
		return d, diskError(name, err)
	}
	return d, nil
}

func (a *app) openEach(open func(name string) (appliance.Disk, error)) ([]appliance.Disk, func(), error) {
	paths, err := a.diskPaths()
	if err != nil {
		return nil, nil, err
	}
	var disks []appliance.Disk
	closeAll := func() {
		for _, d := range disks {
			vfs.Close(d.FS) // only descriptors: nothing is lost by an error here
		}
	}
	for _, p := range paths {
		disk, err := open(p)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		disks = append(disks, disk)
	}
	return disks, closeAll, nil
}

// readOnlyDisks opens the disks for the verifier.
func (a *app) readOnlyDisks() ([]fsck.Disk, func(), error) {
	paths, err := a.diskPaths()
	if err != nil {
		return nil, nil, err
	}
	return a.session().OpenDisks(paths)
}
