package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/internal/vfs"
)

// The simulated hard disks are ones of 200 MB/s with 8 ms a seek, in slow motion:
// all eleven pass through FUSE on two cores.
const (
	slowMotion = 8
	diskSeek   = slowMotion * 8 * time.Millisecond
	diskRate   = 200e6 / slowMotion
)

// hardDisks loads onto eleven disks with one head each, of which one may have a
// quarter of the rate, beside who only writes one file to each in turn.
func (b *bench) hardDisks(name string, slow int) *contest {
	c := &contest{name: name, set: "disks", what: fmt.Sprintf("load DISKS onto 11 simulated hard disks of %.0f MB/s and %v a seek", diskRate/1e6, diskSeek), tmpfs: 1.6, fuse: true, most: 3}
	how := fmt.Sprintf("; the disks are FUSE over tmpfs, a head each, %.0f MB/s, %v for each seek and fsync", diskRate/1e6, diskSeek)
	if slow >= 0 {
		how += fmt.Sprintf(", bay %d a quarter of that rate", slow)
	}
	on := func(f func(ctx context.Context, root string) (sample, error)) func(context.Context) (sample, error) {
		return func(ctx context.Context) (sample, error) { return b.onHardDisks(ctx, slow, f) }
	}
	c.sides = []*side{
		{name: "load", full: true, how: "sledge load --no-read-back, 8+3" + how, run: on(func(ctx context.Context, root string) (x sample, err error) {
			set := b.sets["disks"]
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
			set := b.sets["disks"]
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
	platters, err := b.target(tmpfs, "platters", b.sets["disks"])
	if err != nil {
		return x, err
	}
	for _, folder := range bays(platters) {
		if err := os.Mkdir(folder, 0o755); err != nil {
			return x, err
		}
	}
	m, root, err := b.spin(ctx, platters, slow)
	if err != nil {
		return x, err
	}
	x, err = f(ctx, root)
	m.close()
	return x, errors.Join(err, b.space.retire(root), b.space.retire(platters))
}

// bays are the folders of a device's disks below one.
func bays(root string) (folders []string) {
	for bay := range dataShards + parityShards {
		folders = append(folders, filepath.Join(root, fmt.Sprintf("bay%02d", bay)))
	}
	return folders
}

// spin shows the bays below a folder as hard disks below root.
func (b *bench) spin(ctx context.Context, platters string, slow int) (m *slowMounts, root string, err error) {
	if root, err = b.space.fresh(tmpfs, "disks"); err != nil {
		return nil, "", err
	}
	var folders []string
	for i, at := range bays(root) {
		if err := os.Mkdir(at, 0o755); err != nil {
			return nil, "", err
		}
		folders = append(folders, bays(platters)[i], at)
	}
	m, err = b.mount(ctx, []string{"--seek", diskSeek.String(), "--rate", fmt.Sprint(int64(diskRate)), "--slow", fmt.Sprint(slow)}, folders...)
	return m, root, err
}

// hardReads reads a sealed device back from hard disks, beside who reads one file
// after the other on each.
func (b *bench) hardReads() *contest {
	var loaded, shown *device
	var m *slowMounts
	c := &contest{name: "disks-hard-reads", set: "disks", what: fmt.Sprintf("read DISKS back from 11 simulated hard disks of %.0f MB/s and %v a seek", diskRate/1e6, diskSeek), tmpfs: 2.6, fuse: true, most: 3}
	c.open = func(ctx context.Context) (err error) {
		if loaded, _, err = b.sealedDevice(ctx, b.sets["disks"]); err != nil {
			return err
		}
		on := *loaded
		if m, on.root, err = b.spin(ctx, loaded.root, -1); err != nil {
			return err
		}
		on.disks = filepath.Join(on.root, "bay??")
		shown = &on
		return nil
	}
	c.close = func() error {
		m.close()
		if loaded == nil {
			return nil
		}
		return loaded.remove()
	}
	reading := func(name, how string, call func(target string) command) *side {
		return &side{name: name, full: true, how: how, run: func(ctx context.Context) (x sample, err error) {
			set := b.sets["disks"]
			target, err := b.target(tmpfs, "out", set)
			if err != nil {
				return x, err
			}
			u, err := b.procs.run(ctx, 5*limit(set.Bytes, set.Files), call(target))
			return sample{usage: u, Bytes: set.Bytes, Files: set.Files}, errors.Join(err, b.space.retire(target))
		}}
	}
	c.sides = []*side{
		reading("verify", "sledge verify disks, no key, from simulated hard disks", func(string) command {
			return shown.auditor(shown.disks, "verify", "disks", "--label", shown.label())
		}),
		reading("extract", "sledge extract from simulated hard disks", func(target string) command {
			return shown.centre(shown.disks, "extract", target)
		}),
		reading("sequential", "every file of each disk, one after the other, in direct reads of 1 MiB, all disks at once", func(string) command {
			return command{args: []string{b.self, "sequential", "--read", shown.disks}}
		}),
	}
	return c
}

// runSequential is the child that writes one file into each of the folders, or
// reads all files of each.
func runSequential(_ context.Context, args []string, _ io.Writer) error {
	flags := flag.NewFlagSet("sequential", flag.ContinueOnError)
	size, read := flags.Int64("bytes", 0, "all together"), flags.Bool("read", false, "")
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
			if *read {
				errs[i] = readAll(folder)
			} else {
				errs[i] = writeNew(filepath.Join(folder, "sequential"), os.O_CREATE|os.O_EXCL|os.O_WRONLY|unix.O_DIRECT, each)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// readAll reads the files below a folder past the cache.
func readAll(folder string) error {
	buf := vfs.AlignedBuffer(mib)
	return filepath.WalkDir(folder, func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		f, err := os.OpenFile(name, os.O_RDONLY|unix.O_DIRECT, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		for err == nil {
			_, err = f.Read(buf)
		}
		if err == io.EOF {
			return nil
		}
		return err
	})
}
