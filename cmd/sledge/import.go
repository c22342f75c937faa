package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/internal/bridge"
	"github.com/sledge-io/sledge/internal/site"
	"github.com/sledge-io/sledge/manifest"
)

// targetFlags say how the job's target is reached.
type targetFlags struct {
	target, profile, profiles, endpoint, region string
	awsProfile, caBundle, proxy                 string
	pathStyle, anonymous, requesterPays         bool
}

// add defines the flags; whose says where target and profile come from without.
func (f *targetFlags) add(flags *pflag.FlagSet, whose string) {
	flags.StringVar(&f.target, "target", "", "s3://BUCKET/PREFIX/ (default: "+whose+")")
	f.addReach(flags, whose)
}

// addReach defines those that do not name the target itself.
func (f *targetFlags) addReach(flags *pflag.FlagSet, whose string) {
	flags.StringVar(&f.profile, "profile", "", "the target's kind (default: "+whose+"): "+profileNames())
	addProfiles(flags, &f.profiles)
	flags.StringVar(&f.endpoint, "endpoint", "", "URL of the S3 endpoint (default: AWS)")
	flags.StringVar(&f.region, "region", "", "the bucket's region (default: the AWS configuration's, else us-east-1)")
	flags.BoolVar(&f.pathStyle, "path-style", false, "address the bucket in the path, whatever the profile says")
	flags.StringVar(&f.awsProfile, "aws-profile", "", "profile of the shared AWS files (default: AWS_PROFILE)")
	flags.StringVar(&f.caBundle, "ca-bundle", "", "PEM file of the authorities to trust (default: AWS_CA_BUNDLE, else the system's)")
	flags.StringVar(&f.proxy, "proxy", "", "URL of a proxy for all requests (default: HTTPS_PROXY, HTTP_PROXY, NO_PROXY)")
	flags.BoolVar(&f.anonymous, "anonymous", false, "sign no request")
	flags.BoolVar(&f.requesterPays, "requester-pays", false, "pay for the requests to a bucket where the requester pays")
}

func (f *targetFlags) options(job *manifest.Job) (o importer.Options, err error) {
	o = importer.Options{
		Endpoint: f.endpoint, Region: f.region, PathStyle: f.pathStyle, Profile: job.Target.Profile,
		AWSProfile: f.awsProfile, CABundle: f.caBundle, Proxy: f.proxy, Anonymous: f.anonymous, RequesterPays: f.requesterPays,
	}
	url := job.Target.URL
	if f.target != "" {
		url = f.target
	}
	if f.profile != "" {
		o.Profile = f.profile
	}
	if o.Bucket, o.Prefix, err = importer.ParseTarget(url); err != nil {
		return o, &usageError{err}
	}
	if err := o.CheckConnection(); err != nil {
		return o, &usageError{err}
	}
	if o.Profiles, err = readProfiles(f.profiles); err != nil {
		return o, err
	}
	if _, err := importer.ProfileIn(o.Profiles, o.Profile); err != nil {
		return o, &usageError{err}
	}
	o.Symlinks, o.Directories = importer.Policy(job.Policy.Symlinks), importer.Policy(job.Policy.Directories)
	return o, nil
}

type importFlags struct {
	keyFlags
	targetFlags
	state, runID, importerKey, minProof     string
	readBack, unconditional, exclusive, dry bool
	concurrency, retries                    int
	memory, readBackLimit                   string
	rules                                   ruleFlags
}

type importReport struct {
	Target      string                      `json:"target"`
	State       string                      `json:"state"`
	Run         string                      `json:"run"`
	Start       int                         `json:"start"` // how often this run was started
	End         string                      `json:"end"`
	DryRun      bool                        `json:"dry_run"`
	Complete    bool                        `json:"complete"`
	Origin      string                      `json:"origin"`
	Label       bool                        `json:"label_checked"`
	Entries     uint64                      `json:"entries"`
	Bytes       int64                       `json:"bytes"` // of objects
	Outcomes    map[importer.Outcome]uint64 `json:"outcomes"`
	Proofs      map[importer.Proof]uint64   `json:"proofs"`
	Unfinished  uint64                      `json:"unfinished"`
	Differences []string                    `json:"differences"`
	LeftUploads uint64                      `json:"left_uploads"`
	Retries     int64                       `json:"retries"`
	PartsKept   int64                       `json:"parts_kept"`
	Repaired    uint64                      `json:"repaired_blocks"`
	Probe       importer.ProbeReport        `json:"probe"`
	Receipts    string                      `json:"receipts"` // folder
	Checkpoint  string                      `json:"checkpoint"`
	Started     time.Time                   `json:"started"`
	Finished    time.Time                   `json:"finished"`
	Earlier     bool                        `json:"earlier"` // it had ended before; nothing was asked or sent now
}

