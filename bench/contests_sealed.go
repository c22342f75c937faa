package main

import (
	"context"
	"errors"
)

// sealed are the verbs that read a device back. Each round loads and seals one of
// its own, so that no second one takes memory from the load.
type sealed struct {
	b      *bench
	set    *dataset
	device *device
}

func (b *bench) sealed() *contest {
	s := &sealed{b: b, set: b.sets["large"]}
	c := &contest{name: "sealed-large", set: "large", what: "read LARGE back from tmpfs", tmpfs: 2.6, close: s.forget}
	c.sides = []*side{
		{name: "load", how: "sledge load, 8+3, --file-digest whole; the device is then sealed and read back", run: s.load},
		b.boundSide("bound-scrub", "scrub"),
		s.side("verify", "sledge verify disks, no key", func(d *device, _ string) command {
			return d.auditor(d.disks, "verify", "disks", "--label", d.label())
		}),
		b.boundSide("bound-rebuild", "rebuild"),
		s.side("rebuild", "sledge rebuild of the disk in bay 4 onto an empty folder", func(d *device, target string) command {
			return d.auditor(d.without(4), "rebuild", "--replace", target, "--allow-shared", "--allow-filesystem", "tmpfs,overlay")
		}),
		s.side("extract", "sledge extract, all disks there", func(d *device, target string) command {
			return d.centre(d.disks, "extract", target)
		}),
		s.side("extract-lost2", "sledge extract without bays 1 and 5", func(d *device, target string) command {
			return d.centre(d.without(1, 5), "extract", target)
		}),
	}
	return c
}

// load measures the load of the round's device.
func (s *sealed) load(ctx context.Context) (sample, error) {
	if err := s.forget(); err != nil {
		return sample{}, err
	}
	u, err := s.make(ctx)
	return sample{usage: u, Bytes: s.set.Bytes, Files: s.set.Files}, err
}

func (s *sealed) make(ctx context.Context) (u usage, err error) {
	s.device, u, err = s.b.sealedDevice(ctx, s.set)
	return u, err
}

func (s *sealed) forget() error {
	if s.device == nil {
		return nil
	}
	d := s.device
	s.device = nil
	return d.remove()
}

// side measures a verb that reads the device and may write to an empty folder.
func (s *sealed) side(name, how string, call func(d *device, target string) command) *side {
	return &side{name: name, how: how, run: func(ctx context.Context) (x sample, err error) {
		if s.device == nil { // the load is not among the sides
			if _, err := s.make(ctx); err != nil {
				return x, err
			}
		}
		target, err := s.b.target(tmpfs, "out", s.set)
		if err != nil {
			return x, err
		}
		if err := s.b.touch(ctx, s.set.Bytes+256*mib); err != nil {
			return x, err
		}
		u, err := s.b.procs.run(ctx, limit(s.set.Bytes, s.set.Files), call(s.device, target))
		return sample{usage: u, Bytes: s.set.Bytes, Files: s.set.Files}, errors.Join(err, s.b.space.retire(target))
	}}
}

// sealedDevice is a device with a set on it, and what its load took.
func (b *bench) sealedDevice(ctx context.Context, set *dataset) (d *device, u usage, err error) {
	root, err := b.target(tmpfs, "sealed", set)
	if err != nil {
		return nil, u, err
	}
	if d, err = b.newDevice(ctx, root, "whole"); err != nil {
		return nil, u, err
	}
	if err := b.ready(ctx, tmpfs, set); err != nil {
		return nil, u, err
	}
	if u, err = b.procs.run(ctx, limit(set.Bytes, set.Files), d.load(set)); err != nil {
		return nil, u, err
	}
	return d, u, d.seal(ctx)
}
