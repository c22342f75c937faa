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
	"strings"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/importreport"
	"github.com/sledge-io/sledge/internal/keyfile"
	"github.com/sledge-io/sledge/internal/progress"
	"github.com/sledge-io/sledge/internal/statefolder"
	"github.com/sledge-io/sledge/internal/vfs"
)

type runReport struct {
	*importreport.Report
	Verdict importreport.Verdict `json:"verdict"`
	Written []string             `json:"written"` // files
}

func (r *runReport) Print(w io.Writer) {
	r.Text(w)
	for _, name := range r.Written {
		fmt.Fprintf(w, "written     %s\n", escape(name))
	}
}

type reportFlags struct {
	html, csv      string
	only, importer []string
}

func (a *app) importReportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "report STATE...",
		Short: "show what became of every entry of an import: text, JSON, CSV or HTML",
		Long: `STATE is the state folder of an import, or runs/ID in one. Several devices of a job get
a section each and a sum. The report shows what the run wrote into the folder; it asks
neither disks nor store. While the run has no receipts the report says that it is not
final. The receipts' list is compared with the checkpoint that signs it; --importer
checks the signature, too. "sledge verify import" asks the store.`,
		Example: `  sledge import report /srv/import/job1
  sledge import report /srv/import/job1 /srv/import/job1-device2 --html report.html --importer /srv/import-keys/importer.pub
  sledge import report /srv/import/job1 --csv failed.csv --only failed,conflict`,
	}
	var f reportFlags
	cmd.Flags().StringVar(&f.html, "html", "", "write one self-contained page to this new file")
	cmd.Flags().StringVar(&f.csv, "csv", "", "write one line an entry to this new file; in an existing folder, one new file a device")
	cmd.Flags().StringSliceVar(&f.only, "only", nil, "with --csv, only these: "+outcomeList())
	cmd.Flags().StringSliceVar(&f.importer, "importer", nil, "public key files of the job's importer: check that the receipts are signed by one of them")
	return a.verb(cmd, func(ctx context.Context, args []string) (report, error) { return a.reportRuns(ctx, &f, args) })
}

func outcomeList() string {
	var names []string
	for _, o := range importreport.Outcomes() {
		names = append(names, string(o))
	}
	return strings.Join(names, ", ")
}

func (a *app) reportRuns(ctx context.Context, f *reportFlags, states []string) (report, error) {
	keys, err := f.check()
	if err != nil {
		return nil, err
	}
	m := a.meter("report")
	defer m.End()
	var devices []*importreport.Device
	var bad []error
	for i, state := range states {
		if home, err := importer.StateHome(state); err == nil {
			state, states[i] = home, home // after a takeover in a copy
		}
		d, err := readRun(ctx, state, importreport.Options{Name: state, Importer: keys,
			Presence: func(s *status.Status) importreport.Presence { return statefolder.Presence(s, a.now()) },
			Progress: func(lines uint64) { m.Tell(progress.Sample{Phase: "receipts", Files: int64(lines), Unit: "lines"}) }})
		if err != nil && ctx.Err() == nil {
			bad = append(bad, reportError(state, err))
			continue
		} else if err != nil {
			return nil, err
		}
		devices = append(devices, d)
	}
	if err := statefolder.Together(bad); err != nil {
		return nil, err
	}
	r, err := importreport.New(devices...)
	if err != nil {
		return nil, &usageError{Err: err}
	}
	rep := &runReport{Report: r, Verdict: r.Verdict(), Written: []string{}}
	if err := f.write(ctx, rep, states); err != nil {
		return nil, err
	}
	if r.Inconsistent() {
		return rep, hint(fmt.Errorf("%w: the files of a run do not fit together", errRefused), "the report names what does not fit; sledge verify import RECEIPTS looks at all of it")
	}
	return rep, nil
}

// check reads what the flags name before anything is done.
func (f *reportFlags) check() (keys []ed25519.PublicKey, err error) {
	if len(f.only) > 0 && f.csv == "" {
		return nil, usagef("--only says which entries --csv writes; --csv is missing")
	}
	for _, o := range f.only {
		if !slices.Contains(importreport.Outcomes(), entry.Outcome(o)) {
			return nil, usagef("--only %q: must be of %s", o, outcomeList())
		}
	}
	for _, name := range f.importer {
		key, err := keyfile.ReadPublic(name)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func readRun(ctx context.Context, state string, o importreport.Options) (*importreport.Device, error) {
	root, err := os.OpenRoot(state)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if around, in, ok := statefolder.Around(state); ok && in != "." {
		top, err := os.OpenRoot(around)
		if err != nil {
			return nil, err
		}
		defer top.Close()
		o.State, o.In = vfs.Plain(top), in
	}
	return importreport.Read(ctx, vfs.Plain(root), o)
}

func reportError(state string, err error) error {
	if info, statErr := os.Stat(state); errors.Is(err, importreport.ErrNothing) || statErr != nil || !info.IsDir() {
		return statefolder.NoRun(state)
	}
	return fmt.Errorf("%s: %w", state, err)
}

// write makes the files that were asked for. Both name files of the site, so they
// are for their owner alone.
func (f *reportFlags) write(ctx context.Context, r *runReport, states []string) error {
	if f.csv != "" {
		if err := f.writeCSV(ctx, r, states); err != nil {
			return err
		}
	}
	if f.html == "" {
		return nil
	}
	r.Written = append(r.Written, f.html)
	_, err := files.New(f.html, 0o600, r.HTML)
	return err
}

// writeCSV writes one table, or one a device into a folder that exists.
func (f *reportFlags) writeCSV(ctx context.Context, r *runReport, states []string) error {
	for _, d := range r.Devices {
		if !d.Final {
			return hint(fmt.Errorf("%s: %w: %w", d.Folder, importreport.ErrNoReceipts, os.ErrNotExist), "a CSV is of the receipts: wait for the end of the run, or mend what halts it; --html and --json tell how far it is")
		}
	}
	if info, err := os.Stat(f.csv); err != nil || !info.IsDir() {
		return f.writeTable(ctx, f.csv, r, r.Devices, states)
	}
	for i, d := range r.Devices {
		name := filepath.Join(f.csv, fmt.Sprintf("objects-%s-%d-%s.csv", d.Device, d.Generation, fileSafe(d.Run)))
		if err := f.writeTable(ctx, name, r, r.Devices[i:i+1], states[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

// fileSafe is a run's id as receipts say it, which nobody has checked.
func fileSafe(run string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '.' {
			return r
		}
		return '_'
	}, run[:min(len(run), 100)])
}

func (f *reportFlags) writeTable(ctx context.Context, name string, r *runReport, devices []*importreport.Device, states []string) error {
	r.Written = append(r.Written, name)
	_, err := files.New(name, 0o600, func(w io.Writer) error {
		table, err := importreport.NewCSV(w)
		if err != nil {
			return err
		}
		for i, d := range devices {
			if err := f.rows(ctx, table, d, states[i]); err != nil {
				return fmt.Errorf("%s: %w", states[i], err)
			}
		}
		return table.Flush()
	})
	return err
}

func (f *reportFlags) rows(ctx context.Context, table *importreport.CSV, d *importreport.Device, state string) error {
	list, err := os.Open(filepath.Join(state, d.Signed.Receipts, "objects.list"))
	if err != nil {
		return err
	}
	defer list.Close()
	return importreport.Entries(ctx, list, func(e *importreport.Entry) error {
		if len(f.only) > 0 && !slices.Contains(f.only, string(e.Outcome)) {
			return nil
		}
		return table.Write(d, e)
	})
}
