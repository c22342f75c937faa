package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/site"
	"github.com/sledge-io/sledge/internal/vfs"
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

type acceptReport struct {
	Job      string               `json:"job"`
	Serial   uint64               `json:"job_serial"`
	Devices  []fsck.ReceiptReport `json:"devices"`
	Unproven []*unproven          `json:"unproven"`
	Waived   int                  `json:"waived"`
	Acceptor string               `json:"acceptor,omitempty"`
	Accepted time.Time            `json:"accepted,omitzero"`
	File     string               `json:"file,omitempty"` // "" if nothing was signed
	Kept     string               `json:"kept,omitempty"` // the site's copy
	List     string               `json:"list,omitempty"`
}

const shownUnproven = 100

func (r *acceptReport) print(w io.Writer) {
	fmt.Fprintf(w, "job         %s, serial %d\n", r.Job, r.Serial)
	for i := range r.Devices {
		d := &r.Devices[i]
		fmt.Fprintf(w, "device      %s, generation %d, run %s: %s\n", d.Manifest.Device, d.Manifest.Generation, escape(d.Run), size(int64(d.Bytes)))
		fmt.Fprintf(w, "  target        %s\n", targetText(d.Target, d.Endpoint))
		printEntries(w, d)
		if d.Rules != "" {
			fmt.Fprintf(w, "  rules         the importer's own, sha256 %s\n", escape(d.Rules))
		}
	}
	for i, u := range r.Unproven {
		if i == shownUnproven {
			fmt.Fprintf(w, "  … and %d more; --list FILE names them all\n", len(r.Unproven)-shownUnproven)
			break
		}
		word := "not proven"
		if u.Waived {
			word = "waived"
		}
		fmt.Fprintf(w, "%-11s %s\n", word, u.text())
	}
	if r.List != "" {
		fmt.Fprintf(w, "list        %s: confidential, it names files\n", escape(r.List))
	}
	if r.File == "" {
		fmt.Fprintf(w, "acceptance  none: nothing was signed\n")
		return
	}
	fmt.Fprintf(w, "acceptance  %s, signed by acceptor %s\n", escape(r.File), r.Acceptor)
	if r.Kept != "" {
		fmt.Fprintf(w, "kept        %s\n", escape(r.Kept))
	}
}

// targetText is where objects stand, with the store's endpoint.
func targetText(target, endpoint string) string {
	if endpoint == "" {
		endpoint = "AWS"
	}
	return fmt.Sprintf("%s of %s", escape(target), escape(endpoint))
}

// printEntries counts entries, as run and report do, and names the kinds of those that a policy
// or the importer's rules leave out. A long entry has several lines in the list.
func printEntries(w io.Writer, r *fsck.ReceiptReport) {
	printOutcomes(w, r.Entries)
	for _, kind := range slices.Sorted(maps.Keys(r.LeftOut)) {
		fmt.Fprintf(w, "left out    %s: %d\n", kind, r.LeftOut[kind])
	}
}

func printOutcomes(w io.Writer, outcomes map[string]int64) {
	for _, o := range slices.Sorted(maps.Keys(outcomes)) {
		fmt.Fprintf(w, "  %-13s %d\n", o, outcomes[o])
	}
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

// acceptance is the work of one accept.
type acceptance struct {
	*app
	f       *acceptFlags
	r       *acceptReport
	signer  ed25519.PublicKey
	job     *manifest.Job
	jobFile []byte
	labels  map[string][]byte // by device
}

func (a *app) accept(ctx context.Context, f *acceptFlags, dirs []string) (report, error) {
	waivers, err := f.check()
	if err != nil {
		return nil, err
	}
	if dirs, err = a.receiptsFolders(dirs); err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		if err := refuseCanceled(dir); err != nil {
			return nil, err
		}
	}
	c := &acceptance{app: a, f: f, r: &acceptReport{Devices: []fsck.ReceiptReport{}, Unproven: []*unproven{}}, labels: map[string][]byte{}}
	if err := c.readLabels(); err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		if err := c.receipts(ctx, dir); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(c.missing(), c.leftOut()); err != nil {
		return nil, err
	}
	key, err := roleKey{site.Acceptor, f.acceptorKey, f.site, "acceptance"}.read(c.app, c.job.Roles.Acceptor)
	if err != nil {
		return nil, err
	}
	idle, err := waive(c.r.Unproven, waivers)
	if err != nil {
		return c.r, err
	}
	if len(idle) > 0 {
		return c.r, hint(usagef("the waiver %s %q matches nothing that is not proven", idle[0].Kind, idle[0].Name), "leave it out, or correct the name")
	}
	if err := c.unwaived(); err != nil {
		return c.r, err
	}
	return c.r, c.sign(key)
}

