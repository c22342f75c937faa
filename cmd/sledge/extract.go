package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/appliance/extract"
	"github.com/sledge-io/sledge/internal/progress"
	"github.com/sledge-io/sledge/internal/terminal"
)

type extractReport struct {
	*extract.Report
	Folder string `json:"folder"`
}

func (r *extractReport) Print(w io.Writer) {
	fmt.Fprintf(w, "extracted   %s, %s, to %s\n", plural(r.Entries, "entry"), size(r.Bytes), escape(r.Folder))
	printIf(w, r.Existing > 0, "existing    %d of them were there already with the same content\n", r.Existing)
	printIf(w, r.Skipped > 0, "skipped     %d: the loader could not read them\n", r.Skipped)
	printIf(w, r.Failed > 0, "failed      %d: not there, or not as recorded; named below\n", r.Failed)
	printIf(w, r.Remarks > 0, "older       %d: a later look at the source failed, the last good version is kept\n", r.Remarks)
	printIf(w, r.AttributesLost > 0, "attributes  %s could not be restored; the contents are right\n", plural(r.AttributesLost, "attribute"))
	printIf(w, r.Repaired > 0, "repaired    %s decoded around damage\n", plural(r.Repaired, "block"))
	printIf(w, r.Leftover > 0, "removed     %s of an interrupted extract\n", plural(r.Leftover, "temporary file"))
	for i, f := range slices.Concat(r.Failures, r.Warnings, r.Attributes) {
		if i == terminal.Most {
			fmt.Fprintf(w, "  and more; --json names them\n")
			break
		}
		fmt.Fprintf(w, "  %s\n", shown(f))
	}
}

func (a *app) extractCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "extract DIR",
		Short: "restore a sealed device's files to a folder; run again to resume",
		Long: `Write the entries of a sealed device below DIR, with holes, modes, times, extended
attributes and links. Nothing is overwritten: a file that is there is compared.
Run it again to go on.`,
		Example: `  sledge extract /srv/back --site /srv/import-keys --label device.label --disk '/mnt/bay*'
  sledge extract /srv/back --prefix home/ --owner --recovery recovery.identity --trust signer.pub --no-label --disk '/mnt/bay*'`,
	}
	var f keyFlags
	f.add(cmd.Flags())
	prefix := cmd.Flags().String("prefix", "", "only paths that begin with this")
	owner := cmd.Flags().Bool("owner", false, "restore owner and group, set-id bits and file capabilities (needs the rights)")
	return a.verb(cmd, func(ctx context.Context, args []string) (report, error) {
		r, err := a.openReader(&f)
		if err != nil {
			return nil, err
		}
		defer r.close()
		workers := min(16, runtime.GOMAXPROCS(0))
		if err := needFiles("this command", appliance.ReadFiles(r.Job.Geometry.Disks, workers)); err != nil {
			return nil, err
		}
		totals := r.Totals()
		m := a.meter("extract")
		defer m.End()
		done, err := extract.Run(ctx, r.Reader, args[0], extract.Options{
			Prefix: *prefix, Owner: *owner, Workers: workers,
			Progress: func(entries uint64, bytes int64) {
				s := progress.Sample{Phase: "extract", Bytes: bytes, Files: int64(entries)}
				if *prefix == "" {
					s.TotalBytes, s.TotalFiles = int64(totals.Bytes), int64(totals.Entries())
				}
				m.Tell(s)
			},
		})
		m.End()
		if done == nil {
			return nil, err
		}
		if err == nil && done.Entries+done.Skipped == 0 {
			err = noneBegins(*prefix)
		}
		return &extractReport{done, args[0]}, chainEnd(r.Set, extractEnd(done, err))
	})
}

func extractEnd(r *extract.Report, err error) error {
	switch {
	case errors.Is(err, extract.ErrSomeFailed):
		return fmt.Errorf("%w: %w", errExtract, err)
	case err == nil && r.Partial:
		return hint(fmt.Errorf("%w: it was sealed before its source had been loaded whole", errSkipped), "everything that the device holds was extracted; ask the sender for the rest")
	case err == nil && r.Skipped > 0:
		return hint(fmt.Errorf("%w: %s", errSkipped, plural(r.Skipped, "entry")), "everything that the device holds was extracted; \"sledge list -l\" names what the loader had to skip")
	}
	return err
}
