package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// fleetSize is how many devices are imported side by side.
const fleetSize = 8

// fleet is a job of several devices, which one command imports: its memory is that
// of all of them.
type fleet struct {
	b       *bench
	devices []*device
	server  *server
	runs    int
}

func (b *bench) fleet() *contest {
	f := &fleet{b: b}
	c := &contest{name: "sink-fleet", set: "fleet", what: "import several devices side by side into a server that only reads", tmpfs: 1.6, open: f.open, close: f.close}
	how := fmt.Sprintf("sledge import run --all --parallel %d of as many devices", fleetSize)
	c.sides = []*side{f.side("import", how), f.side("import-lost2", how+", each without bays 1 and 5", 1, 5)}
	return c
}

func (f *fleet) open(ctx context.Context) (err error) {
	b, set := f.b, f.b.sets["fleet"]
	var roots []string
	for range fleetSize {
		root, err := b.target(tmpfs, "sealed", set)
		if err != nil {
			return err
		}
		roots = append(roots, root)
	}
	if f.devices, err = b.newDevices(ctx, "whole", roots...); err != nil {
		return err
	}
	for n, d := range f.devices {
		if err := d.verb(ctx, "load", filepath.Join(set.dir, fmt.Sprintf("%04d", n)), "--disk", d.disks, "--quiet"); err != nil {
			return err
		}
		if err := d.seal(ctx); err != nil {
			return err
		}
	}
	f.server, err = b.startSink(ctx)
	return err
}

func (f *fleet) close() (err error) {
	if f.server != nil {
		f.server.Stop()
	}
	for _, d := range f.devices {
		err = errors.Join(err, d.remove())
	}
	return err
}

// side is an import of all devices, without some bays of each.
func (f *fleet) side(name, how string, lost ...int) *side {
	return &side{name: name, how: how, run: func(ctx context.Context) (x sample, err error) {
		b, set := f.b, f.b.sets["fleet"]
		c, err := f.command(lost)
		if err != nil {
			return x, err
		}
		if err := b.ready(ctx, tmpfs, set); err != nil {
			return x, err
		}
		before := f.server.cpu()
		u, err := b.procs.run(ctx, limit(set.Bytes, set.Files), c)
		return sample{usage: u, Bytes: set.Bytes, Files: set.Files, Server: f.server.cpu() - before}, err
	}}
}

func (f *fleet) command(lost []int) (command, error) {
	state, err := f.b.space.fresh(tmpfs, "state")
	if err != nil {
		return command{}, err
	}
	f.runs++
	var disks []string
	for _, d := range f.devices {
		disks = append(disks, d.without(lost...))
	}
	args := []string{"import", "run", "--all", "--parallel", fmt.Sprint(fleetSize), "--state", state,
		"--endpoint", f.server.Endpoint, "--path-style", "--target", fmt.Sprintf("s3://run-%04d-fleet/p/", f.runs)}
	for _, d := range f.devices[1:] { // centre names the first one's
		args = append(args, "--label", d.label())
	}
	c := f.devices[0].centre(strings.Join(disks, ","), args...)
	c.env = append(c.env, f.server.env()...)
	return c, nil
}