func describeImport(r *importer.Result, o *importer.Options, state string, set *reader) *importReport {
	blocks, _ := set.RepairedBlocks()
	rep := &importReport{
		Target: o.TargetURL(), State: state, Run: r.RunID, Start: r.Attempt, End: r.ExitClass().String(), DryRun: r.DryRun, Complete: r.Complete,
		Origin: originOf(set.Set), Label: set.LabelChecked, Entries: r.Tally.Entries(), Bytes: r.Tally.Bytes, Outcomes: r.Tally.Outcomes, Proofs: r.Tally.Proofs,
		Unfinished: r.Unfinished, Differences: append([]string{}, r.Differences...), LeftUploads: r.LeftUploads, Retries: r.Retries, PartsKept: r.PartsKept,
		Repaired: blocks, Probe: r.Probe, Checkpoint: string(r.Checkpoint), Started: r.Started, Finished: r.Finished, Earlier: r.Earlier,
	}
	if r.Receipts != "" {
		rep.Receipts = filepath.Join(state, r.Receipts)
	}
	return rep
}

func (r *importReport) print(w io.Writer) {
	if r.DryRun {
		fmt.Fprintf(w, "target      %s\nplan only   nothing was written; an import would end like this:\n", escape(r.Target))
	} else {
		fmt.Fprintf(w, "target      %s\nrun         %s, start %d: %s\n", escape(r.Target), r.Run, r.Start, r.End)
	}
	if r.Earlier {
		fmt.Fprintf(w, "ended       %s; nothing was looked at or sent now: --run-id NEW looks at every object\n", r.Finished.Format(time.RFC3339))
	}
	fmt.Fprintf(w, "entries     %d, %s of objects\n", r.Entries, size(r.Bytes))
	for _, o := range []importer.Outcome{importer.OutcomeStored, importer.OutcomeAlreadyThere, importer.OutcomeNoObject, importer.OutcomeSkipped, importer.OutcomeFailed, importer.OutcomeConflict} {
		if n := r.Outcomes[o]; n > 0 {
			fmt.Fprintf(w, "  %-13s %d\n", o, n)
		}
	}
	for _, p := range []importer.Proof{importer.ProofReadBack, importer.ProofSHA256, importer.ProofCRC} {
		if n := r.Proofs[p]; n > 0 {
			fmt.Fprintf(w, "proof       %s: %d\n", p, n)
		}
	}
	if r.Repaired > 0 {
		fmt.Fprintf(w, "repaired    %s decoded around damage\n", plural(r.Repaired, "block"))
	}
	for _, d := range r.Differences {
		fmt.Fprintf(w, "difference  %s\n", escape(d))
	}
	if r.LeftUploads > 0 {
		fmt.Fprintf(w, "left over   %s may be left in the target\n", plural(r.LeftUploads, "multipart upload"))
	}
	if r.Receipts != "" {
		fmt.Fprintf(w, "receipts    %s\n", escape(r.Receipts))
	}
}

func (a *app) importCommand() *cobra.Command {
	return group("import", "import a sealed device into S3: plan, run, report", a.importPlanCommand(), a.importRunCommand(),
		a.importReportCommand())
}

const importCredentials = `Credentials come from the environment (AWS_ACCESS_KEY_ID, …), the shared files or
the instance's role.`

