package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/firmware"
	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/bridge"
	"github.com/sledge-io/sledge/internal/progress"
	"github.com/sledge-io/sledge/internal/site"
	"github.com/sledge-io/sledge/internal/statefolder"
	"github.com/sledge-io/sledge/manifest"
)

type importFlags struct {
	keyFlags
	targetFlags
	allFlags
	labels                                           []string
	state, runID, minProof                           string
	importerKey                                      *keyFile
	readBack, unconditional, exclusive, dry, measure bool
	concurrency, retries, defer_                     int
	memory, readBackLimit, bandwidth, hours          string
	marker, metrics, log                             string
	haltWait, takeover                               time.Duration
	journal                                          string
	retry                                            func(target.Code) bool
	rules                                            ruleFlags
}

type importReport struct {
	Target      string                   `json:"target"`
	State       string                   `json:"state"`
	Run         string                   `json:"run"`
	Start       int                      `json:"start"` // how often this run was started
	End         string                   `json:"end"`
	Ended       request.State            `json:"state_at_end"` // in the words of import status
	DryRun      bool                     `json:"dry_run"`
	Complete    bool                     `json:"complete"`
	Origin      string                   `json:"origin"`
	Label       bool                     `json:"label_checked"`
	Entries     uint64                   `json:"entries"`
	Bytes       int64                    `json:"bytes"` // of objects
	Outcomes    map[entry.Outcome]uint64 `json:"outcomes"`
	Proofs      map[entry.Proof]uint64   `json:"proofs"`
	Unfinished  uint64                   `json:"unfinished"`
	Problems    map[target.Code]uint64   `json:"problems"` // how often this start met each code
	Differences []string                 `json:"differences"`
	LeftUploads uint64                   `json:"left_uploads"`
	Retries     int64                    `json:"retries"`
	PartsKept   int64                    `json:"parts_kept"`
	Repaired    uint64                   `json:"repaired_blocks"`
	RepairedAt  map[string]uint64        `json:"repaired_at,omitempty"` // of these, by the bay whose disk did not give them
	Probe       probe.Report             `json:"probe"`
	Receipts    string                   `json:"receipts"` // folder
	Checkpoint  string                   `json:"checkpoint"`
	Started     time.Time                `json:"started"`
	Finished    time.Time                `json:"finished"`
	Earlier     bool                     `json:"earlier"` // it had ended before; this start only looked at its objects
	Recheck     *receipt.Recheck         `json:"recheck,omitempty"`
	LeftOut     map[string]uint64        `json:"left_out"` // entries without an object, by kind
	Remarks     uint64                   `json:"remarks"`  // entries that are the last good version: a later look failed
	Plan        *importer.Planned        `json:"plan,omitempty"`
	Estimate    *estimate                `json:"estimate,omitempty"`
	Marker      string                   `json:"commit_marker,omitempty"` // its key
	CustomerKey string                   `json:"customer_key_md5,omitempty"`
}

func describeImport(r *importer.Result, o *importer.Options, state string, set *reader) *importReport {
	blocks, places := set.RepairedBlocks()
	rep := &importReport{
		Target: o.TargetURL(), State: state, Run: r.RunID, Start: r.Start, End: r.ExitClass().String(), DryRun: r.DryRun, Complete: r.Complete,
		CustomerKey: o.CustomerKey.MD5(),
		Problems:    r.Problems(),
		Origin:      originOf(set.Set), Label: set.LabelChecked, Entries: r.Tally.Entries(), Bytes: r.Tally.Bytes, Outcomes: r.Tally.Outcomes, Proofs: r.Tally.Proofs,
		Unfinished: r.Unfinished, Differences: append([]string{}, r.Differences...), LeftUploads: r.LeftUploads, Retries: r.Retries, PartsKept: r.PartsKept,
		LeftOut: r.Tally.LeftOut, Remarks: r.Tally.Remarks, Plan: r.Planned, Repaired: blocks, RepairedAt: places, Probe: r.Probe, Checkpoint: string(r.Checkpoint), Started: r.Started, Finished: r.Finished, Earlier: r.Earlier, Recheck: r.Recheck,
	}
	if r.Receipts != "" {
		rep.Receipts = filepath.Join(state, r.Receipts)
	}
	return rep
}

