package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
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

// A simulated hard disk's times. The rate is low because all eleven pass through
// FUSE on two cores; a seek costs what a third of a mebibyte costs, while on a disk
// of 200 MB/s it costs what one and a half cost.
const (
	diskSeek = 8 * time.Millisecond
	diskRate = 40e6
)

// hardDisks loads onto eleven disks with one head each, of which one may have a
// quarter of the rate, beside who only writes one file to each in turn.
func (b *bench) hardDisks(name string, slow int) *contest {
	c := &contest{name: name, set: "large", what: fmt.Sprintf("load LARGE onto 11 simulated hard disks of %.0f MB/s and %v a seek", diskRate/1e6, diskSeek), tmpfs: 3, fuse: true, most: 3}
	how := fmt.Sprintf("; the disks are FUSE over tmpfs, a head each, %.0f MB/s, %v for each seek and fsync", diskRate/1e6, diskSeek)
	if slow >= 0 {
		how += fmt.Sprintf(", bay %d a quarter of that rate", slow)
	}
	on := func(f func(ctx context.Context, root string) (sample, error)) func(context.Context) (sample, error) {
		return func(ctx context.Context) (sample, error) { return b.onHardDisks(ctx, slow, f) }
	}
	c.sides = []*side{
		{name: "load", full: true, how: "sledge load --no-read-back, 8+3" + how, run: on(func(ctx context.Context, root string) (x sample, err error) {
			set := b.sets["large"]
			d, err := b.newDevice(ctx, root, "parts")
			if err != nil {
				return x, err
			}
			if err := b.ready(ctx, tmpfs, set); err != nil {
				return x, err
			}
			u, err := b.procs.run(ctx, 5*limit(set.Bytes, set.Files), d.load(set, unread))
			return sample{usage: u, Bytes: set.Bytes, Files: set.Files}, errors.Join(err, b.space.retire(d.dir))
		})},
		{name: "sequential", full: true, how: "one file on each of the disks, as many bytes as the load writes, in direct writes of 1 MiB, 3 in flight on each, fsync" + how, run: on(func(ctx context.Context, root string) (x sample, err error) {
			set := b.sets["large"]
			if err := b.ready(ctx, tmpfs, set); err != nil {
				return x, err
			}
			u, err := b.procs.run(ctx, 5*limit(set.Bytes, set.Files), command{args: []string{b.self, "sequential", "--bytes", fmt.Sprint(int64(spread * float64(set.Bytes))), filepath.Join(root, "bay??")}})
			return sample{usage: u, Bytes: set.Bytes, Files: set.Files}, err
		})},
	}
	return c
}

// onHardDisks runs f with a folder that has a fresh disk for each bay.
func (b *bench) onHardDisks(ctx context.Context, slow int, f func(ctx context.Context, root string) (sample, error)) (x sample, err error) {
	platters, err := b.target(tmpfs, "platters", b.sets["large"])
	if err != nil {
		return x, err
	}
	root, err := b.space.fresh(tmpfs, "disks")
	if err != nil {
		return x, err
	}
	var folders []string
	for bay := range dataShards + parityShards {
		name := fmt.Sprintf("bay%02d", bay)
		folders = append(folders, filepath.Join(platters, name), filepath.Join(root, name))
	}
	for _, folder := range folders {
		if err := os.Mkdir(folder, 0o755); err != nil {
			return x, err
		}
	}
	m, err := b.mount(ctx, []string{"--seek", diskSeek.String(), "--rate", fmt.Sprint(int64(diskRate)), "--slow", fmt.Sprint(slow)}, folders...)
	if err != nil {
		return x, err
	}
	x, err = f(ctx, root)
	m.close()
	return x, errors.Join(err, b.space.retire(root), b.space.retire(platters))
}

// runSequential is the child that writes one file into each of the folders.
func runSequential(_ context.Context, args []string, _ io.Writer) error {
	flags := flag.NewFlagSet("sequential", flag.ContinueOnError)
	size := flags.Int64("bytes", 0, "all together")
	if err := flags.Parse(args); err != nil {
		return err
	}
	folders, err := filepath.Glob(strings.Join(flags.Args(), " "))
	if err != nil || len(folders) == 0 {
		return fmt.Errorf("no folders %q: %w", flags.Args(), err)
	}
	each := max(*size/int64(len(folders))/mib, 1) * mib
	errs := make([]error, len(folders))
	var wg sync.WaitGroup
	for i, folder := range folders {
		wg.Go(func() {
			errs[i] = writeNew(filepath.Join(folder, "sequential"), os.O_CREATE|os.O_EXCL|os.O_WRONLY|unix.O_DIRECT, each)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