func (a *app) importPlanCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "plan an import and ask the target for one key; writes nothing",
		Long: `Verify the whole chain and plan every entry: what would be stored, what could not be
and why. The target is asked for one key, so that a wrong endpoint, bucket or
credential shows now. Nothing is written, here or there.

` + importCredentials,
		Example: `  sledge import plan --site /srv/site --label device.label --disk '/mnt/bay*'`,
		Args:    cobra.NoArgs,
	}
	f := importFlags{dry: true}
	f.add(cmd.Flags())
	return a.verb(cmd, func(ctx context.Context, _ []string) (report, error) { return a.importSet(ctx, &f) })
}

func (a *app) importRunCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run",
		Short: "import a sealed device into S3, with every object proven",
		Long: `Verify the whole chain, then upload every entry with the manifest's own checksums
and prove it from the store's answer. Nothing is ever overwritten. Any k of the
k+m disks are enough, in any order. After an interruption or an error that was
mended, the same command goes on, part by part; its journal and receipts are in
--state. A run that has ended is not looked at again; a new --run-id looks at every
object and stores what is missing.

` + importCredentials,
		Example: `  sledge import run --site /srv/site --label device.label --disk '/mnt/bay*' --state /srv/import/job1
  sledge import run --site-key site.key --importer-key importer.key --trust signer.pub --label device.label \
      --disk '/mnt/bay*' --endpoint https://s3.example.org --path-style --profile minio --read-back`,
		Args: cobra.NoArgs,
	}
	var f importFlags
	f.add(cmd.Flags())
	return a.verb(cmd, func(ctx context.Context, _ []string) (report, error) { return a.importSet(ctx, &f) })
}

// add defines the flags of plan and run: a plan is of the run that would follow.
func (f *importFlags) add(flags *pflag.FlagSet) {
	f.keyFlags.add(flags)
	f.targetFlags.add(flags, "the job's")
	flags.StringVar(&f.state, "state", "", "folder of journal and receipts (default ./sledge-import-JOB-DEVICE)")
	flags.StringVar(&f.runID, "run-id", "run-1", "name of this import; a new one in the same state folder looks at every object anew")
	flags.StringVar(&f.importerKey, "importer-key", "", "the key that signs receipts (default: the site's)")
	flags.StringVar(&f.minProof, "min-proof", string(importer.ProofSHA256), "weakest proof that counts: store crc64nvme, store sha256, read-back sha256")
	flags.BoolVar(&f.readBack, "read-back", false, "read every object back and hash it")
	flags.StringVar(&f.readBackLimit, "read-back-limit", "1GiB", "largest object that is read back to compare it with one that is there already")
	flags.BoolVar(&f.unconditional, "allow-unconditional", false, "allow a store without conditional writes; the receipt will say so")
	flags.BoolVar(&f.exclusive, "exclusive-prefix", false, "nothing else writes below the prefix: abort left-over uploads of this run")
	flags.IntVar(&f.concurrency, "concurrency", 0, "objects at once (default 16)")
	flags.IntVar(&f.retries, "retries", 8, "attempts of one request beyond the first")
	flags.StringVar(&f.memory, "memory", "256MiB", "bound of the upload buffers")
	f.rules.add(flags)
}

func (a *app) importSet(ctx context.Context, f *importFlags) (report, error) {
	r, err := a.openReader(&f.keyFlags)
	if err != nil {
		return nil, err
	}
	defer r.close()
	o, err := a.importOptions(f, r.Set)
	if err != nil {
		return nil, err
	}
	state := f.state
	if state == "" {
		state = fmt.Sprintf("sledge-import-%s-%s", r.Scope.Job.String()[:8], r.Scope.Device.String()[:8])
	}
	if !o.DryRun {
		folder, err := importer.OpenState(state)
		if err != nil {
			return nil, asTargetError(err)
		}
		defer folder.Close()
		o.StateDir = folder
	}
	m := a.meter("import")
	defer m.end()
	o.Progress = func(p importer.Progress) { m.tell(importSample(p)) }
	target, err := importer.NewS3(ctx, o)
	if err != nil {
		return nil, asTargetError(err)
	}
	result, err := importer.Run(ctx, bridge.New(r.Reader), target, o)
	m.end()
	if result == nil {
		return nil, asTargetError(err)
	}
	rep := describeImport(result, &o, state, r)
	return rep, chainEnd(r.Set, importEnd(result, err))
}

