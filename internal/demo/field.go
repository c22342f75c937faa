package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/sledge-io/sledge/simulator"
)

// field is the environment of the field staff: the device's state folder and the
// memory that keeps the unlocked secret.
func (d *demo) field() []string {
	return []string{"SLEDGE_DEVICE=" + d.path("field", "device"), "XDG_RUNTIME_DIR=" + d.shm}
}

// allDisks is how every role names the disks that are there: a lost one has
// another name.
func (d *demo) allDisks() string { return d.path("disks", "bay??") }

func (d *demo) label() string { return d.path("parcel", "device.label") }

// setUp is what happens before any data: keys, device, job, unlocked device.
func (d *demo) setUp(ctx context.Context) error {
	return d.stage("set up", func() (told, error) {
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
		device := d.path("field", "device")
		if err := os.Mkdir(device, 0o700); err != nil {
			return told{}, err
		}
		signer := d.path("site", "signer.pub")
		calls := []call{
			{role: "data centre", args: []string{"site", "init", d.path("site"), "--name", "Demonstration"}},
			{role: "field", env: d.field(), args: []string{"device", "init", "--device", device, "--trust", signer}},
			{role: "data centre", args: []string{"job", "create", "--site", d.path("site"), "--device-key", filepath.Join(device, "device.pub"),
				"--geometry", fmt.Sprintf("%d+%d", dataShards, parityShards), "--pack-size", "128MiB",
				"--target", "s3://" + bucket + "/" + prefix, "--profile", "versitygw",
				"--out", d.path("parcel", "job.dsse"), "--code-out", d.path("field", "code.txt")}},
			{role: "data centre", args: []string{"site", "export", "--for", "import", "--site", d.path("site"), "--job", d.path("parcel", "job.dsse"), "--out", d.path("import-keys")}},
			{role: "field", env: d.field(), args: []string{"unlock", "--job", d.path("parcel", "job.dsse"), "--disk", d.allDisks(), "--code-file", d.path("field", "code.txt"),
				"--allow-shared", "--allow-filesystem", "tmpfs,overlay"}}, // the disks are folders
		}
		for _, c := range calls {
			if _, err := d.sledge(ctx, c); err != nil {
				return told{}, err
			}
		}
		// The auditor gets the site's public key by another channel, now.
		err := copyFile(signer, d.path("auditor", "signer.pub"))
		return told{text: fmt.Sprintf("a site, a job, a device of %d disks (any %d may be lost)", diskCount, parityShards)}, err
	})
}

type scanned struct {
	Entries  int64 `json:"entries"`
	Blocking int64 `json:"blocking"`
	Findings []struct {
		Path, Text string
		Blocks     bool
	} `json:"findings"`
}

func (d *demo) scan(ctx context.Context) error {
	return d.stage("scan", func() (told, error) {
		var r scanned
		_, err := d.sledge(ctx, call{role: "field", env: d.field(), args: []string{"scan", d.source.folder}, allow: []int{exitSource}, result: &r})
		if err != nil {
			return told{}, err
		}
		if r.Blocking > 0 {
			return told{}, fmt.Errorf("%d names cannot be object keys, such as %q: %s; rename them, or name another folder with SRC=", r.Blocking, firstBlocking(r), r.Findings[0].Text)
		}
		if r.Entries != d.source.entries {
			return told{}, fmt.Errorf("the scan found %d entries, the folder has %d", r.Entries, d.source.entries)
		}
		return told{text: fmt.Sprintf("%d entries, every name fits the target", r.Entries)}, nil
	})
}

func firstBlocking(r scanned) string {
	for _, f := range r.Findings {
		if f.Blocks {
			return f.Path
		}
	}
	return ""
}

// Exit codes that the demonstration expects besides 0 (docs/exit-codes.md).
const (
	exitDamage = 8  // damage, and nothing is lost
	exitSource = 11 // source entries were skipped and named
)

