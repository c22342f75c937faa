package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/internal/acceptance"
	"github.com/sledge-io/sledge/internal/delivery"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/site"
	"github.com/sledge-io/sledge/internal/statefolder"
	"github.com/sledge-io/sledge/manifest"
)

type acceptFlags struct {
	site, trust               string
	acceptorKey               *keyFile
	labels                    []string
	paths, devices, unlabeled []string // waivers by name
	differences, targets      []string
	leftOut                   []string
	waivers, list, note, out  string
}

func (a *app) acceptCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "accept RECEIPTS...",
		Short: "sign the acceptance of a job's import: everything is proven, or waived by name",
		Long: `RECEIPTS are the receipts folders of a job's imports, one for each device, or the
imports' state folders. They are checked as "sledge verify import --offline" does. Any
one disk of each device is enough.

Everything is listed that is not proven: entries that failed, met a conflict or were
skipped, numbers that do not agree, another target than the job's, devices without a
label or receipts. Kinds of entries that the importer's rules left out are listed, too.
Nothing is signed until each is waived by its name. A name that several devices have is
waived for each of them, as DEVICE:NAME. A waiver that matches nothing is an error. The
statement holds no names of files.`,
		Example: `  sledge accept /srv/import/job1/receipts --site /srv/site --label device.label --disk '/mnt/bay*' --out acceptance.dsse
  sledge accept a/receipts b/receipts --acceptor-key acceptor.key --trust signer.pub --label a.label --label b.label \
      --disk '/mnt/*' --list unproven.txt --out acceptance.dsse
  sledge accept … --waive 'photos/1.tif' --waive-label 1f0c22aa…  --note 'agreed by telephone' --out acceptance.dsse`,
	}
	var f acceptFlags
	flags := cmd.Flags()
	flags.StringVar(&f.site, "site", os.Getenv("SLEDGE_SITE"), "the site's whole key folder: trust and acceptor key in one; it keeps a copy (env SLEDGE_SITE)")
	flags.StringVar(&f.trust, "trust", "", "the job signer's public key (signer.pub) or fingerprint (sha256:…), known by another way")
	f.acceptorKey = newKeyFile(flags, "acceptor-key", "the key that signs (default: the site's); - for standard input")
	flags.StringArrayVar(&f.labels, "label", nil, "a device's label file; one for each device")
	flags.StringArrayVar(&f.paths, "waive", nil, "PATH of an entry that is accepted unproven, exactly as it is; may be repeated")
	flags.StringArrayVar(&f.differences, "waive-difference", nil, "TEXT of a difference that is accepted; may be repeated")
	flags.StringArrayVar(&f.targets, "waive-target", nil, "s3://BUCKET/PREFIX/ that the job does not name; may be repeated")
	flags.StringArrayVar(&f.unlabeled, "waive-label", nil, "DEVICE whose label is not at hand; may be repeated")
	flags.StringArrayVar(&f.devices, "waive-device", nil, "DEVICE of the job that is accepted without receipts; may be repeated")
	flags.StringArrayVar(&f.leftOut, "waive-left-out", nil, "KIND of entries (directory, symlink, hard link) that the importer's own rules left out; may be repeated")
	flags.StringVar(&f.waivers, "waivers", "", "a file of waivers, one a line, as --list writes them")
	flags.StringVar(&f.list, "list", "", "write what is not proven and not waived into a new file, confidential")
	flags.StringVar(&f.note, "note", "", "a remark that is signed with it; no names of files")
	flags.StringVar(&f.out, "out", "", "where the statement is written (required)")
	return a.verb(cmd, func(ctx context.Context, dirs []string) (report, error) { return a.accept(ctx, &f, dirs) })
}

