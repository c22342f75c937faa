package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/internal/fsck"
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
		found, err := expand(p)
		if err != nil {
			return nil, err
		}
		paths = append(paths, found...)
	}
	return paths, nil
}

// expand resolves a glob; a name without one is taken as it is.
func expand(pattern string) ([]string, error) {
	if !strings.ContainsAny(pattern, "*?[") {
		return []string{pattern}, nil
	}
	if _, err := os.Stat(pattern); err == nil { // a folder with such a name
		return []string{pattern}, nil
	}
	found, err := filepath.Glob(pattern)
	if err != nil {
		return nil, usagef("--disk %q is not a pattern: %w", pattern, err)
	}
	if len(found) == 0 {
		return nil, usagef("--disk %q matches nothing", pattern)
	}
	return found, nil
}

// checkFolders refuses names that are no folders, and a folder that is named twice.
func (a *app) checkFolders(paths []string) error {
	var seen []os.FileInfo
	var files []string
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return diskError(p, err)
		}
		if !info.IsDir() {
			files = append(files, p)
			seen = append(seen, nil)
			continue
		}
		for j, other := range seen {
			if other != nil && os.SameFile(info, other) {
				return fmt.Errorf("disks %s and %s: %w", paths[j], p, errSameDisk)
			}
		}
		seen = append(seen, info)
	}
	if len(files) > 0 {
		return a.notFolders(files, usagef("disk %s: %w", strings.Join(files, ", "), errNotFolder))
	}
	return nil
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

// readOnlyDisks opens the disks for the verifier, which reads through the
// standard library. A folder's root holds: a planted link leads nowhere else. On the
// machine that wrote them it reads the disks, not what the page cache still has.
func (a *app) readOnlyDisks() ([]fsck.Disk, func(), error) {
	paths, err := a.diskPaths()
	if err != nil {
		return nil, nil, err
	}
	var disks []fsck.Disk
	var roots []*os.Root
	closeAll := func() {
		for _, r := range roots {
			r.Close()
		}
	}
	for _, p := range paths {
		root, err := os.OpenRoot(p)
		if err != nil {
			closeAll()
			return nil, nil, diskError(p, err)
		}
		roots = append(roots, root)
		cold, err := vfs.Cold(root)
		if err != nil {
			closeAll()
			return nil, nil, fmt.Errorf("disk %s: %w", p, err)
		}
		disks = append(disks, fsck.Disk{Name: p, FS: cold})
	}
	return disks, closeAll, nil
}