// check reads the flags, before anything else is read.
func (f *acceptFlags) check() ([]waiver, error) {
	if f.out == "" {
		return nil, usagef("--out is missing: where shall the statement be written?")
	}
	for _, name := range []string{f.out, f.list} {
		if _, err := os.Lstat(name); name != "" && err == nil {
			return nil, fmt.Errorf("%s: %w", name, errFileExists)
		}
	}
	if f.trust == "" && f.site == "" {
		return nil, hint(errUnproven, "nothing can be accepted whose origin is not proven: give --site DIR, or the job signer's public key: --trust signer.pub")
	}
	if !f.acceptorKey.given() && f.site == "" {
		return nil, usagef("--acceptor-key is missing: which key signs the acceptance?")
	}
	var waivers []waiver
	for kind, names := range map[string][]string{unprovenPath: f.paths, unprovenDifference: f.differences, unprovenTarget: f.targets, unprovenLabel: f.unlabeled, unprovenDevice: f.devices, unprovenLeftOut: f.leftOut} {
		for _, name := range names {
			waivers = append(waivers, waiver{Kind: kind, Name: name})
		}
	}
	if f.waivers == "" {
		return waivers, nil
	}
	text, err := readFile(f.waivers, 128<<20)
	if err != nil {
		return nil, err
	}
	listed, err := parseWaivers(text)
	return append(waivers, listed...), err
}

func (c *acceptance) readLabels() error {
	for _, name := range c.f.labels {
		text, l, err := readLabel(name)
		if err != nil {
			return err
		}
		device := l.Scope.Device.String()
		if first := c.labels[device]; first != nil && !bytes.Equal(first, text) {
			return hint(usagef("%s is another label of device %s than the one before it", name, device), "give the one that came with this delivery")
		}
		c.labels[device] = text
	}
	return nil
}

// receipts checks one folder and notes what it does not prove.
func (c *acceptance) receipts(ctx context.Context, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("receipts: %w", err)
	}
	defer root.Close()
	device, err := fsck.ReceiptsDevice(vfs.Plain(root))
	if err != nil {
		return fmt.Errorf("%s: %w: %w", dir, errRefused, err)
	}
	if slices.ContainsFunc(c.r.Devices, func(r fsck.ReceiptReport) bool { return r.Manifest.Device == device }) {
		return hint(usagef("%s: the receipts of device %s are named twice", dir, device), "name the receipts of one run a device: the latest")
	}
	m := c.meter("verify")
	defer m.end()
	chain := chainFlags{trust: c.f.trust}
	o, done, err := c.fsckOptions(&chain, m)
	if err != nil {
		return err
	}
	defer done()
	if o.Trust == nil {
		if o.Trust, err = c.siteTrust(); err != nil {
			return err
		}
	}
	o.Label = c.labels[device]
	r, err := fsck.VerifyReceipts(ctx, vfs.Plain(root), fsck.ReceiptOptions{Options: o, Object: func(l *fsck.ObjectLine) error {
		if !l.Unproven() {
			return nil
		}
		return c.open(unprovenLine(device, l))
	}})
	m.end()
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	return c.take(dir, r, o.Label != nil)
}

// siteTrust is the site's own signing key.
func (c *acceptance) siteTrust() (*fsck.Trust, error) {
	s, err := openSite(c.f.site)
	if err != nil {
		return nil, err
	}
	key, err := s.PublicKey(site.Signer)
	return &fsck.Trust{Key: key}, err
}

func (c *acceptance) open(u *unproven) error {
	if len(c.r.Unproven) == maxUnproven {
		return hint(fmt.Errorf("%w: more than %d entries are not proven", errUnwaived, maxUnproven), "mend the import first: the same sledge import run tries again what failed")
	}
	c.r.Unproven = append(c.r.Unproven, u)
	return nil
}

