package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/manifest"
)

type verifyImportReport struct {
	*fsck.ReceiptReport
	Store       *importer.VerifyReport `json:"store,omitempty"` // nil: the store was not asked
	Target      string                 `json:"target,omitempty"`
	Differences []string               `json:"differences,omitempty"` // the first maxDifferences
	remedies    []string               // of the differences, each once
}

// Differences that are kept for --json, and shown without it.
const (
	maxDifferences   = 10000
	shownDifferences = 20
)

func (r *verifyImportReport) print(w io.Writer) {
	fmt.Fprintf(w, "run         %s, signed by importer %s\nreceipts    %s in the log, %d of them read; %s of the manifest are covered\n", r.Run, r.Importer, plural(r.LogSize, "line"), r.Lines, plural(r.Pages, "page"))
	for outcome, n := range r.Outcomes {
		fmt.Fprintf(w, "  %-13s %d\n", outcome, n)
	}
	complete := "no"
	if r.Complete {
		complete = "yes: every record of the manifest has an outcome, and none failed"
	}
	fmt.Fprintf(w, "complete    %s\n", complete)
	if s := r.Store; s != nil {
		fmt.Fprintf(w, "target      %s\n", escape(r.Target))
		fmt.Fprintf(w, "store       %d of %s are there and the same, %s\n", s.Same, plural(s.Objects, "object"), size(s.Bytes))
	} else {
		fmt.Fprintf(w, "store       not asked\n")
	}
	for i, d := range r.Differences {
		if i == shownDifferences {
			fmt.Fprintf(w, "  … and %d more\n", r.Store.Differences-shownDifferences)
			break
		}
		fmt.Fprintf(w, "  %s\n", escape(d))
	}
	printFindings(w, r.Manifest.Findings)
	printFindings(w, r.Findings)
	verdict := fmt.Sprint(r.Verdict)
	if err := r.end(); errors.Is(err, errObjects) || errors.Is(err, errTarget) {
		verdict = "not everything is in the target or proven"
	}
	fmt.Fprintf(w, "verdict     %s, origin %s\n", verdict, r.Manifest.Origin)
}

func (a *app) verifyImport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import RECEIPTS",
		Short: "check an import's receipts against the sealed manifest and the store",
		Long: `RECEIPTS is the receipts folder of an import ("receipts" in its state folder). With
the disks, or any one of them, for the manifest's log, this proves that the receipts were signed by an
importer that the job names, and that they cover every record of the manifest;
then every object is compared in the store that the receipts name, or --target
(read rights are enough; --offline leaves that out). No key that decrypts or signs is needed.`,
		Example: `  sledge verify import /srv/import/job1/receipts --trust signer.pub --label device.label --disk '/mnt/bay*'
  sledge verify import receipts --offline --trust signer.pub --label device.label --disk /mnt/bay0`,
		Args: cobra.ExactArgs(1),
	}
	var chain chainFlags
	var target targetFlags
	chain.addTrust(cmd.Flags())
	target.add(cmd.Flags(), "the receipts'")
	offline := cmd.Flags().Bool("offline", false, "do not ask the store")
	readBack := cmd.Flags().Bool("read-back", false, "read every object and hash it")
	return a.verb(cmd, func(ctx context.Context, args []string) (report, error) {
		r, err := a.verifyReceipts(ctx, &chain, args[0])
		if err != nil {
			return nil, err
		}
		if r.Verdict == fsck.VerdictRefused || *offline {
			return r, r.end()
		}
		if err := a.verifyStore(ctx, &chain, &target, args[0], *readBack, r); err != nil {
			return r, err
		}
		return r, r.end()
	})
}

func (a *app) verifyReceipts(ctx context.Context, chain *chainFlags, dir string) (*verifyImportReport, error) {
	m := a.meter("verify")
	defer m.end()
	o, done, err := a.fsckOptions(chain, m)
	if err != nil {
		return nil, err
	}
	defer done()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("receipts: %w", err)
	}
	defer root.Close()
	r, err := fsck.VerifyReceipts(ctx, root.FS(), fsck.ReceiptOptions{Options: o})
	if err != nil {
		return nil, err
	}
	return &verifyImportReport{ReceiptReport: r}, nil
}

