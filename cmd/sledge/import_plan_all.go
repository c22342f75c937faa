package main

import (
	"slices"
	"sync"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/delivery/union"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/manifest"
)

// plannedUnion holds what several devices' imports would store together by key.
type plannedUnion struct {
	devices []*importDevice

	mu    sync.Mutex // devices are planned side by side
	union *union.Union
	close func()
}

func newPlannedUnion(devices []*importDevice) (*plannedUnion, error) {
	scratch, done, err := files.Scratch("") // a plan has no state folder
	if err != nil {
		return nil, err
	}
	p := &plannedUnion{devices: devices, union: union.New(scratch)}
	p.close = func() {
		p.union.Close() // the folder goes with it
		done()
	}
	return p, nil
}

// watch adds what one device's plan comes to.
func (p *plannedUnion) watch(o *importer.Options, id manifest.ID) {
	device := slices.IndexFunc(p.devices, func(d *importDevice) bool { return d.ID == id })
	if profile, err := target.ProfileIn(o.Profiles, o.Profile); err == nil && profile.Folders {
		p.mu.Lock()
		p.union.Folders()
		p.mu.Unlock()
	}
	o.EachPlanned = func(key string, size int64, r *manifest.Record) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.union.Plan(device, key, size, r)
	}
}