// take adds the report of a folder that holds.
func (c *acceptance) take(dir string, r *fsck.ReceiptReport, label bool) error {
	if r.Verdict == fsck.VerdictRefused || r.Manifest.Origin != fsck.OriginProven {
		err := verdictError(r.Verdict, r.Manifest.Origin, slices.Concat(r.Findings, r.Manifest.Findings))
		return hint(fmt.Errorf("%s: %w", dir, err), "accept nothing of this; find out what happened: sledge verify import %s --offline", dir)
	}
	if err := c.agree(r.Manifest.JobFile); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	c.r.Devices = append(c.r.Devices, *r)
	for _, text := range r.Differences {
		if err := c.open(&unproven{Kind: unprovenDifference, Name: text, Device: r.Manifest.Device}); err != nil {
			return err
		}
	}
	if r.Target != r.JobTarget {
		if err := c.open(&unproven{Kind: unprovenTarget, Name: r.Target, Device: r.Manifest.Device}); err != nil {
			return err
		}
	}
	if !label {
		return c.open(&unproven{Kind: unprovenLabel, Name: r.Manifest.Device, Device: r.Manifest.Device})
	}
	return nil
}

// agree takes a device's job file: the first one, or one of another serial of the
// same job with the same target and roles. The newest is what is signed.
func (c *acceptance) agree(file []byte) error {
	if bytes.Equal(c.jobFile, file) {
		return nil
	}
	job, jobFile := c.job, c.jobFile
	if err := c.openJob(file); err != nil || job == nil {
		return err
	}
	what := jobsDiffer(job, c.job)
	switch {
	case what == "job":
		return hint(usagef("it is of job %s, the receipts before it are of job %s", c.job.ID, job.ID), "accept each job by itself")
	case job.Serial == c.job.Serial:
		return hint(fmt.Errorf("%w: it is another one of serial %d than that of the receipts before it", errJobFile, job.Serial), "the site signs one job file a serial: ask it which one is right")
	case what != "":
		return hint(fmt.Errorf("%w: those of serial %d and serial %d do not agree on the %s", errJobFile, job.Serial, c.job.Serial, what), "accept each device by itself, and waive the others: --waive-device DEVICE")
	case c.job.Serial < job.Serial:
		return c.openJob(jobFile)
	}
	return nil
}

// openJob reads the job file that the manifest names, for what is signed.
func (c *acceptance) openJob(file []byte) (err error) {
	if c.f.trust != "" {
		c.signer, err = trustedKey(c.f.trust, file)
	} else {
		var trust *fsck.Trust
		if trust, err = c.siteTrust(); err == nil {
			c.signer = trust.Key
		}
	}
	if err != nil {
		return err
	}
	if c.job, err = manifest.OpenJob(file, c.signer); err != nil {
		return fmt.Errorf("%w: %w", errJobFile, err)
	}
	c.jobFile, c.r.Job, c.r.Serial = file, c.job.ID.String(), c.job.Serial
	return nil
}

func (c *acceptance) accepted(device string) bool {
	return slices.ContainsFunc(c.r.Devices, func(r fsck.ReceiptReport) bool { return r.Manifest.Device == device })
}

// missing notes the devices of the job that nobody has brought receipts of.
func (c *acceptance) missing() error {
	for _, d := range c.job.Devices {
		if name := d.ID.String(); !c.accepted(name) {
			if err := c.open(&unproven{Kind: unprovenDevice, Name: name, Device: name}); err != nil {
				return err
			}
		}
	}
	for i := range c.r.Devices {
		name := c.r.Devices[i].Manifest.Device
		if !slices.ContainsFunc(c.job.Devices, func(d manifest.JobDevice) bool { return d.ID.String() == name }) {
			return hint(fmt.Errorf("%w: device %s is not in that of serial %d, the newest of those given", errJobFile, name, c.job.Serial), "accept the device by itself")
		}
	}
	for device := range c.labels {
		if !c.accepted(device) {
			return usagef("there is a label of device %s, and no receipts", device)
		}
	}
	return nil
}

// unwaived refuses while anything is not proven and not waived.
func (c *acceptance) unwaived() error {
	open := slices.DeleteFunc(slices.Clone(c.r.Unproven), func(u *unproven) bool { return u.Waived })
	c.r.Waived = len(c.r.Unproven) - len(open)
	if c.f.list != "" {
		if err := writeNew(c.f.list, encodeWaivers(open), true); err != nil {
			return err
		}
		c.r.List = c.f.list
	}
	if len(open) == 0 {
		return nil
	}
	return &hinted{fmt.Errorf("%w: %s", errUnwaived, plural(len(open), "thing")), waiverHints(open)}
}

