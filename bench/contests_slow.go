package main

import (
	"context"
	"errors"
	"time"
)

// slowSource is a tree behind a file system whose calls take time. Those who go
// through it one file after the other are given a part of it, or they would take
// the better part of an hour.
type slowSource struct {
	b           *bench
	call        time.Duration
	whole, part string // sets
	mounts      [2]*slowMounts
	late        map[string]string // where each set is shown with the delay
	near        string            // and the whole one without
}

func (b *bench) slowSource(name string, call time.Duration, whole, part string) *contest {
	s := &slowSource{b: b, call: call, whole: whole, part: part}
	c := &contest{name: "source-" + name, set: whole, what: "load from FUSE with " + call.String() + " a call into tmpfs", tmpfs: 8, fuse: true, most: 3, open: s.open, close: s.close}
	all, some := func() *dataset { return b.sets[whole].at(s.late[whole]) }, func() *dataset { return b.sets[part].at(s.late[part]) }
	how := "; the source is FUSE without any cache of names or attributes and without readdirplus, each call takes " + call.String()
	c.sides = []*side{
		{name: "load", how: "sledge load --no-read-back, 8+3" + how, run: b.loadOf(tmpfs, "whole", all, unread)},
		{name: "load-near", how: "the same without the delay", run: b.loadOf(tmpfs, "whole", func() *dataset { return b.sets[whole].at(s.near) }, unread)},
		{name: "scan", how: "sledge scan" + how, run: s.run(all, func(set *dataset, state string) command {
			return command{args: []string{b.sledge, "scan", set.source(), "--quiet", "--target", "s3://bench/", "--profile", "versitygw", "--device", state}}
		})},
		{name: "find", needs: []string{"find"}, how: `find -printf '%s %T@\n', over ` + b.sets[part].What, run: s.run(some, func(set *dataset, _ string) command {
			return command{args: []string{findProgram("find"), set.source(), "-printf", `%s %T@\n`}}
		})},
		b.peerOf("tar", tmpfs, some), b.peerOf("restic-wide", tmpfs, some), b.peerOf("cp", tmpfs, some), b.peerOf("rclone-wide", tmpfs, all),
	}
	c.side("tar").how += ", over " + b.sets[part].What
	if call != time.Millisecond {
		c.fullOnly("load", "load-near", "scan", "find", "tar")
	}
	return c
}

func (s *slowSource) open(ctx context.Context) (err error) {
	s.late = map[string]string{}
	var folders []string
	for _, name := range []string{s.whole, s.part} {
		if err := s.b.sets[name].prepare(ctx, s.b.space.sets); err != nil {
			return err
		}
		if s.late[name], err = s.b.space.fresh(tmpfs, "slow"); err != nil {
			return err
		}
		folders = append(folders, s.b.sets[name].dir, s.late[name])
	}
	if s.near, err = s.b.space.fresh(tmpfs, "near"); err != nil {
		return err
	}
	if s.mounts[0], err = s.b.mount(ctx, []string{"--read-only", "--call", s.call.String()}, folders...); err != nil {
		return err
	}
	s.mounts[1], err = s.b.mount(ctx, []string{"--read-only"}, s.b.sets[s.whole].dir, s.near)
	return err
}

func (s *slowSource) close() error {
	for _, m := range s.mounts {
		m.close()
	}
	return nil
}

// run measures a command that writes nothing but its state.
func (s *slowSource) run(source func() *dataset, call func(set *dataset, state string) command) func(context.Context) (sample, error) {
	return func(ctx context.Context) (x sample, err error) {
		set := source()
		state, err := s.b.space.fresh(tmpfs, "state")
		if err != nil {
			return x, err
		}
		if err := s.b.ready(ctx, tmpfs, set); err != nil {
			return x, err
		}
		u, err := s.b.procs.run(ctx, limit(set.Bytes, set.Files), call(set, state))
		return sample{usage: u, Bytes: set.Bytes, Files: set.Files}, errors.Join(err, s.b.space.retire(state))
	}
}