type loaded struct {
	Entries      int64 `json:"entries"`
	SkippedCount int64 `json:"skipped_count"`
	Skipped      []struct {
		Path, Reason string
	} `json:"skipped"`
	Status struct {
		Packs int64 `json:"packs"`
		Bytes int64 `json:"bytes"`
	} `json:"status"`
}

// load loads the source and, while that runs, keeps a copy of some disks' logs
// and journals for the carrier.
func (d *demo) load(ctx context.Context) error {
	return d.stage("load", func() (told, error) {
		var r loaded
		done := make(chan error, 1)
		go func() {
			_, err := d.sledge(ctx, call{role: "field", env: d.field(), args: []string{"load", d.source.folder, "--disk", d.allDisks()}, allow: []int{exitSource}, result: &r})
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
		text := fmt.Sprintf("%d entries, encrypted and with parity, in %s", d.report.Entries, plural(r.Status.Packs, "pack"))
		if r.SkippedCount > 0 {
			text += fmt.Sprintf("; %d left out and named, such as %q (%s)", r.SkippedCount, r.Skipped[0].Path, r.Skipped[0].Reason)
		}
		if !during {
			text += "; too short for a copy of a log during it, which was taken after it"
		}
		return told{bytes: d.source.bytes, text: text}, nil
	})
}

type wrapAnswer struct {
	Answer string `json:"answer"`
}

// seal lets the data centre confirm that it can open what the device wrote, and
// makes the device final. The label leaves by another way than the disks.
func (d *demo) seal(ctx context.Context) error {
	return d.stage("seal", func() (told, error) {
		check := d.path("parcel", "device.wrapcheck")
		if _, err := d.sledge(ctx, call{role: "field", env: d.field(), args: []string{"status", "--disk", d.allDisks(), "--wrap-check", check}}); err != nil {
			return told{}, err
		}
		var answer wrapAnswer
		if _, err := d.sledge(ctx, call{role: "data centre", args: []string{"site", "check-wrap", check, "--site", d.path("site")}, result: &answer}); err != nil {
			return told{}, err
		}
		if _, err := d.sledge(ctx, call{role: "field", env: d.field(), args: []string{"seal", "--disk", d.allDisks(), "--wrap-answer", answer.Answer, "--label-out", d.label()}}); err != nil {
			return told{}, err
		}
		left, err := os.ReadDir(d.shm)
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("the sealed device's secret is still in memory: %s", left[0].Name())
		}
		return told{text: "wrap check answered " + answer.Answer + "; the field's key is destroyed, the label sent ahead"}, err
	})
}

// prove makes the proof of one file, to be checked by the auditor at the end.
func (d *demo) prove(ctx context.Context) error {
	return d.stage("prove", func() (told, error) {
		if d.source.proven == "" || d.skipped[d.source.proven] {
			return told{}, fmt.Errorf("the source has no file with content that could be proven")
		}
		args := append([]string{"prove", d.source.proven, "--out", d.proofFile()}, d.centreKeys()...)
		if _, err := d.sledge(ctx, call{role: "data centre", args: args}); err != nil {
			return told{}, err
		}
		info, err := os.Stat(d.proofFile())
		if err != nil {
			return told{}, err
		}
		err = copyFile(filepath.Join(d.source.folder, d.source.proven), d.plainFile())
		return told{text: fmt.Sprintf("%s for %s", size(info.Size()), strings.ToValidUTF8(d.source.proven, "?"))}, err
	})
}

func (d *demo) proofFile() string { return d.path("auditor", "one-file.proof") }
func (d *demo) plainFile() string { return d.path("auditor", "one-file") }

// centreKeys are the flags by which the import host opens a device: it has the keys of
// this job's import, and not the site's folder.
func (d *demo) centreKeys() []string {
	return []string{"--site", d.path("import-keys"), "--label", d.label(), "--disk", d.allDisks()}
}
