package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/audit"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/keyless"
	"github.com/sledge-io/sledge/internal/progress"
	"github.com/sledge-io/sledge/internal/sample"
	"github.com/sledge-io/sledge/internal/statefolder"
)

// auditFlags say what verify import compares, and how.
type auditFlags struct {
	targetFlags
	trust       string
	labels      []string
	noLabel     bool
	offline     bool
	by          string
	inventory   string
	columns     string
	sample      string
	seed        string
	extras      bool
	markers     []string
	differences string

	size *sample.Size // of sample; nil: every object
}

var auditMethods = []string{string(audit.ByHead), string(audit.ByAttributes), string(audit.ByReadBack), audit.ByInventory}

func (f *auditFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.trust, "trust", "", "the job signer's public key (signer.pub) or fingerprint (sha256:…), known by another way")
	flags.StringArrayVar(&f.labels, "label", nil, "a device's label file that came by another way than the disks; repeat it for each device")
	flags.BoolVar(&f.noLabel, "no-label", false, "continue without a label: an older state of the device would not be noticed")
	f.targetFlags.add(flags, "the receipts'")
	flags.BoolVar(&f.offline, "offline", false, "check the receipts only; do not ask the store: exit code 0 is of the receipts alone")
	flags.StringVar(&f.by, "by", "", "how objects are compared: "+strings.Join(auditMethods, ", ")+" (default head)")
	flags.StringVar(&f.inventory, "inventory", "", "an S3 Inventory: its manifest.json or that one's folder, or a CSV, CSV.gz or Parquet file")
	flags.StringVar(&f.columns, "columns", "", "names of the columns of a CSV file without a manifest: Bucket,Key,Size,…")
	flags.StringVar(&f.sample, "sample", "", "look at so many objects (1000) or at such a share (0.5%), picked at random")
	flags.StringVar(&f.seed, "seed", "", "pick the same sample as a report that names this seed")
	flags.BoolVar(&f.extras, "extras", false, "list the whole prefix and name what no receipt knows")
	flags.StringSliceVar(&f.markers, "commit-marker", nil, "with --extras: the commit marker's name below the prefix, which no receipt names")
	flags.StringVar(&f.differences, "differences", "", "write every difference to a new file: CSV if its name ends in .csv, else JSON lines")
}

// check refuses what makes no sense together, before anything is read.
func (f *auditFlags) check() error {
	if f.inventory != "" && f.by == "" {
		f.by = audit.ByInventory
	}
	asked := f.by != "" || f.sample != "" || f.extras
	if f.by == "" {
		f.by = string(audit.ByHead)
	}
	switch {
	case !slices.Contains(auditMethods, f.by):
		return usagef("--by %q is none of %s", f.by, strings.Join(auditMethods, ", "))
	case f.offline && asked:
		return usagef("--offline compares no objects: leave out --by, --inventory, --sample and --extras")
	case (f.by == audit.ByInventory) != (f.inventory != ""):
		return hint(usagef("--by inventory and --inventory FILE belong together"), "the inventory is read from this machine: fetch it first")
	case f.by == audit.ByInventory && f.sample != "":
		return usagef("an inventory is compared whole: leave --sample out")
	case f.columns != "" && f.inventory == "":
		return usagef("--columns is of an --inventory")
	case f.seed != "" && f.sample == "":
		return usagef("--seed is of a --sample")
	case len(f.labels) > 0 && f.noLabel:
		return usagef("--label and --no-label exclude each other")
	case f.offline && f.differences != "":
		return usagef("--offline compares no objects: there are no --differences")
	case len(f.markers) > 0 && !f.extras:
		return usagef("--commit-marker is of --extras")
	}
	if _, err := os.Lstat(f.differences); f.differences != "" && err == nil {
		return fmt.Errorf("%s: %w", f.differences, files.ErrExists)
	}
	if f.sample == "" {
		return nil
	}
	size, err := sample.ParseSize(f.sample)
	if err != nil {
		return &usageError{Err: err}
	}
	f.size = &size
	return nil
}