// sign writes the statement: first where the operator wants it, then, with a site,
// beside the job file.
func (c *acceptance) sign(key ed25519.PrivateKey) error {
	s := &manifest.Acceptance{Job: c.job.ID, JobSerial: c.job.Serial, JobFile: c.jobFile, Absent: []manifest.ID{},
		Devices: []manifest.AcceptedDevice{}, Accepted: c.now().UTC().Truncate(time.Second), Note: c.f.note, Software: software()}
	for i := range c.r.Devices {
		d, err := c.device(&c.r.Devices[i])
		if err != nil {
			return err
		}
		s.Devices = append(s.Devices, d)
	}
	for _, d := range c.job.Devices {
		if !c.accepted(d.ID.String()) {
			s.Absent = append(s.Absent, d.ID)
		}
	}
	file, err := s.Sign(key)
	if err != nil {
		return err
	}
	// Never give one that does not verify.
	if err := checkAcceptance(file, c.signer); err != nil {
		return err
	}
	if err := writeNew(c.f.out, file, false); err != nil {
		return err
	}
	c.r.File, c.r.Accepted, c.r.Acceptor = c.f.out, s.Accepted, crypto.Fingerprint(key.Public().(ed25519.PublicKey))
	return c.keep(file)
}

func checkAcceptance(file []byte, signer ed25519.PublicKey) error {
	r, err := fsck.VerifyAcceptance(context.Background(), file, fsck.AcceptanceOptions{Options: fsck.Options{Trust: &fsck.Trust{Key: signer}}})
	if err == nil {
		err = verdictError(r.Verdict, r.Origin, r.Findings)
	}
	if err != nil {
		return fmt.Errorf("the acceptance does not verify: %w", err)
	}
	return nil
}

// keep makes the statement one of the job's in the site's folder.
func (c *acceptance) keep(file []byte) error {
	if c.f.site == "" {
		return nil
	}
	s, err := openSite(c.f.site)
	if err != nil {
		return err
	}
	name, err := s.KeepAcceptance(c.job.ID, file)
	if errors.Is(err, site.ErrReduced) {
		c.warn("the site's own folder has no copy of the acceptance: put %s into its jobs/%s", c.f.out, c.job.ID)
		return nil
	}
	if err != nil {
		return hint(fmt.Errorf("%s is written, the site's copy is not: %w", c.f.out, err), "copy %s into the job's folder of the site", c.f.out)
	}
	c.r.Kept = strings.TrimRight(c.f.site, "/") + "/" + name
	return nil
}

// device is one device as it is signed.
func (c *acceptance) device(r *fsck.ReceiptReport) (d manifest.AcceptedDevice, err error) {
	d = manifest.AcceptedDevice{Generation: r.Manifest.Generation, Label: "not given", ManifestSize: uint64(r.Manifest.LogSize),
		Run: r.Run, Target: r.Target, Endpoint: r.Endpoint, ReceiptSize: uint64(r.LogSize), ReceiptRoot: r.LogRoot, ReceiptSHA256: r.SHA256, Outcomes: r.Outcomes, Proof: r.Proofs,
		Bytes: r.Bytes, Complete: r.Complete, Differences: append([]string{}, r.Differences...), Waived: c.waivedLines(r.Manifest.Device)}
	d.Rules, d.LeftOut = r.Rules, byRules(c.job.Policy, r.LeftOut)
	if c.labels[r.Manifest.Device] != nil {
		d.Label = "checked"
	}
	if d.Device, err = manifest.ParseID(r.Manifest.Device); err != nil {
		return d, err
	}
	d.ManifestRoot, err = base64.StdEncoding.DecodeString(r.Manifest.Root)
	return d, err
}

// waivedLines groups a device's waived entries by what became of them.
func (c *acceptance) waivedLines(device string) []manifest.WaivedLines {
	groups := []manifest.WaivedLines{}
	for _, u := range c.r.Unproven {
		if u.Kind != unprovenPath || u.Device != device {
			continue
		}
		i := slices.IndexFunc(groups, func(w manifest.WaivedLines) bool { return w.Outcome == u.Outcome && w.Error == u.Error })
		if i < 0 {
			i = len(groups)
			groups = append(groups, manifest.WaivedLines{Outcome: u.Outcome, Error: u.Error})
		}
		groups[i].Lines = append(groups[i].Lines, u.line)
	}
	slices.SortFunc(groups, func(a, b manifest.WaivedLines) int {
		return cmp.Or(cmp.Compare(a.Outcome, b.Outcome), cmp.Compare(a.Error, b.Error))
	})
	return groups
}
