package main

import (
	"context"
	"errors"
	"fmt"
)

// sealedDevice is a device with a set on it, which several runs only read.
func (b *bench) sealedDevice(ctx context.Context, set *dataset) (*device, error) {
	root, err := b.target(tmpfs, "sealed", set)
	if err != nil {
		return nil, err
	}
	d, err := b.newDevice(ctx, root, "whole")
	if err != nil {
		return nil, err
	}
	if err := b.ready(tmpfs, set); err != nil {
		return nil, err
	}
	if _, err := b.run(ctx, d.load(set)); err != nil {
		return nil, err
	}
	return d, d.seal(ctx)
}

// sealed are the verbs that read a device back.
func (b *bench) sealed() *contest {
	var d *device
	const set = "large"
	c := &contest{name: "sealed-large", set: set, what: "read LARGE back from tmpfs", tmpfs: 2.9}
	reading := func(how string, call func(target string) command) func(context.Context) (sample, error) {
		return func(ctx context.Context) (x sample, err error) {
			target, err := b.target(tmpfs, "out", b.sets[set])
			if err != nil {
				return x, err
			}
			u, err := b.procs.run(ctx, limit(b.sets[set].Bytes, 0), call(target))
			return sample{usage: u, Bytes: b.sets[set].Bytes, Files: b.sets[set].Files}, errors.Join(err, b.space.retire(target))
		}
	}
	add := func(name, how string, call func(target string) command) {
		c.sides = append(c.sides, &side{name: name, how: how, run: reading(how, call)})
	}
	c.sides = []*side{b.loadSide("load", set, "whole", tmpfs), b.boundSide("bound-scrub", "scrub")}
	add("verify", "sledge verify disks, no key", func(string) command { return d.auditor(d.disks, "verify", "disks", "--label", d.label()) })
	add("rebuild", "sledge rebuild of the disk in bay 4 onto an empty folder", func(target string) command {
		return d.auditor(d.without(4), "rebuild", "--replace", target)
	})
	add("extract", "sledge extract, all disks there", func(target string) command { return d.centre(d.disks, "extract", target) })
	add("extract-lost2", "sledge extract without bays 1 and 5", func(target string) command {
		return d.centre(d.without(1, 5), "extract", target)
	})
	c.open = func(ctx context.Context) (err error) {
		if d, err = b.sealedDevice(ctx, b.sets[set]); err != nil {
			return fmt.Errorf("sealed device: %w", err)
		}
		return nil
	}
	c.close = func() error { return d.remove() }
	return c
}
