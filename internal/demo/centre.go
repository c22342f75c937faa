package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/sledge-io/sledge/internal/demo/treecmp"
	"github.com/sledge-io/sledge/internal/terminal"
)

// importKeys are the flags by which the import host opens a device: it has the keys of
// this job's import, and not the site's folder.
func (d *demo) importKeys() []string {
	return []string{"--site", d.path("import-keys"), "--label", d.label(), "--disk", d.allDisks()}
}

// importAll puts every entry into the store. No disk is mended first: what is
// missing is decoded on the way.
func (d *demo) importAll(ctx context.Context) (told, error) {
	var r struct {
		Outcomes, Proofs map[string]int64
		Complete         bool
		Receipts         string
		Repaired         int64 `json:"repaired_blocks"`
	}
	c := centre(append([]string{"import", "run"}, d.importKeys()...)...).into(&r, d.skippedExit()...)
	c.args = append(c.args, "--state", d.path("import"), "--endpoint", d.store.Endpoint, "--path-style")
	c.env = d.store.env
	if _, err := d.sledge(ctx, c); err != nil {
		return told{}, err
	}
	stored := r.Outcomes["stored"]
	if !r.Complete || stored != d.report.Entries || r.Repaired == 0 {
		return told{}, fmt.Errorf("complete %v, %d of %d entries stored, %d blocks repaired (with %d disks lost)", r.Complete, stored, d.report.Entries, r.Repaired, d.report.DisksLost)
	}
	for _, level := range []string{"read-back sha256", "store sha256", "store crc64nvme"} { // the weakest last
		if r.Proofs[level] > 0 {
			d.report.ProofLevel = level
		}
	}
	if d.report.ProofLevel == "" {
		return told{}, fmt.Errorf("no object is proven: %v", r.Proofs)
	}
	d.report.BlocksRepaired, d.report.Receipt = r.Repaired, r.Receipts
	return sayf("%s, each proven (%s), %s decoded around the damage", terminal.Plural(stored, "object"), d.report.ProofLevel, terminal.Plural(r.Repaired, "block")).of(d.source.bytes), nil
}

// skippedExit allows the exit code that says "the loader left entries out", if it did.
func (d *demo) skippedExit() []int {
	if len(d.skipped) > 0 {
		return []int{exitSource}
	}
	return nil
}

// readBack fetches every object with an S3 client that is not ours.
func (d *demo) readBack(ctx context.Context) (told, error) {
	folder, script := d.path("read-back"), filepath.Join("scripts", "s3-read-back.sh")
	client, err := exec.CommandContext(ctx, script, "--client").Output()
	if err != nil {
		return told{}, errors.New("no S3 client found: make deps, or install s3cmd, aws or rclone")
	}
	cmd := exec.CommandContext(ctx, script, d.store.Endpoint, bucket, prefix, folder)
	cmd.Env = append(ownEnv(), d.store.env...)
	if err := runLogged(cmd, d.path("logs", "read-back.log")); err != nil {
		return told{}, err
	}
	r := treecmp.Objects(d.source.folder, folder, d.skipped)
	if err := d.same(r, "objects differ"); err != nil {
		return told{}, err
	}
	d.report.ObjectsVerified = r.Entries
	return sayf("%d objects fetched with %s, all as in the source", r.Entries, strings.TrimSpace(string(client))).of(r.Bytes), clean(folder)
}

// extract writes the same device to a folder, without S3.
func (d *demo) extract(ctx context.Context) (told, error) {
	folder := d.path("extracted")
	c := centre(append([]string{"extract", folder}, d.importKeys()...)...)
	c.allow = d.skippedExit()
	if _, err := d.sledge(ctx, c); err != nil {
		return told{}, err
	}
	r := treecmp.Extracted(d.source.folder, folder, d.skipped)
	if err := d.same(r, "the extracted folder differs"); err != nil {
		return told{}, err
	}
	return sayf("%d entries, with modes, times and links as in the source", r.Entries).of(r.Bytes), clean(folder)
}

// same is nil if nothing differs, and everything was compared.
func (d *demo) same(r *treecmp.Result, differs string) error {
	if err := r.Err(); err != nil {
		return fmt.Errorf("%s from the source:\n%w", differs, err)
	}
	if r.Entries != d.report.Entries {
		return fmt.Errorf("%d entries compared, %d loaded", r.Entries, d.report.Entries)
	}
	return nil
}