// outcomeOrder is that of every report.
var outcomeOrder = []entry.Outcome{entry.OutcomeStored, entry.OutcomeAlreadyThere, entry.OutcomeNoObject, entry.OutcomeSkipped, entry.OutcomeFailed, entry.OutcomeConflict}

func printOutcomes(w io.Writer, counts map[entry.Outcome]uint64) {
	for _, o := range outcomeOrder {
		printIf(w, counts[o] > 0, "  %-13s %d\n", o, counts[o])
	}
}

func (r *importReport) Print(w io.Writer) {
	if r.DryRun {
		fmt.Fprintf(w, "target      %s\nplan only   nothing was written; an import would end like this:\n", escape(r.Target))
	} else {
		fmt.Fprintf(w, "target      %s\nrun         %s, start %d: %s\n", escape(r.Target), r.Run, r.Start, r.Ended)
	}
	printIf(w, r.Earlier, "ended       %s; there is nothing to do; a new --run-id looks at every object again\n", r.Finished.Format(time.RFC3339))
	fmt.Fprintf(w, "entries     %d, %s of objects\n", r.Entries, size(r.Bytes))
	printOutcomes(w, r.Outcomes)
	for _, kind := range slices.Sorted(maps.Keys(r.LeftOut)) {
		fmt.Fprintf(w, "left out    %s: %d\n", kind, r.LeftOut[kind])
	}
	printIf(w, r.Remarks > 0, "older       %s: a later look at the source failed, the last good version is kept\n", plural(r.Remarks, "entry"))
	if p := r.Plan; p != nil {
		fmt.Fprintf(w, "objects     %d, %s, in %s and about %s\n", p.Objects, size(p.Bytes), plural(p.Parts, "part"), plural(p.Requests, "request"))
		for _, name := range slices.Sorted(maps.Keys(p.Given)) {
			fmt.Fprintf(w, "given       %s: %d\n", name, p.Given[name])
		}
	}
	if r.Estimate != nil {
		r.Estimate.Print(w)
	}
	for _, p := range []entry.Proof{entry.ProofReadBack, entry.ProofSHA256, entry.ProofCRC} {
		printIf(w, r.Proofs[p] > 0 && !r.DryRun, "proof       %s: %d\n", p, r.Proofs[p])
	}
	printIf(w, r.Repaired > 0, "repaired    %s decoded around damage\n", plural(r.Repaired, "block"))
	for _, place := range slices.Sorted(maps.Keys(r.RepairedAt)) {
		fmt.Fprintf(w, "  %-13s %d\n", place, r.RepairedAt[place])
	}
	for _, d := range r.Differences {
		fmt.Fprintf(w, "difference  %s\n", escape(d))
	}
	printIf(w, r.Recheck != nil, "looked at   %s\n", r.Recheck)
	printIf(w, r.LeftUploads > 0, "left over   %s may be left in the target\n", plural(r.LeftUploads, "multipart upload"))
	printIf(w, r.Receipts != "", "receipts    %s\n", escape(r.Receipts))
	printIf(w, r.Marker != "", "committed   %s\n", escape(r.Marker))
	printIf(w, r.CustomerKey != "", "key         of SSE-C, MD5 %s: without it nobody can read the objects\n", r.CustomerKey)
}

func (a *app) importCommand() *cobra.Command {
	return group("import", "import a sealed device into S3: plan, run, status, pause, retry, report",
		a.importPlanCommand(), a.importRunCommand(), a.importStatusCommand(), a.importPauseCommand(), a.importResumeCommand(),
		a.importRetryCommand(), a.importCancelCommand(), a.importReportCommand())
}

const importCredentials = `Credentials come from the environment (AWS_ACCESS_KEY_ID, …), the shared files or
the instance's role.`

func (a *app) importPlanCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "show what an import would store, and what it could not; writes nothing",
		Long: `Verify the whole chain and plan every entry: what would be stored, and what could not be
and why. The plan counts objects, parts and requests. The target is asked for one key, so
that a wrong endpoint, bucket or credential shows now.

Nothing is written. With --measure a few temporary objects measure the way to the target,
for an estimate of how long the import will take.

` + importCredentials,
		Example: `  sledge import plan --site /srv/import-keys --label device.label --disk '/mnt/bay*'
  sledge import plan --measure --site /srv/import-keys --label device.label --disk '/mnt/bay*'
  sledge import plan --acl bucket-owner-full-control --metadata team=maps --site /srv/import-keys --label device.label --disk '/mnt/bay*'`,
	}
	f := importFlags{dry: true}
	f.add(cmd.Flags())
	cmd.Flags().BoolVar(&f.measure, "measure", false, "measure latency and throughput by temporary objects, and estimate the duration")
	return a.verb(cmd, func(ctx context.Context, _ []string) (report, error) { return a.importSet(ctx, &f) })
}

