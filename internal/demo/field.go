package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/sledge-io/sledge/internal/terminal"
	"github.com/sledge-io/sledge/simulator"
)

// field is a call of the field staff, who have the device's state folder and the
// memory that keeps the unlocked secret.
func (d *demo) field(args ...string) call {
	return call{role: "field", args: args, env: []string{"SLEDGE_DEVICE=" + d.path("field", "device"), "XDG_RUNTIME_DIR=" + d.shm}}
}

// centre is a call of the data centre, before and after.
func centre(args ...string) call { return call{role: "data centre", args: args} }

// allDisks is how every role names the disks that are there: a lost one has
// another name.
func (d *demo) allDisks() string { return d.path("disks", "bay??") }

func (d *demo) label() string   { return d.path("parcel", "device.label") }
func (d *demo) jobFile() string { return d.path("parcel", "job.dsse") }

// setUp is what happens before any data: keys, device, job, unlocked device. The
// auditor gets the site's public key by another channel.
func (d *demo) setUp(ctx context.Context) (told, error) {
	for bay := range diskCount {
		name := fmt.Sprintf("bay%02d", bay)
		if err := os.Mkdir(d.path("disks", name), 0o755); err != nil {
			return told{}, err
		}
		disk, err := simulator.OpenDisk(name, d.path("disks", name))
		if err != nil {
			return told{}, err
		}
		d.disks = append(d.disks, disk)
	}
	device, site, code := d.path("field", "device"), d.path("site"), d.path("field", "code.txt")
	signer := filepath.Join(site, "signer.pub")
	if err := os.Mkdir(device, 0o700); err != nil {
		return told{}, err
	}
	for _, c := range []call{
		centre("site", "init", site, "--name", "Demonstration"),
		d.field("device", "init", "--device", device, "--trust", signer),
		centre("job", "create", "--site", site, "--device-key", filepath.Join(device, "device.pub"),
			"--geometry", fmt.Sprintf("%d+%d", dataShards, parityShards), "--pack-size", "128MiB",
			"--target", "s3://"+bucket+"/"+prefix, "--profile", "versitygw", "--out", d.jobFile(), "--code-out", code),
		centre("site", "export", "--for", "import", "--site", site, "--job", d.jobFile(), "--out", d.path("import-keys")),
		d.field("unlock", "--job", d.jobFile(), "--disk", d.allDisks(), "--code-file", code,
			"--allow-shared", "--allow-filesystem", "tmpfs,overlay"), // the disks are folders
	} {
		if _, err := d.sledge(ctx, c); err != nil {
			return told{}, err
		}
	}
	return sayf("a site, a job, a device of %d disks (any %d may be lost)", diskCount, parityShards), copyAll(ctx, signer, d.trusted())
}

func (d *demo) scan(ctx context.Context) (told, error) {
	var r struct {
		Entries, Blocking int64
		Findings          []struct {
			Path, Text string
			Blocks     bool
		}
	}
	if _, err := d.sledge(ctx, d.field("scan", d.source.folder).into(&r, exitSource)); err != nil {
		return told{}, err
	}
	for _, f := range r.Findings {
		if f.Blocks {
			return told{}, fmt.Errorf("%d names cannot be object keys, such as %q: %s; rename them, or name another folder with SRC=", r.Blocking, f.Path, f.Text)
		}
	}
	if r.Blocking > 0 || r.Entries != d.source.entries {
		return told{}, fmt.Errorf("the scan found %d entries, %d of them with names that cannot be object keys; the folder has %d", r.Entries, r.Blocking, d.source.entries)
	}
	return sayf("%d entries, every name fits the target", r.Entries), nil
}

type loaded struct {
	SkippedCount int64 `json:"skipped_count"`
	Skipped      []struct{ Path, Reason string }
	Status       struct{ Packs int64 }
}

// load loads the source and, while that runs, keeps a copy of some disks' logs
// and journals for the carrier.
func (d *demo) load(ctx context.Context) (told, error) {
	var r loaded
	done := make(chan error, 1)
	go func() {
		_, err := d.sledge(ctx, d.field("load", d.source.folder, "--disk", d.allDisks()).into(&r, exitSource))
		done <- err
	}()
	during, err := d.watchLoad(done)
	if err != nil {
		return told{}, err
	}
	for _, s := range r.Skipped {
		d.skipped[s.Path] = true
		if info, err := os.Lstat(filepath.Join(d.source.folder, s.Path)); err == nil && info.Mode().IsRegular() {
			d.source.bytes -= info.Size()
		}
	}
	if int64(len(r.Skipped)) != r.SkippedCount {
		return told{}, fmt.Errorf("the loader left %d entries out; choose a folder that can be read", r.SkippedCount)
	}
	d.report.Entries, d.report.Bytes = d.source.entries-r.SkippedCount, d.source.bytes
	t := sayf("%d entries, encrypted and with parity, in %s", d.report.Entries, terminal.Plural(r.Status.Packs, "pack"))
	if r.SkippedCount > 0 {
		t.text += fmt.Sprintf("; %d left out and named, such as %q (%s)", r.SkippedCount, r.Skipped[0].Path, r.Skipped[0].Reason)
	}
	if !during {
		t.text += "; too short for a copy of a log during it, which was taken after it"
	}
	return t.of(d.source.bytes), nil
}

// seal lets the data centre confirm that it can open what the device wrote, and
// makes the device final. The label leaves by another way than the disks.
func (d *demo) seal(ctx context.Context) (told, error) {
	check := d.path("parcel", "device.wrapcheck")
	if _, err := d.sledge(ctx, d.field("status", "--disk", d.allDisks(), "--wrap-check", check)); err != nil {
		return told{}, err
	}
	var r struct{ Answer string }
	if _, err := d.sledge(ctx, centre("site", "check-wrap", check, "--site", d.path("site")).into(&r)); err != nil {
		return told{}, err
	}
	if _, err := d.sledge(ctx, d.field("seal", "--disk", d.allDisks(), "--wrap-answer", r.Answer, "--label-out", d.label())); err != nil {
		return told{}, err
	}
	left, err := os.ReadDir(d.shm)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("the sealed device's secret is still in memory: %s", left[0].Name())
	}
	return sayf("wrap check answered %s; the field's key is destroyed, the label sent ahead", r.Answer), err
}

// prove makes the proof of one file, to be checked by the auditor at the end.
func (d *demo) prove(ctx context.Context) (told, error) {
	file := d.source.proven
	if file == "" || d.skipped[file] {
		return told{}, errors.New("the source has no file with content that could be proven")
	}
	if _, err := d.sledge(ctx, centre(append([]string{"prove", file, "--out", d.proofFile()}, d.importKeys()...)...)); err != nil {
		return told{}, err
	}
	info, err := os.Stat(d.proofFile())
	if err != nil {
		return told{}, err
	}
	return sayf("%s for %s", terminal.Size(info.Size()), strings.ToValidUTF8(file, "?")), copyAll(ctx, filepath.Join(d.source.folder, file), d.plainFile())
}