// verifyStore holds the store against the list that has just been proven.
func (a *app) verifyStore(ctx context.Context, chain *chainFlags, target *targetFlags, dir string, readBack bool, r *verifyImportReport) error {
	o, err := a.auditTarget(chain, target, dir)
	if err != nil {
		return err
	}
	r.Target = o.TargetURL()
	list, err := os.Open(filepath.Join(dir, "objects.list"))
	if err != nil {
		return err
	}
	defer list.Close()
	store, err := importer.NewS3(ctx, o)
	if err != nil {
		return asTargetError(err)
	}
	m := a.meter("verify")
	defer m.end()
	found, err := importer.VerifyObjects(ctx, list, store, importer.VerifyOptions{
		ReadBack: readBack,
		Progress: func(objects uint64, bytes int64) {
			m.tell(sample{phase: "store", bytes: bytes, totalBytes: int64(r.Bytes), files: int64(objects)})
		},
		Difference: func(e *importer.Error) {
			if len(r.Differences) < maxDifferences {
				r.Differences = append(r.Differences, e.Error())
			}
			if e.Remedy != "" && !slices.Contains(r.remedies, e.Remedy) {
				r.remedies = append(r.remedies, e.Remedy)
			}
		},
	})
	r.Store = &found
	return asTargetError(err)
}

// auditTarget is the target that the signed total names, which need not be the
// job's; flags go before it. The total is read under the job's importer keys
// again: what was verified before is not what lies there now by need.
func (a *app) auditTarget(chain *chainFlags, target *targetFlags, dir string) (importer.Options, error) {
	loose := *chain
	loose.noLabel = loose.label == ""
	disks, done, err := a.openDisks()
	if err != nil {
		return importer.Options{}, err
	}
	defer done()
	signer, err := loose.signer(disks)
	if err != nil {
		return importer.Options{}, err
	}
	label, err := loose.labelText()
	if err != nil {
		return importer.Options{}, err
	}
	set, err := appliance.OpenSet(disks, signer, label)
	if err != nil {
		return importer.Options{}, err
	}
	env, err := readFile(filepath.Join(dir, "total.dsse"), manifest.MaxStatement)
	if err != nil {
		return importer.Options{}, err
	}
	var keys []ed25519.PublicKey
	for _, key := range set.Job.Roles.Importer {
		keys = append(keys, key.PublicKey)
	}
	var total importer.ReceiptTotal
	if _, _, err := manifest.OpenStatement(env, importer.PredicateReceipt, &total, keys...); err != nil {
		return importer.Options{}, fmt.Errorf("total.dsse: %w", err)
	}
	asked := *target
	if asked.target == "" {
		asked.target = total.Target
	}
	if asked.profile == "" {
		asked.profile = total.Profile
	}
	return asked.options(set.Job)
}

func asTargetError(err error) error {
	var e *importer.Error
	if errors.As(err, &e) {
		return targetError(e)
	}
	return err
}

// end is the whole verdict as an error.
func (r *verifyImportReport) end() error {
	if r.Verdict == fsck.VerdictLost && r.Manifest.Verdict != fsck.VerdictLost {
		return r.incomplete() // of the import, not of the disks
	}
	if err := verdictError(r.Verdict, r.Manifest.Origin, append(append([]fsck.Finding(nil), r.Findings...), r.Manifest.Findings...)); err != nil {
		return err
	}
	switch s := r.Store; {
	case s != nil && s.Unanswered > 0:
		return fmt.Errorf("%w: no answer about %s", errTarget, plural(s.Unanswered, "object"))
	case s != nil && s.Differences > 0:
		err := fmt.Errorf("%w: %s", errObjects, plural(s.Differences, "difference"))
		if len(r.remedies) > 0 {
			return &hinted{err, r.remedies}
		}
		return err
	case r.Outcomes["failed"] > 0 || r.Outcomes["conflict"] > 0:
		return r.incomplete()
	case !r.Complete:
		return fmt.Errorf("%w: the receipts are not complete", errObjects)
	case r.Outcomes["skipped"] > 0:
		return hint(fmt.Errorf("%w: %s", errSkipped, plural(r.Outcomes["skipped"], "entry")), "the loader had to skip them; they are named in objects.list")
	}
	return nil
}

// incomplete is the error of an import that did not bring everything.
func (r *verifyImportReport) incomplete() error {
	return hint(fmt.Errorf("%w: the receipts say %d failed, %s", errObjects, r.Outcomes["failed"], plural(r.Outcomes["conflict"], "conflict")),
		"objects.list beside the receipts names them; the same sledge import run tries them again")
}
