package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/firmware"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/keyfile"
	"github.com/sledge-io/sledge/internal/site"
	"github.com/sledge-io/sledge/manifest"
)

type jobReport struct {
	Job        string         `json:"job"`
	Serial     uint64         `json:"serial"`
	Site       string         `json:"site"`
	Origin     string         `json:"origin"` // proven, or not proven
	Created    time.Time      `json:"created"`
	Expires    time.Time      `json:"expires"`
	Devices    []string       `json:"devices"`
	Geometry   string         `json:"geometry"`
	Disks      int            `json:"disks"`
	Target     string         `json:"target"`
	Profile    string         `json:"profile"`
	Recovery   string         `json:"recovery"`
	KDF        string         `json:"kdf"`
	Policy     manifestPolicy `json:"policy"`
	File       string         `json:"file,omitempty"`
	UnlockCode string         `json:"unlock_code,omitempty"`
	CodeFile   string         `json:"unlock_code_file,omitempty"` // the code sheet
	CodeQR     string         `json:"unlock_code_qr_file,omitempty"`
}

type manifestPolicy = manifest.JobPolicy

const originProven, originUnproven = "proven", "not proven"

func (r *jobReport) Print(w io.Writer) {
	fmt.Fprintf(w, "job         %s (serial %d), origin %s\nsite        %s\ncreated     %s\nexpires     %s\n",
		r.Job, r.Serial, r.Origin, escape(r.Site), r.Created.Format(time.RFC3339), r.Expires.Format(time.RFC3339))
	for _, d := range r.Devices {
		fmt.Fprintf(w, "device      %s\n", escape(d))
	}
	fmt.Fprintf(w, "geometry    %s on %s\ntarget      %s (%s)\nrecovery    %s\nunlock      %s\nlinks       %s; directories %s; file digest %s\n",
		r.Geometry, plural(r.Disks, "disk"), escape(r.Target), escape(r.Profile), r.Recovery, r.KDF, r.Policy.Symlinks, r.Policy.Directories, r.Policy.FileDigest)
	printIf(w, r.File != "", "job file    %s\n", escape(r.File))
	if r.CodeFile != "" {
		fmt.Fprintf(w, "code sheet  %s, its code as QR code %s\n", escape(r.CodeFile), escape(r.CodeQR))
		fmt.Fprintf(w, "\nPrint the sheet and remove both files. Send it by another way than the job file.\n")
	}
	printIf(w, r.UnlockCode != "", "\nunlock code %s\n\nWrite it down now: it is kept nowhere. Send it by another way than the job file.\n", r.UnlockCode)
}

func describeJob(j *manifest.Job, origin string) *jobReport {
	r := &jobReport{
		Job: j.ID.String(), Serial: j.Serial, Site: j.Site, Origin: origin, Created: j.Created, Expires: j.Expires,
		Geometry: fmt.Sprintf("%d+%d, blocks of %s", j.Geometry.K, j.Geometry.M, size(int64(j.Geometry.BlockSize))),
		Disks:    j.Geometry.Disks, Target: j.Target.URL, Profile: j.Target.Profile, KDF: j.Unlock.KDF.Kind,
		Recovery: describeRecovery(j), Policy: j.Policy,
	}
	for _, d := range j.Devices {
		r.Devices = append(r.Devices, fmt.Sprintf("%s (%s)", d.ID, d.Protection))
	}
	return r
}

// describeRecovery says who else can open the load key.
func describeRecovery(j *manifest.Job) string {
	post, classic := 0, 0
	for _, r := range j.Recipients {
		switch {
		case r.Kind != string(crypto.WrapAge):
		case strings.HasPrefix(r.Recipient, "age1pq1"):
			post++
		default:
			classic++
		}
	}
	switch {
	case classic > 0:
		return plural(classic, "recipient") + ", not post-quantum"
	case post > 0:
		return plural(post, "recipient") + ", post-quantum"
	}
	return "none"
}

// jobFlags are the flags of job create.
type jobFlags struct {
	site, geometry, blockSize, packSize, target, profile, profiles, expires string
	out, codeOut                                                            string
	devices                                                                 []string
	bays, packSeconds                                                       int
	fileDigest, symlinks, directories                                       string
	noParity, fips, noRecovery, classic                                     bool
	custody                                                                 jobCustody
}