func (a *app) importRunCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run",
		Short: "import a sealed device into S3, every object proven; run again to resume",
		Long: `Upload every entry of a sealed device with the manifest's own checksums, and prove it
from the store's answer. Nothing is ever overwritten. Any k of the k+m disks are enough.

Where you have to act the run halts, and goes on by itself when it is mended. Ctrl-C
finishes what is under way; a second one stops at once. The same command goes on, part by
part. Journal and receipts are in --state.

A run that has ended does no more. A new --run-id looks at every object and stores what
is missing. With --all several devices of a job are imported.

` + importCredentials,
		Example: `  sledge import run --site /srv/import-keys --label device.label --disk '/mnt/bay*' --state /srv/import/job1
  sledge import run --all --site /srv/import-keys --label labels/ --disk '/mnt/*' --state /srv/import/job1      # several devices
  sledge import run … --journal target --takeover             # go on with the run of a host that is gone
  sledge import run … --acl bucket-owner-full-control         # into the bucket of another account
  sledge import run … --metadata project=maps --content-language de --cache-control max-age=3600
  sledge import run … --sse-c-key /srv/keys/sse-c.key         # encrypted with a key that the store does not keep
  sledge import run … --bwlimit "07:00,20M 19:00,off"         # 20 MiB/s by day
  sledge import run --site-key site.key --importer-key importer.key --trust signer.pub --label device.label \
      --disk '/mnt/bay*' --endpoint https://s3.example.org --path-style --profile minio --read-back`,
	}
	var f importFlags
	f.add(cmd.Flags())
	f.addRun(cmd.Flags())
	return a.verb(cmd, func(ctx context.Context, _ []string) (report, error) { return a.importSet(ctx, &f) })
}

// add defines the flags of plan and run: a plan is of the run that would follow.
func (f *importFlags) add(flags *pflag.FlagSet) {
	f.addSite(flags)
	f.addSigner(flags)
	f.addKeys(flags)
	flags.StringArrayVar(&f.labels, "label", nil, "the label file that came by another way than the disks; with --all one for each device, or a folder of them")
	f.targetFlags.add(flags, "the job's")
	flags.StringVar(&f.state, "state", "", "folder of journal and receipts (default ./sledge-import-JOB-DEVICE); with --all it has a folder for each device")
	flags.StringVar(&f.runID, "run-id", "run-1", "name of this import; a new one in the same state folder looks at every object anew")
	f.importerKey = newKeyFile(flags, "importer-key", "the key that signs receipts (default: the site's); - for standard input")
	flags.StringVar(&f.minProof, "min-proof", string(entry.ProofSHA256), "weakest proof that counts: store crc64nvme, store sha256, read-back sha256")
	flags.BoolVar(&f.readBack, "read-back", false, "read every object back and hash it")
	flags.StringVar(&f.readBackLimit, "read-back-limit", "1GiB", "largest object that is read back to compare it with one that is there already")
	flags.BoolVar(&f.unconditional, "allow-unconditional", false, "allow a store without conditional writes; the receipt will say so")
	flags.BoolVar(&f.exclusive, "exclusive-prefix", false, "nothing else writes below the prefix: abort left-over uploads of this run")
	flags.IntVar(&f.defer_, "defer-complete", 0, "publish all or nothing: hold up to this many uploads and complete them at the end")
	flags.IntVar(&f.concurrency, "concurrency", importer.DefaultConcurrency, "objects at once, at most: so many only where the store is far")
	flags.IntVar(&f.retries, "retries", 8, "attempts of one request beyond the first")
	flags.StringVar(&f.memory, "memory", "256MiB", "bound of the upload buffers")
	f.rules.add(flags)
	flags.DurationVar(&f.takeover, "takeover", 0, "take the run over from a process that has it, waiting so long for its end (default 30s), for example --takeover=5m")
	flags.StringVar(&f.journal, "journal", journalInFolder, "where the journal is: folder, or target: also below PREFIX/.sledge-journal/, so that another host can take over with an empty --state")
	flags.Lookup("takeover").NoOptDefVal = importer.DefaultTakeOverWait.String()
	f.allFlags.add(flags)
}

