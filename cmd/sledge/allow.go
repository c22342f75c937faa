package main

import (
	"errors"
	"slices"

	"github.com/spf13/pflag"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/firmware"
)

// allowFlags let pass as a disk what is less than one.
type allowFlags struct {
	shared      bool
	filesystems []string
}

func (f *allowFlags) add(flags *pflag.FlagSet) {
	flags.BoolVar(&f.shared, "allow-shared", false, "take plain folders, and bays that share a disk: one failure may then take several of them; the seal statement says so")
	flags.StringSliceVar(&f.filesystems, "allow-filesystem", nil, "take disks with this file system (fuse, vfat, tmpfs, …), whatever a power cut does there; repeat it; the seal statement says so")
}

func (f *allowFlags) allowed() appliance.Allowed {
	return appliance.Allowed{Shared: f.shared, Filesystems: f.filesystems}
}

// allowedBy is what was let pass when the disks were prepared.
func allowedBy(r firmware.Record) appliance.Allowed {
	return appliance.Allowed{Shared: r.SharedDisks, Filesystems: r.Filesystems}
}

func bothAllowed(a, b appliance.Allowed) appliance.Allowed {
	return appliance.Allowed{Shared: a.Shared || b.Shared, Filesystems: slices.Concat(a.Filesystems, b.Filesystems)}
}

// hintFolders says what else can be done where a folder is to become a disk.
func hintFolders(err error) error {
	if !errors.Is(err, appliance.ErrNotMounted) {
		return err
	}
	return hint(err, "mount the disk and run the same command again; where a plain folder is meant to be a disk: --allow-shared, which the seal statement repeats")
}