func (a *app) verifyImport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import RECEIPTS...",
		Short: "compare imports' receipts with the manifest and the store",
		Long: `RECEIPTS is the receipts folder of an import, or its state folder. Those of several
devices of a job are compared as one. With any one disk of each device this proves that
an importer whom the job names signed the receipts, and that they cover the manifest.
Without a disk the origin is not proven.

Then every object is compared in the store, unless --offline is given. Read rights are
enough, and no secret key is needed. The ways (--by) are the checksum in HEAD, the
parts' checksums, reading the bytes back, or an S3 Inventory. The last one proves
presence and size and no content. A --sample says how sure it makes.`,
		Example: `  sledge verify import /srv/import/job1/receipts --trust signer.pub --label device.label --disk '/mnt/bay*'
  sledge verify import receipts --offline --trust signer.pub --label device.label --disk /mnt/bay0
  sledge verify import a/receipts b/receipts --trust signer.pub --label a.label --label b.label --disk /mnt/a0,/mnt/b0 --by read-back --sample 1000 --extras
  sledge verify import receipts --target s3://archive/2026/ --inventory inventory/2026-11-23T01-00Z --differences found.csv`,
	}
	var f auditFlags
	f.add(cmd.Flags())
	return a.verb(cmd, func(ctx context.Context, args []string) (report, error) {
		if err := f.check(); err != nil {
			return nil, err
		}
		if f.offline {
			return f.checkOffline(ctx, a.session(), args)
		}
		devices, err := a.auditDevices(&f, args)
		if err != nil {
			return nil, err
		}
		return a.auditImports(ctx, &f, devices)
	})
}

// auditImports verifies the receipts of each device, and compares the objects of all.
func (a *app) auditImports(ctx context.Context, f *auditFlags, devices []*auditedDevice) (report, error) {
	var err error
	r := &audit.Report{By: f.by}
	for _, d := range devices {
		if d.Canceled, err = statefolder.Canceled(d.Receipts); err != nil {
			return nil, fmt.Errorf("%s: %w", d.Receipts, err)
		}
		if err := a.verifyReceipts(ctx, d); err != nil {
			return nil, err
		}
		if err := d.CompareTarget(f.target); err != nil {
			return nil, err
		}
		r.Devices = append(r.Devices, d.Device)
	}
	r.Sum()
	if r.Refused() {
		r.By = "" // nothing is compared
		return r, r.Conclude(nil)
	}
	m := a.meter("verify")
	defer m.End()
	err = r.Compare(ctx, audit.Options{
		By: f.by, Inventory: f.inventory, Columns: f.columns, Size: f.size, Seed: f.seed, Extras: f.extras, Markers: f.markers, Differences: f.differences,
		Target:  func(i int) (audit.Place, error) { return a.auditPlace(f, devices[i]) },
		Explain: asTargetError, Warn: a.warn, Now: a.now,
		Progress: func(p audit.Progress) { m.Tell(auditSample(p)) },
	})
	m.End()
	return r, r.Conclude(err)
}

func auditSample(p audit.Progress) progress.Sample {
	if p.Listing {
		return progress.Sample{Phase: "listing", Files: int64(p.Objects), Unit: "objects"}
	}
	return progress.Sample{Phase: "store", Bytes: p.Bytes, TotalBytes: p.AllBytes, Files: int64(p.Objects), TotalFiles: int64(p.AllObjects)}
}

// checkOffline checks the receipts alone, as a program does that knows no store.
func (f *auditFlags) checkOffline(ctx context.Context, s *keyless.Session, names []string) (report, error) {
	agreed := f.target
	if agreed != "" {
		bucket, prefix, err := target.ParseTarget(agreed)
		if err != nil {
			return nil, &usageError{Err: err}
		}
		agreed = target.URL(bucket, prefix)
	}
	r := keyless.ReceiptsFlags{Trust: f.trust, Labels: f.labels, NoLabel: f.noLabel, Target: agreed}
	return r.Check(ctx, s, names)
}

// verifyReceipts proves one device's receipts against its disks, if there are any.
func (a *app) verifyReceipts(ctx context.Context, d *auditedDevice) (err error) {
	d.ReceiptReport, err = a.session().VerifyReceipts(ctx, &keyless.Matched{Folder: d.Receipts, Disks: d.disks, Label: d.chain.label}, d.chain.trust)
	return err
}

// with is the same command for some of the disks.
func (a *app) with(disks []string) *app {
	some := *a
	some.disks = disks
	return &some
}
