package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The auditor has the signer's public key, the label, the receipts, one file with
// its proof, read rights in the store, and the disks.
func (d *demo) trusted() string   { return d.path("auditor", "signer.pub") }
func (d *demo) proofFile() string { return d.path("auditor", "one-file.proof") }
func (d *demo) plainFile() string { return d.path("auditor", "one-file") }

// verify is one of the auditor's calls about the whole device, which is damaged.
func (d *demo) verify(what ...string) call {
	args := append([]string{"verify"}, what...)
	return call{role: "auditor", args: append(args, "--trust", d.trusted(), "--label", d.label(), "--disk", d.allDisks()), allow: []int{exitDamage}}
}

// destroyKeys deletes every secret: the site's keys, the device's, the unlock
// code. What the auditor works with is public, but for the list of objects.
func (d *demo) destroyKeys(context.Context) (told, error) {
	deleted, err := privateFiles(d.dir)
	if err != nil {
		return told{}, err
	}
	err = errors.Join(clean(d.path("site")), clean(d.path("import-keys")), clean(d.path("field")), os.RemoveAll(d.shm))
	left, e := privateFiles(d.dir)
	if err = errors.Join(err, e); err == nil && len(left) > 0 {
		err = fmt.Errorf("%s is still there", left[0])
	}
	if err == nil && len(deleted) == 0 {
		err = errors.New("there were none: the demonstration looks in the wrong place")
	}
	return sayf("%d files deleted: every private key, and the unlock code", len(deleted)), err
}

// privateFiles finds key files outside the disks and the bucket.
func privateFiles(dir string) (found []string, err error) {
	data := []string{filepath.Join(dir, "disks"), filepath.Join(dir, "s3"), filepath.Join(dir, "source")}
	err = filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err == nil && slices.Contains(data, name) {
			return filepath.SkipDir
		}
		if strings.HasSuffix(name, ".key") || strings.HasSuffix(name, ".identity") || strings.HasPrefix(filepath.Base(name), "code.txt") {
			found = append(found, name)
		}
		return err
	})
	return found, err
}

func (d *demo) auditManifest(ctx context.Context) (told, error) {
	var r verified
	_, err := d.sledge(ctx, d.verify("manifest").into(&r, exitDamage))
	if err == nil && (r.Origin != "proven" || r.Verdict != "repairable") {
		err = fmt.Errorf("origin %s, verdict %s", r.Origin, r.Verdict)
	}
	return sayf("signatures, log and pages verify; the two lost disks and the stale log are named"), err
}

// auditProof checks the one file by its bytes, by its SHA-256, and sees a changed
// one refused.
func (d *demo) auditProof(ctx context.Context) (told, error) {
	content, err := os.ReadFile(d.plainFile())
	if err != nil {
		return told{}, err
	}
	proof := func(by ...string) call {
		return call{role: "auditor", args: append([]string{"verify", "proof", d.proofFile(), "--trust", d.trusted()}, by...)}
	}
	for _, c := range []call{proof("--file", d.plainFile()), proof("--sha256", fmt.Sprintf("%x", sha256.Sum256(content)))} {
		if _, err := d.sledge(ctx, c); err != nil {
			return told{}, err
		}
	}
	changed := d.path("auditor", "one-file.changed")
	content[len(content)/2] ^= 1
	if err := os.WriteFile(changed, content, 0o600); err != nil {
		return told{}, err
	}
	if a, err := d.sledge(ctx, proof("--file", changed)); err == nil {
		return told{}, errors.New("a changed file was accepted")
	} else if a == nil {
		return told{}, err
	}
	return sayf("the file and its SHA-256 fit the proof; the file with one bit changed is refused"), nil
}

// auditImport holds the receipts against the manifest and the store.
func (d *demo) auditImport(ctx context.Context) (told, error) {
	var r struct {
		Complete        bool
		Verdict, Origin string
		Store           *struct{ Objects, Same, Differences int64 }
	}
	c := d.verify("import", d.report.Receipt).into(&r, append(d.skippedExit(), exitDamage)...)
	c.args = append(c.args, "--endpoint", d.reader.Endpoint, "--path-style")
	c.env = d.reader.env
	if _, err := d.sledge(ctx, c); err != nil {
		return told{}, err
	}
	if s := r.Store; s == nil || s.Same != d.report.ObjectsVerified || s.Objects != s.Same || s.Differences > 0 || !r.Complete || r.Origin != "proven" {
		return told{}, fmt.Errorf("complete %v, origin %s, verdict %s, store %+v; %d objects expected", r.Complete, r.Origin, r.Verdict, r.Store, d.report.ObjectsVerified)
	}
	return sayf("the receipts cover the whole manifest; all %d objects are in the store (read rights only)", r.Store.Same), nil
}
