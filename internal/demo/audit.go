package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// destroyKeys deletes every secret: the site's keys, the device's, the unlock
// code. What the auditor works with is public, but for the list of objects.
func (d *demo) destroyKeys(context.Context) error {
	return d.stage("destroy keys", func() (told, error) {
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
		return told{text: fmt.Sprintf("%d files deleted: every private key, and the unlock code", len(deleted))}, err
	})
}

// privateFiles finds key files outside the disks and the bucket.
func privateFiles(dir string) (found []string, err error) {
	err = filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if base := filepath.Base(name); e.IsDir() && (base == "disks" || base == "s3" || base == "source") && filepath.Dir(name) == dir {
			return filepath.SkipDir
		}
		if strings.HasSuffix(name, ".key") || strings.HasSuffix(name, ".identity") || strings.HasPrefix(filepath.Base(name), "code.txt") {
			found = append(found, name)
		}
		return nil
	})
	return found, err
}

// audit is the auditor's work. He has the signer's public key, the label, the
// receipts, one file with its proof, read rights in the store, and the disks.
func (d *demo) audit(ctx context.Context) error {
	reader, err := d.startGateway(ctx, "auditor", true)
	if err != nil {
		return err
	}
	defer reader.Stop()
	for _, step := range []struct {
		name string
		f    func() (told, error)
	}{
		{"audit: manifest", func() (told, error) { return d.auditManifest(ctx) }},
		{"audit: disks", func() (told, error) { return d.verifyDisks(ctx, "auditor") }},
		{"audit: one file", func() (told, error) { return d.auditProof(ctx) }},
		{"audit: import", func() (told, error) { return d.auditImport(ctx, reader) }},
	} {
		if err := d.stage(step.name, step.f); err != nil {
			return err
		}
	}
	return nil
}

// trust is what the auditor knows by another channel than the disks.
func (d *demo) trust() []string {
	return []string{"--trust", d.path("auditor", "signer.pub"), "--label", d.label(), "--disk", d.allDisks()}
}

func (d *demo) auditManifest(ctx context.Context) (told, error) {
	var r verified
	_, err := d.sledge(ctx, call{role: "auditor", args: append([]string{"verify", "manifest"}, d.trust()...), allow: []int{exitDamage}, result: &r})
	if err == nil && (r.Origin != "proven" || r.Verdict != "repairable") {
		err = fmt.Errorf("origin %s, verdict %s", r.Origin, r.Verdict)
	}
	return told{text: "signatures, log and pages verify; the two lost disks and the stale log are named"}, err
}

// auditProof checks the one file by its bytes, by its SHA-256, and sees a changed
// one refused.
func (d *demo) auditProof(ctx context.Context) (told, error) {
	base := []string{"verify", "proof", d.proofFile(), "--trust", d.path("auditor", "signer.pub")}
	sum, err := sha256File(d.plainFile())
	if err != nil {
		return told{}, err
	}
	for _, args := range [][]string{{"--file", d.plainFile()}, {"--sha256", sum}} {
		if _, err := d.sledge(ctx, call{role: "auditor", args: append(base[:len(base):len(base)], args...)}); err != nil {
			return told{}, err
		}
	}
	changed := d.path("auditor", "one-file.changed")
	content, err := os.ReadFile(d.plainFile())
	if err == nil {
		content[len(content)/2] ^= 1
		err = os.WriteFile(changed, content, 0o600)
	}
	if err != nil {
		return told{}, err
	}
	if a, err := d.sledge(ctx, call{role: "auditor", args: append(base[:len(base):len(base)], "--file", changed)}); err == nil {
		return told{}, errors.New("a changed file was accepted")
	} else if a == nil {
		return told{}, err
	}
	return told{text: "the file and its SHA-256 fit the proof; the file with one bit changed is refused"}, nil
}

func sha256File(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

type verifiedImport struct {
	Complete bool                                        `json:"complete"`
	Verdict  string                                      `json:"verdict"`
	Origin   string                                      `json:"origin"`
	Store    *struct{ Objects, Same, Differences int64 } `json:"store"`
}

// auditImport holds the receipts against the manifest and the store.
func (d *demo) auditImport(ctx context.Context, reader *gateway) (told, error) {
	args := append([]string{"verify", "import", d.report.Receipt}, d.trust()...)
	args = append(args, "--endpoint", reader.Endpoint, "--path-style")
	var r verifiedImport
	_, err := d.sledge(ctx, call{role: "auditor", env: reader.env(), args: args, allow: append(d.skippedExit(), exitDamage), result: &r})
	if err != nil {
		return told{}, err
	}
	if s := r.Store; s == nil || s.Same != d.report.ObjectsVerified || s.Objects != s.Same || s.Differences > 0 || !r.Complete || r.Origin != "proven" {
		return told{}, fmt.Errorf("complete %v, origin %s, verdict %s, store %+v; %d objects expected", r.Complete, r.Origin, r.Verdict, r.Store, d.report.ObjectsVerified)
	}
	return told{text: fmt.Sprintf("the receipts cover the whole manifest; all %d objects are in the store (read rights only)", r.Store.Same)}, nil
}