// addRun defines those that only a run has.
func (f *importFlags) addRun(flags *pflag.FlagSet) {
	flags.DurationVar(&f.haltWait, "halt-wait", 24*time.Hour, "how long a halted run waits for you, checking again by itself; 0 ends it at once")
	flags.StringVar(&f.bandwidth, "bwlimit", "", `bytes a second, also by time of day: 20M, or "07:00,20M 19:00,off", or "Mon-07:00,20M Sat-00:00,off"`)
	flags.StringVar(&f.hours, "hours", "", "begin requests only in these hours: 19:00-07:00, several with commas")
	flags.StringVar(&f.marker, "commit-marker", "", "write a signed commit marker under this key below the prefix when everything is proven, as the last object: _SLEDGE_COMMIT")
	flags.StringVar(&f.metrics, "metrics", "", "serve Prometheus metrics on this address: 127.0.0.1:9464")
	flags.StringVar(&f.log, "log", "", "append structured log lines (JSON) to this file")
}

func (a *app) importSet(ctx context.Context, f *importFlags) (report, error) {
	if err := f.checkAll(); err != nil {
		return nil, err
	}
	if f.all {
		return a.importAll(ctx, f)
	}
	r, err := a.openReader(&f.keyFlags)
	if err != nil {
		return nil, err
	}
	defer r.close()
	if err := f.needFiles(r.Job.Geometry.Disks); err != nil {
		return nil, err
	}
	d, err := a.importReader(ctx, f, r, f.stateOf(r.Scope))
	if err != nil {
		return nil, err
	}
	defer d.close()
	if d.whole() {
		d.rep.Marker, err = d.commit(ctx)
		if d.rep.Problems = d.result.Problems(); err != nil {
			return d.rep, err
		}
	}
	if f.measure {
		d.rep.Estimate, err = a.estimate(ctx, d.target, d.o, d.rep.Plan)
	}
	return d.rep, worst([]error{chainEnd(r.Set, d.end), err})
}

// endedImport is an import that has ended, somehow. Its state folder is still held.
type endedImport struct {
	o       importer.Options
	target  *s3.Bucket
	jobFile []byte
	result  *importer.Result
	rep     *importReport
	end     error
	scope   manifest.Scope
	close   func()
}

// whole tells whether all that the device holds is proven, and the receipts say so.
func (d *endedImport) whole() bool {
	return (d.end == nil || errors.Is(d.end, errSkipped) || errors.Is(d.end, errRemarks)) && d.result.Receipts != ""
}

// importReader imports an open device. An error means that nothing was begun.
func (a *app) importReader(ctx context.Context, f *importFlags, r *reader, state string) (_ *endedImport, err error) {
	d := &endedImport{jobFile: r.JobFile, scope: r.Scope, close: func() {}}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	if d.o, err = a.importOptions(f, r.Set); err != nil {
		return nil, err
	}
	if err := d.o.Rules.CheckUntil(a.now()); err != nil {
		return nil, &usageError{Err: err}
	}
	if f.crowd == nil { // of several devices importAll has told it
		a.warnSurplus(f.site)
	}
	if f.crowd != nil && f.crowd.planned != nil {
		f.crowd.planned.watch(&d.o, r.Scope.Device)
	}
	if !d.o.DryRun {
		folder, err := f.openState(ctx, state)
		if err != nil {
			return nil, asTargetError(err)
		}
		d.close = sync.OnceFunc(func() { folder.Close() })
		d.o.StateDir, state = folder, folder.Path()
	}
	watched, err := a.watch(ctx, f, d)
	if err != nil {
		return nil, err
	}
	defer watched.end()
	if d.target, err = importer.NewS3(ctx, d.o); err != nil {
		return nil, asTargetError(err)
	}
	if d.o.Marker != "" {
		d.o.Committed = d.unmarked
	}
	if d.result, err = importer.Run(ctx, bridge.New(r.Reader), d.target, d.o); errors.Is(err, importer.ErrCommitted) {
		return nil, d.committed()
	} else if d.result == nil {
		return nil, asTargetError(err)
	}
	d.rep, d.end = describeImport(d.result, &d.o, state, r), importEnd(d.result, err)
	d.rep.Ended = d.result.State(err)
	return d, nil
}