func originOf(s *appliance.Set) string {
	if s.Proven {
		return originProven
	}
	return originUnproven
}

func importSample(p importer.Progress) sample {
	s := sample{phase: "import", bytes: p.Bytes, totalBytes: p.TotalBytes, files: int64(p.Entries), totalFiles: int64(p.TotalEntries)}
	if p.Failed > 0 {
		s.more = fmt.Sprintf("%d failed", p.Failed)
	}
	return s
}

func (a *app) importOptions(f *importFlags, set *appliance.Set) (importer.Options, error) {
	o, err := f.targetFlags.options(set.Job)
	if err != nil {
		return o, err
	}
	if o.Memory, err = parseSize(f.memory); err != nil {
		return o, err
	}
	if o.ReadBackLimit, err = parseSize(f.readBackLimit); err != nil {
		return o, err
	}
	if !slices.Contains([]importer.Proof{importer.ProofCRC, importer.ProofSHA256, importer.ProofReadBack}, importer.Proof(f.minProof)) {
		return o, usagef("--min-proof %q: must be %q, %q or %q", f.minProof, importer.ProofCRC, importer.ProofSHA256, importer.ProofReadBack)
	}
	o.MinProof, o.ReadBack, o.DryRun, o.Concurrency = importer.Proof(f.minProof), f.readBack, f.dry, f.concurrency
	o.Retries = f.retries
	if o.Rules, err = f.rules.read(); err != nil {
		return o, err
	}
	o.AllowUnconditional, o.ExclusivePrefix = f.unconditional, f.exclusive
	o.RunID, o.Software, o.Now, o.Rand, o.Log = f.runID, software(), a.now, rand.Reader, a.logger()
	if !f.dry {
		o.ImporterKey, err = f.readImporterKey(set.Job)
	}
	return o, err
}

// readImporterKey reads the key that signs receipts.
func (f *importFlags) readImporterKey(job *manifest.Job) (ed25519.PrivateKey, error) {
	return roleKey{site.Importer, f.importerKey, f.site, "receipts"}.read(job.Roles.Importer)
}

// importEnd is the run's end as an error.
func importEnd(r *importer.Result, err error) error {
	var why *importer.Error
	if errors.As(err, &why) {
		return targetError(why)
	}
	bad := func(kind error, n uint64) error { return fmt.Errorf("%w: %d of %d", kind, n, r.Tally.Entries()) }
	switch class := r.ExitClass(); {
	case err != nil:
		return err
	case class == importer.ExitComplete:
		return nil
	case class == importer.ExitInterrupted:
		return context.Canceled
	case class == importer.ExitFixable:
		return fmt.Errorf("%w: %s", errTarget, plural(r.Unfinished, "entry")+" without an outcome")
	case class == importer.ExitSkipped:
		return hint(bad(errSkipped, r.Tally.Outcomes[importer.OutcomeSkipped]), "everything that the device holds is proven; what the loader had to skip is named in the receipts")
	case r.Tally.Outcomes[importer.OutcomeFailed] > 0:
		return bad(errObjects, r.Tally.Outcomes[importer.OutcomeFailed])
	case r.Tally.Outcomes[importer.OutcomeConflict] > 0:
		return bad(errConflict, r.Tally.Outcomes[importer.OutcomeConflict])
	}
	return fmt.Errorf("%w: %s", errObjects, strings.Join(r.Differences, "; "))
}

// targetError gives an importer's error its class and its own remedy.
func targetError(e *importer.Error) error {
	kind := errObjects
	switch {
	case e.Code == importer.CodeStateLocked:
		kind = errBusy
	case e.Code == importer.CodeConflict || e.Code == importer.CodeCannotCompare:
		kind = errConflict
	case e.Code == importer.CodeSourceLost:
		kind = errLost
	case e.Class == importer.Fixable || e.Class == importer.Retryable:
		kind = errTarget
	}
	return hint(fmt.Errorf("%w: %w", kind, e), "%s", e.Remedy)
}