func (a *app) accept(ctx context.Context, f *acceptFlags, dirs []string) (report, error) {
	waivers, err := f.check()
	if err != nil {
		return nil, err
	}
	if dirs, err = statefolder.Receipts(dirs, a.telling()); err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		if err := refuseCanceled(dir); err != nil {
			return nil, err
		}
	}
	labels, err := delivery.ReadLabels(f.labels)
	if err != nil {
		return nil, err
	}
	r, err := acceptance.Accept(ctx, acceptance.Options{
		Receipts: dirs, Labels: labels, Waivers: waivers, List: f.list, Out: f.out, Note: f.note, Software: software(), Now: a.now,
		Signer:   f.signer,
		Verifier: func() (fsck.Options, func(), error) { return a.acceptVerifier(f) },
		Key: func(pinned []manifest.PublicKey) (ed25519.PrivateKey, error) {
			return roleKey{site.Acceptor, f.acceptorKey, f.site, "acceptance"}.read(a, pinned)
		},
		Keep: func(job manifest.ID, statement []byte) (string, error) { return a.keepAcceptance(f, job, statement) },
	})
	if r == nil {
		return nil, err
	}
	return r, err
}

// signer is the key that --trust names, or the site's own.
func (f *acceptFlags) signer(jobFile []byte) (ed25519.PublicKey, error) {
	if f.trust != "" {
		return trustedKey(f.trust, jobFile)
	}
	s, err := openSite(f.site)
	if err != nil {
		return nil, err
	}
	return s.PublicKey(site.Signer)
}

// acceptVerifier is one verification of receipts.
func (a *app) acceptVerifier(f *acceptFlags) (o fsck.Options, done func(), err error) {
	m := a.meter("verify")
	o, closeDisks, err := a.fsckOptions(&chainFlags{trust: f.trust}, m)
	if err != nil {
		return o, nil, err
	}
	done = func() { m.End(); closeDisks() }
	if o.Trust == nil {
		o.Trust = &fsck.Trust{}
		if o.Trust.Key, err = f.signer(nil); err != nil {
			done()
		}
	}
	return o, done, err
}

// keepAcceptance makes the statement one of the job's in the site's folder.
func (a *app) keepAcceptance(f *acceptFlags, job manifest.ID, statement []byte) (string, error) {
	if f.site == "" {
		return "", nil
	}
	s, err := openSite(f.site)
	if err != nil {
		return "", err
	}
	name, err := s.KeepAcceptance(job, statement)
	if errors.Is(err, site.ErrReduced) {
		a.warn("the site's own folder has no copy of the acceptance: put %s into its jobs/%s", f.out, job)
		return "", nil
	}
	if err != nil {
		return "", hint(fmt.Errorf("%s is written, the site's copy is not: %w", f.out, err), "copy %s into the job's folder of the site", f.out)
	}
	return strings.TrimRight(f.site, "/") + "/" + name, nil
}

// check reads the flags, before anything else is read.
func (f *acceptFlags) check() ([]acceptance.Waiver, error) {
	if f.out == "" {
		return nil, usagef("--out is missing: where shall the statement be written?")
	}
	for _, name := range []string{f.out, f.list} {
		if _, err := os.Lstat(name); name != "" && err == nil {
			return nil, fmt.Errorf("%s: %w", name, files.ErrExists)
		}
	}
	if f.trust == "" && f.site == "" {
		return nil, hint(errUnproven, "nothing can be accepted whose origin is not proven: give --site DIR, or the job signer's public key: --trust signer.pub")
	}
	if !f.acceptorKey.given() && f.site == "" {
		return nil, usagef("--acceptor-key is missing: which key signs the acceptance?")
	}
	var waivers []acceptance.Waiver
	for kind, names := range map[string][]string{acceptance.KindPath: f.paths, acceptance.KindDifference: f.differences, acceptance.KindTarget: f.targets, acceptance.KindLabel: f.unlabeled, acceptance.KindDevice: f.devices, acceptance.KindLeftOut: f.leftOut} {
		for _, name := range names {
			waivers = append(waivers, acceptance.Waiver{Kind: kind, Name: name})
		}
	}
	if f.waivers == "" {
		return waivers, nil
	}
	text, err := files.Read(f.waivers, 128<<20)
	if err != nil {
		return nil, err
	}
	listed, err := acceptance.ParseWaivers(text)
	return append(waivers, listed...), err
}