func (a *app) jobCreate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create --site DIR --device-key device.pub --target s3://BUCKET/PREFIX/",
		Short: "create a job: its keys, its signed job file, its unlock code",
		Long: `Make a job file for one or more devices, and the keys that belong to it. The
unlock code is shown once and kept nowhere. With --code-out it is written as a
sheet to print instead: job, devices, expiry and code, which the field compares
with what "sledge unlock" shows. The site key that opens the data stays in the
site's folder.`,
		Example: `  sledge job create --site /srv/site --device-key device.pub --geometry 8+3 \
      --target s3://archive/2026/ --expires 90d --out job.dsse
  sledge job create --site /srv/site --device-key a.pub --device-key b.pub --geometry 4+2 --bays 8 \
      --target s3://archive/ --fips --out job.dsse --code-out code.txt`,
	}
	var f jobFlags
	flags := cmd.Flags()
	flags.StringVar(&f.site, "site", os.Getenv("SLEDGE_SITE"), "the site's key folder (env SLEDGE_SITE)")
	flags.StringArrayVar(&f.devices, "device-key", nil, "a device's public key, a `FILE` such as device.pub (required; may be repeated)")
	flags.StringVar(&f.geometry, "geometry", "8+3", "data and parity shards: k+m; any m disks may be lost")
	flags.IntVar(&f.bays, "bays", 0, "`NUMBER` of disks (default k+m)")
	flags.StringVar(&f.blockSize, "block-size", "1MiB", "block of a stripe, a power of two from 4KiB to 16MiB")
	flags.StringVar(&f.target, "target", "", "where the import goes: s3://BUCKET/PREFIX/, or an access point's ARN as BUCKET (required)")
	flags.StringVar(&f.profile, "profile", "generic", "the target's kind: "+profileNames())
	addProfiles(flags, &f.profiles)
	flags.StringVar(&f.expires, "expires", "90d", "end of new loads (never of seal or import): 90d, 12h, or 2026-12-31")
	flags.StringVar(&f.fileDigest, "file-digest", "whole", "whole: a SHA-256 of every whole file; parts: of its parts only, which is faster for large files")
	flags.StringVar(&f.symlinks, "symlinks", "object", "what a symbolic link becomes in the target: object, or skip for nothing")
	flags.StringVar(&f.directories, "directories", "object", "what a folder becomes in the target: object, or skip for nothing")
	flags.StringVar(&f.packSize, "pack-size", "1GiB", "a pack is closed at about this size at the latest")
	flags.IntVar(&f.packSeconds, "pack-seconds", 30, "a pack is closed after this time at the latest")
	flags.BoolVar(&f.noParity, "allow-no-parity", false, "allow m = 0: any lost disk loses data")
	flags.BoolVar(&f.fips, "fips", false, "FIPS profile: PBKDF2 instead of Argon2id, no recovery copy")
	flags.BoolVar(&f.noRecovery, "no-recovery", false, "leave the site's recovery recipients out")
	flags.BoolVar(&f.classic, "classic-recovery", false, "allow recovery recipients that are not post-quantum")
	f.custody.add(flags)
	flags.StringVar(&f.out, "out", "", "write the job file to this `FILE`, too")
	flags.StringVar(&f.codeOut, "code-out", "", "write the code sheet to this `FILE` instead of showing the code; FILE.png is its QR code; both have mode 0600")
	return a.verb(cmd, func(context.Context, []string) (report, error) { return a.createJob(&f) })
}

