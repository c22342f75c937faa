package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/sledge-io/sledge/internal/demo/treecmp"
)

type imported struct {
	Outcomes map[string]int64 `json:"outcomes"`
	Proofs   map[string]int64 `json:"proofs"`
	Complete bool             `json:"complete"`
	Receipts string           `json:"receipts"`
	Repaired int64            `json:"repaired_blocks"`
}

// importAll puts every entry into the store. No disk is mended first: what is
// missing is decoded on the way.
func (d *demo) importAll(ctx context.Context) error {
	return d.stage("import", func() (told, error) {
		var r imported
		state := d.path("import")
		args := append([]string{"import", "run"}, d.centreKeys()...)
		args = append(args, "--state", state, "--endpoint", d.store.Endpoint, "--path-style")
		_, err := d.sledge(ctx, call{role: "data centre", env: d.store.env(), args: args, allow: d.skippedExit(), result: &r})
		if err != nil {
			return told{}, err
		}
		stored := r.Outcomes["stored"]
		if !r.Complete || stored != d.report.Entries || r.Repaired == 0 {
			return told{}, fmt.Errorf("complete %v, %d of %d entries stored, %d blocks repaired (with %d disks lost)", r.Complete, stored, d.report.Entries, r.Repaired, d.report.DisksLost)
		}
		d.report.BlocksRepaired = r.Repaired
		d.report.ProofLevel, err = weakest(r.Proofs)
		d.report.Receipt = r.Receipts
		return told{bytes: d.source.bytes, text: fmt.Sprintf("%s, each proven (%s), %s decoded around the damage", plural(stored, "object"), d.report.ProofLevel, plural(r.Repaired, "block"))}, err
	})
}

// skippedExit allows the exit code that says "the loader left entries out", if it did.
func (d *demo) skippedExit() []int {
	if len(d.skipped) > 0 {
		return []int{exitSource}
	}
	return nil
}

// weakest is the proof that all objects have at least.
func weakest(proofs map[string]int64) (string, error) {
	for _, level := range []string{"store crc64nvme", "store sha256", "read-back sha256"} {
		if proofs[level] > 0 {
			return level, nil
		}
	}
	return "", fmt.Errorf("no object is proven: %v", proofs)
}

// readBack fetches every object with an S3 client that is not ours.
func (d *demo) readBack(ctx context.Context) error {
	return d.stage("read back", func() (told, error) {
		folder, script := d.path("read-back"), filepath.Join("scripts", "s3-read-back.sh")
		name, err := exec.CommandContext(ctx, script, "--client").Output()
		if err != nil {
			return told{}, errors.New("no S3 client found: make deps, or install s3cmd, aws or rclone")
		}
		cmd := exec.CommandContext(ctx, script, d.store.Endpoint, bucket, prefix, folder)
		cmd.Env = append(ownEnv(), d.store.env()...)
		if err := runLogged(cmd, d.path("logs", "read-back.log")); err != nil {
			return told{}, err
		}
		r := treecmp.Objects(d.source.folder, folder, d.skipped)
		if err := r.Err(); err != nil {
			return told{}, fmt.Errorf("objects differ from the source:\n%w", err)
		}
		if r.Entries != d.report.Entries {
			return told{}, fmt.Errorf("%d entries compared, %d loaded", r.Entries, d.report.Entries)
		}
		d.report.ObjectsVerified = r.Entries
		return told{bytes: r.Bytes, text: fmt.Sprintf("%d objects fetched with %s, all as in the source", r.Entries, strings.TrimSpace(string(name)))}, clean(folder)
	})
}

// extract writes the same device to a folder, without S3.
func (d *demo) extract(ctx context.Context) error {
	return d.stage("extract", func() (told, error) {
		folder := d.path("extracted")
		args := append([]string{"extract", folder}, d.centreKeys()...)
		if _, err := d.sledge(ctx, call{role: "data centre", args: args, allow: d.skippedExit()}); err != nil {
			return told{}, err
		}
		r := treecmp.Extracted(d.source.folder, folder, d.skipped)
		if err := r.Err(); err != nil {
			return told{}, fmt.Errorf("the extracted folder differs from the source:\n%w", err)
		}
		if r.Entries != d.report.Entries {
			return told{}, fmt.Errorf("%d entries compared, %d loaded", r.Entries, d.report.Entries)
		}
		return told{bytes: r.Bytes, text: fmt.Sprintf("%d entries, with modes, times and links as in the source", r.Entries)}, clean(folder)
	})
}