// stateOf is the state folder of a device's import.
func (f *importFlags) stateOf(scope manifest.Scope) string {
	if f.state != "" {
		return f.state
	}
	return fmt.Sprintf("sledge-import-%s-%s", scope.Job.String()[:8], scope.Device.String()[:8])
}

// The places of the journal.
const (
	journalInFolder = "folder"
	journalInTarget = "target" // too
)

func (f *importFlags) openState(ctx context.Context, folder string) (*importer.Folder, error) {
	if f.takeover > 0 && f.journal == journalInTarget {
		if err := os.MkdirAll(folder, 0o700); err != nil { // the run may be another host's
			return nil, statefolder.Unusable(folder, err)
		}
	}
	if f.takeover > 0 {
		s, err := importer.TakeOver(ctx, folder, f.takeover)
		return s, statefolder.Unusable(folder, err)
	}
	s, err := importer.OpenState(folder)
	return s, statefolder.Unusable(folder, err)
}

func originOf(s *appliance.Set) string {
	if s.Proven {
		return originProven
	}
	return originUnproven
}

func importSample(p status.Progress) progress.Sample {
	s := progress.Sample{Phase: "import", Bytes: p.Bytes, TotalBytes: p.TotalBytes, Files: int64(p.Entries), TotalFiles: int64(p.TotalEntries), Pace: &p.Pace}
	if p.Failed > 0 {
		s.More = fmt.Sprintf("%d failed", p.Failed)
	}
	if p.State != "" && p.State != request.StateRunning {
		s.More = strings.TrimPrefix(s.More+", "+string(p.State), ", ")
	}
	if p.Halt != nil {
		s.More += " (" + string(p.Halt.Code) + ")"
	}
	if !p.Opens.IsZero() {
		s.More += ", until " + p.Opens.Local().Format("15:04")
	}
	return s
}

func (a *app) importOptions(f *importFlags, set *appliance.Set) (importer.Options, error) {
	o, err := f.targetFlags.options(set.Job)
	if err != nil {
		return o, err
	}
	if o.Memory, err = sizeOf("--memory", f.memory); err != nil {
		return o, err
	}
	if o.ReadBackLimit, err = sizeOf("--read-back-limit", f.readBackLimit); err != nil {
		return o, err
	}
	if err := checkMinProof(f.minProof); err != nil {
		return o, err
	}
	o.MinProof, o.ReadBack, o.DryRun, o.Concurrency = entry.Proof(f.minProof), f.readBack, f.dry, f.concurrency
	o.Retries, o.DeferComplete, o.HaltWait, o.Retry = f.retries, f.defer_, f.haltWait, f.retry
	if o.Retries == 0 {
		o.Retries = importer.None
	}
	if o.ReadBackLimit == 0 {
		o.ReadBackLimit = importer.None
	}
	if o.Bandwidth, err = request.ParseTimetable(f.bandwidth); err != nil {
		return o, usagef("--bwlimit: %w", err)
	}
	if o.Hours, err = request.ParseHours(f.hours); err != nil {
		return o, usagef("--hours: %w", err)
	}
	if err := f.checkMarker(); err != nil {
		return o, err
	}
	if f.defer_ < 0 || f.haltWait < 0 || f.retries < 0 {
		return o, usagef("--defer-complete, --halt-wait and --retries are not negative")
	}
	if f.concurrency == 0 || o.Memory == 0 {
		return o, usagef("--concurrency and --memory are not 0")
	}
	if o.Rules, err = f.rules.read(); err != nil {
		return o, err
	}
	o.Marker = f.markerName(set.Scope)
	if f.journal != journalInFolder && f.journal != journalInTarget {
		return o, usagef("--journal %q: must be %s or %s", f.journal, journalInFolder, journalInTarget)
	}
	o.JournalInTarget, o.TakeOver = f.journal == journalInTarget, f.takeover
	o.AllowUnconditional, o.ExclusivePrefix = f.unconditional, f.exclusive
	o.RunID, o.Software, o.Now, o.Rand, o.Log = f.runID, software(), a.now, rand.Reader, a.logger()
	a.watchSilence(&o)
	if err := o.Validate(); err != nil {
		return o, &usageError{Err: err}
	}
	limitMemory(o.Memory) // of all devices at once
	if err := f.share(&o, set.Scope); err != nil {
		return o, err
	}
	if !f.dry {
		o.StatusEvery = time.Second
		o.ImporterKey, err = f.readImporterKey(a, set.Job)
	}
	return o, err
}