func profileNames() string {
	var names []string
	for _, p := range target.Profiles() {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}

func (a *app) createJob(f *jobFlags) (report, error) {
	p, err := f.params(a.now())
	if err != nil {
		return nil, err
	}
	for _, name := range []string{f.out, f.codeOut, f.codeQR()} {
		if _, err := os.Lstat(name); name != "" && err == nil {
			return nil, fmt.Errorf("%s: %w", name, files.ErrExists)
		}
	}
	s, err := openSite(f.site)
	if err != nil {
		return nil, err
	}
	made, err := s.CreateJob(p)
	if err != nil {
		return nil, err
	}
	r := describeJob(made.Job, originProven)
	a.warnJob(made.Job)
	// The code goes out before anything else can fail: it exists nowhere else.
	if f.codeOut == "" {
		r.UnlockCode = made.Code.Reveal()
	} else if err := writeCodeSheet(f.codeOut, f.codeQR(), made.Job, made.Code); err != nil {
		return nil, err
	}
	r.CodeFile, r.CodeQR = f.codeOut, f.codeQR()
	r.File = fmt.Sprintf("%s/jobs/%s/job.dsse", strings.TrimRight(f.site, "/"), made.Job.ID)
	if f.out != "" {
		r.File = f.out
		err = files.WriteNew(f.out, made.File, false)
	}
	return r, err
}

func (a *app) warnJob(j *manifest.Job) {
	a.warnNoParity(j)
	switch describeRecovery(j) {
	case "none":
		a.warn("no recovery recipients: if this job's site.key is lost, its data is lost")
	default:
		if j.Policy.ClassicRecovery {
			a.warn("recovery copies are not post-quantum")
		}
	}
}

func (a *app) warnNoParity(j *manifest.Job) {
	if j.Geometry.M == 0 {
		a.warn("THIS JOB HAS NO PARITY: any one lost or damaged disk loses data for good")
	}
}

func (f *jobFlags) params(now time.Time) (site.JobParams, error) {
	p := site.JobParams{
		Protection: firmware.SoftwareKey, Now: now, Rand: rand.Reader, FIPS: f.fips, NoRecovery: f.noRecovery,
		Target: manifest.JobTarget{URL: f.target, Profile: f.profile},
		Policy: manifest.JobPolicy{FileDigest: f.fileDigest, Symlinks: f.symlinks, Directories: f.directories, PackSeconds: f.packSeconds, ClassicRecovery: f.classic},
	}
	if f.target == "" {
		return p, usagef("--target is missing: where shall the data be imported to?")
	}
	if _, _, err := target.ParseTarget(f.target); err != nil {
		return p, &usageError{Err: err}
	}
	table, err := readProfiles(f.profiles)
	if err != nil {
		return p, err
	}
	if _, err := target.ProfileIn(table, f.profile); err != nil {
		return p, &usageError{Err: err}
	}
	if p.Expires, err = parseExpiry(f.expires, now); err != nil {
		return p, err
	}
	if p.Policy.PackSize, err = sizeOf("--pack-size", f.packSize); err != nil {
		return p, err
	}
	block, err := sizeOf("--block-size", f.blockSize)
	if err != nil {
		return p, err
	}
	k, m, err := parseGeometry(f.geometry)
	if err != nil {
		return p, err
	}
	bays := f.bays
	if bays == 0 {
		bays = k + m
	}
	p.Geometry = manifest.JobGeometry{K: k, M: m, BlockSize: int(min(block, 1<<30)), Disks: bays, AllowNoParity: f.noParity}
	if len(f.devices) == 0 {
		return p, usagef("--device-key is missing: which device is this job for?")
	}
	for _, name := range f.devices {
		pub, err := keyfile.ReadPublic(name)
		if err != nil {
			return p, err
		}
		p.Devices = append(p.Devices, pub)
	}
	return p, f.custody.set(&p)
}

func parseGeometry(s string) (k, m int, err error) {
	left, right, ok := strings.Cut(s, "+")
	k, err1 := strconv.Atoi(left)
	m, err2 := strconv.Atoi(right)
	if !ok || err1 != nil || err2 != nil || k < 1 || m < 0 {
		return 0, 0, usagef("--geometry %q is not k+m, such as 8+3", s)
	}
	return k, m, nil
}

// parseSize reads 4096, 4KiB, 1MiB, 2GiB; K, M and G alone mean the same.
func parseSize(s string) (int64, error) {
	number := strings.TrimRight(s, "KMGTiBkmgtb")
	unit := strings.TrimSuffix(strings.TrimSuffix(strings.ToUpper(s[len(number):]), "B"), "I")
	shift := map[string]int{"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
	n, err := strconv.ParseInt(number, 10, 64)
	by, ok := shift[unit]
	if err != nil || !ok || n < 0 || n > 1<<62>>by {
		return 0, usagef("%q is not a size, such as 1MiB", s)
	}
	return n << by, nil
}

// sizeOf reads the size that a flag has.
func sizeOf(flag, text string) (int64, error) {
	n, err := parseSize(text)
	if err != nil {
		return 0, usagef("%s: %w", flag, err)
	}
	return n, nil
}

// parseExpiry reads a number of days (90d), a duration (12h) or a date.
func parseExpiry(s string, now time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 && n <= 36500 {
			return now.AddDate(0, 0, n), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil {
		return now.Add(d), nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usagef("--expires %q is not a time, such as 90d, 12h or 2026-12-31", s)
}

func (a *app) jobShow() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show FILE --trust signer.pub",
		Short: "show what a job file says, and who signed it",
		Example: `  sledge job show job.dsse --trust signer.pub
  sledge job show job.dsse --trust sha256:1f0c…`,
	}
	trust := cmd.Flags().String("trust", "", "the job signer's public key (signer.pub) or fingerprint (sha256:…)")
	return a.verb(cmd, func(_ context.Context, args []string) (report, error) {
		file, err := files.Read(args[0], manifest.MaxStatement)
		if err != nil {
			return nil, err
		}
		if *trust == "" {
			job, err := manifest.PeekJob(file)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", args[0], &jobFileError{err})
			}
			return describeJob(job, originUnproven), fmt.Errorf("%s: %w: its signature was not checked", args[0], errUnproven)
		}
		signer, err := trustedKey(*trust, file)
		if err != nil {
			return nil, err
		}
		job, err := manifest.OpenJob(file, signer)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", args[0], &jobFileError{err})
		}
		return describeJob(job, originProven), nil
	})
}
