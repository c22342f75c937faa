package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// device is an appliance with its disks as folders, set up as README and demo
// do. Only what a row is about is measured, never the setting up.
type device struct {
	b     *bench
	dir   string // state, job, label
	disks string // glob
	root  string // folder of the disks
}

// newDevice makes a device with 8+3 disks below a folder, and unlocks it.
func (b *bench) newDevice(ctx context.Context, root, digest string) (*device, error) {
	devices, err := b.newDevices(ctx, digest, root)
	if err != nil {
		return nil, err
	}
	return devices[0], nil
}

// newDevices makes the devices of one job, each with its disks below a folder.
func (b *bench) newDevices(ctx context.Context, digest string, roots ...string) (devices []*device, err error) {
	site, err := b.siteFolder(ctx)
	if err != nil {
		return nil, err
	}
	job := []string{"job", "create", "--site", site}
	for _, root := range roots {
		d, err := b.initDevice(ctx, root)
		if err != nil {
			return nil, err
		}
		devices = append(devices, d)
		job = append(job, "--device-key", filepath.Join(d.dir, "state", "device.pub"))
	}
	file, code := filepath.Join(devices[0].dir, "job.dsse"), filepath.Join(devices[0].dir, "code")
	job = append(job, "--geometry", fmt.Sprintf("%d+%d", dataShards, parityShards), "--file-digest", digest,
		"--target", "s3://bench/", "--profile", "versitygw", "--out", file, "--code-out", code)
	if err := devices[0].verb(ctx, append(job, strings.Fields(b.opts.job)...)...); err != nil {
		return nil, err
	}
	for _, d := range devices {
		if err := d.verb(ctx, "unlock", "--job", file, "--disk", d.disks, "--code-file", code, "--allow-shared", "--allow-filesystem", "tmpfs,overlay,fuse"); err != nil {
			return nil, err
		}
	}
	return devices, nil
}

// initDevice makes a device that no job knows yet.
func (b *bench) initDevice(ctx context.Context, root string) (*device, error) {
	dir, err := b.space.fresh(tmpfs, "device")
	if err != nil {
		return nil, err
	}
	d := &device{b: b, dir: dir, root: root, disks: filepath.Join(root, "bay??")}
	for bay := range dataShards + parityShards {
		if err := os.MkdirAll(d.bay(bay), 0o755); err != nil {
			return nil, err
		}
	}
	for _, sub := range []string{"state", "run"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, err
		}
	}
	site, err := b.siteFolder(ctx)
	if err != nil {
		return nil, err
	}
	return d, d.verb(ctx, "device", "init", "--trust", filepath.Join(site, "signer.pub"))
}

// verb runs one that is not measured.
func (d *device) verb(ctx context.Context, args ...string) error {
	if _, err := d.b.run(ctx, d.command(args...)); err != nil {
		return fmt.Errorf("sledge %s: %w", args[0], err)
	}
	return nil
}

// siteFolder makes the data centre's keys, once.
func (b *bench) siteFolder(ctx context.Context) (string, error) {
	dir := filepath.Join(b.space.mem, "site")
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	_, err := b.run(ctx, command{args: []string{b.sledge, "site", "init", dir, "--name", "Benchmark"}})
	return dir, err
}

func (d *device) bay(n int) string { return filepath.Join(d.root, fmt.Sprintf("bay%02d", n)) }

func (d *device) command(args ...string) command {
	return command{
		args: append([]string{d.b.sledge}, args...), dir: d.dir,
		env: []string{"SLEDGE_DEVICE=" + filepath.Join(d.dir, "state"), "XDG_RUNTIME_DIR=" + filepath.Join(d.dir, "run")},
	}
}

func (d *device) load(set *dataset, more ...string) command {
	return d.command(append([]string{"load", set.source(), "--disk", d.disks, "--quiet"}, more...)...)
}

// seal makes the device final; from then on it is read with centre.
func (d *device) seal(ctx context.Context) error {
	_, err := d.b.run(ctx, d.command("seal", "--disk", d.disks, "--wrap-unchecked", "--label-out", d.label()))
	return err
}

func (d *device) label() string { return filepath.Join(d.dir, "label") }

// centre is a verb of the data centre, on these disks.
func (d *device) centre(disks string, args ...string) command {
	site := filepath.Join(d.b.space.mem, "site")
	return d.command(append(args, "--site", site, "--label", d.label(), "--disk", disks, "--quiet")...)
}

// auditor is a verb without any secret.
func (d *device) auditor(disks string, args ...string) command {
	signer := filepath.Join(d.b.space.mem, "site", "signer.pub")
	return d.command(append(args, "--trust", signer, "--disk", disks, "--quiet")...)
}

// without is the disks but for some bays.
func (d *device) without(bays ...int) string {
	var left []string
	for bay := range dataShards + parityShards {
		if !contains(bays, bay) {
			left = append(left, d.bay(bay))
		}
	}
	return strings.Join(left, ",")
}

func contains(list []int, n int) bool {
	for _, v := range list {
		if v == n {
			return true
		}
	}
	return false
}

// remove forgets the device and its disks.
func (d *device) remove() error {
	return errors.Join(d.b.space.retire(d.root), d.b.space.retire(d.dir))
}

// limit is the longest that a run over so many bytes and files may take.
func limit(bytes, files int64) time.Duration {
	return time.Minute + time.Duration(bytes/(10<<20)+files/200)*time.Second
}
