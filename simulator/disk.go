// Package simulator lives whole lives of devices in memory, and makes what happens
// to them from one seed, for tests and for the demonstration.
//
// A Carrier damages disks, in memory or in real folders, as shipping does, and says
// of each damage exactly what it did, so that a report of losses can be compared
// with the truth:
//
//	disk, err := simulator.OpenDisk("bay0", folder)
//	carrier := simulator.Carrier{Seed: 7}
//	damage, err := carrier.FlipBits(disk, "packs/1f/shard", 4096, 1)
//	…                                       // scrub must report damage
//
// A Carrier knows nothing of sledge's format: names and block sizes are passed in.
package simulator

import (
	"path/filepath"

	"github.com/sledge-io/sledge/internal/vfs"
)

// Disk is a disk as a Carrier holds it: while nobody else uses it.
type Disk struct {
	Name   string // how Damage calls it
	Folder string // the real folder, or "" for memory

	inner vfs.FS
}

// NewDisk names what is in inner.
func NewDisk(name string, inner vfs.FS) *Disk { return &Disk{Name: name, inner: inner} }

// OpenDisk makes a disk over an existing real folder. Close it.
func OpenDisk(name, folder string) (*Disk, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	inner, err := vfs.OS(folder)
	if err != nil {
		return nil, err
	}
	return &Disk{Name: name, Folder: folder, inner: inner}, nil
}

// Close closes the folder.
func (d *Disk) Close() error { return vfs.Close(d.inner) }
