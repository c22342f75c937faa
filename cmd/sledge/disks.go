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
	patterns := a.disks
	if len(patterns) == 0 {
		for p := range strings.SplitSeq(os.Getenv("SLEDGE_DISKS"), ",") {
			if p = strings.TrimSpace(p); p != "" {
				patterns = append(patterns, p)
			}
		}
	}
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
	return paths, checkFolders(paths)
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

func checkFolders(paths []string) error {
	var seen []os.FileInfo
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return fmt.Errorf("disk %s: %w", p, err)
		}
		if !info.IsDir() {
			return usagef("disk %s: %w", p, errNotFolder)
		}
		for j, other := range seen {
			if os.SameFile(info, other) {
				return fmt.Errorf("disk %s: %w, it is %s", p, errSameDisk, paths[j])
			}
		}
		seen = append(seen, info)
	}
	return nil
}

// openDisks opens the disks for the appliance. Close the returned closer last.
func (a *app) openDisks() ([]appliance.Disk, func(), error) {
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
		disk, err := vfs.OS(p)
		if err != nil {
			closeAll()
			return nil, nil, fmt.Errorf("disk %s: %w", p, err)
		}
		disks = append(disks, appliance.Disk{Name: p, FS: disk})
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
			return nil, nil, fmt.Errorf("disk %s: %w", p, err)
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