// readImporterKey reads the key that signs receipts.
func (f *importFlags) readImporterKey(a *app, job *manifest.Job) (ed25519.PrivateKey, error) {
	return roleKey{site.Importer, f.importerKey, f.site, "receipts"}.read(a, job.Roles.Importer)
}

// importEnd is the run's end as an error.
func importEnd(r *importer.Result, err error) error {
	var why *target.Error
	if errors.As(err, &why) {
		return targetError(why)
	}
	bad := func(kind error, n uint64) error {
		return fmt.Errorf("%w: %d of %s", kind, n, plural(r.Tally.Entries(), "entry"))
	}
	switch class := r.ExitClass(); {
	case err != nil:
		return err
	case class == importer.ExitComplete:
		return nil
	case class == importer.ExitInterrupted:
		return context.Canceled
	case class == importer.ExitRefused:
		return hint(fmt.Errorf("%w: %s", errRefused, strings.Join(r.Differences, "; ")), "the device contradicts itself: rely on nothing of it, whatever is in the target; ask whoever sent it")
	case class == importer.ExitFixable:
		return fmt.Errorf("%w: %s", errTarget, plural(r.Unfinished, "entry")+" without an outcome")
	case class == importer.ExitSkipped:
		return loaderEnd(r, bad)
	case r.Tally.Outcomes[entry.OutcomeFailed] > 0:
		return bad(errObjects, r.Tally.Outcomes[entry.OutcomeFailed])
	case r.Tally.Outcomes[entry.OutcomeConflict] > 0:
		return conflictHints(r, bad(errConflict, r.Tally.Outcomes[entry.OutcomeConflict]))
	}
	err = fmt.Errorf("%w: %s", errObjects, strings.Join(r.Differences, "; "))
	if r.Named[target.CodePageLost] > 0 {
		return err
	}
	return hint(err, "no repeat brings what the device does not hold: ask its sender for the rest")
}

// loaderEnd is the end of an import that has proven all that the device holds, where
// the loader could not take all of the source.
func loaderEnd(r *importer.Result, bad func(kind error, n uint64) error) error {
	skipped := r.Tally.Outcomes[entry.OutcomeSkipped]
	err := bad(errSkipped, skipped)
	switch {
	case skipped == 0:
		err = bad(errRemarks, r.Tally.Remarks)
	case r.Tally.Remarks > 0:
		err = fmt.Errorf("%w; %w", err, bad(errRemarks, r.Tally.Remarks))
	}
	return hint(err, "everything that the device holds is proven; \"sledge import report\" names what the loader had to skip, or could not look at again")
}

// knownError is an error by what it is, in the words of whoever had it: they may say more.
type knownError struct {
	words string
	error
}

func (e *knownError) Error() string { return e.words }

func (e *knownError) Unwrap() error { return e.error }

// targetError gives an importer's error its class and its own remedy.
func targetError(e *target.Error) error {
	kind := errObjects
	switch {
	case e.Code == target.CodeInternal:
		if code, _ := diagnose(e.Err); code != exitUnexpected && code != exitDone {
			return &knownError{e.Cause, e.Err} // the importer does not know it, and this program does: it is of the device
		}
		kind = errInternal
	case e.Code == target.CodeStateLocked:
		kind = firmware.ErrBusy
	case slices.Contains(conflictCodes, e.Code):
		kind = errConflict
	case e.Code == target.CodeSourceLost:
		kind = errLost
	case e.Class == target.Fixable || e.Class == target.Retryable:
		kind = errTarget
	}
	return hint(fmt.Errorf("%w: %w", kind, e), "%s", e.Remedy)
}

func asTargetError(err error) error {
	var e *target.Error
	if errors.As(err, &e) {
		return targetError(e)
	}
	return err
}
