package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/progress"
	"github.com/sledge-io/sledge/internal/terminal"
	"github.com/sledge-io/sledge/manifest"
)

type scanReport struct {
	*scan.Report
	leftOut
	Findings []namedFinding `json:"findings"`
	Target   string         `json:"target"`
	Room     *scanRoom      `json:"room,omitempty"` // only with --disk

	ReplacedNames []name `json:"replaced_paths"`
	DroppedNames  []name `json:"dropped_paths"`
	GoneNames     []name `json:"gone_paths"`
}

// namedFinding is a finding whose path survives JSON.
type namedFinding struct {
	Code string `json:"code"`
	name
	Text   string `json:"text"`
	Blocks bool   `json:"blocks"`
}

func newScanReport(r *scan.Report, target string) *scanReport {
	s := &scanReport{Report: r, leftOut: newLeftOut(r), Target: target, Findings: []namedFinding{}, ReplacedNames: namesOf(r.ReplacedPaths), DroppedNames: namesOf(r.DroppedPaths), GoneNames: namesOf(r.GonePaths)}
	for _, f := range r.Findings {
		s.Findings = append(s.Findings, namedFinding{f.Code, nameOf(f.Path), escape(f.Text), f.Blocks})
	}
	return s
}

func (r *scanReport) Print(w io.Writer) {
	fmt.Fprintf(w, "source      %s\nentries     %d: %s, %s, %s, %s\nbytes       %s, the largest file has %s\n", escape(r.Root), r.Entries,
		plural(r.Files, "file"), plural(r.Dirs, "directory"), plural(r.Symlinks, "symbolic link"), plural(r.Hardlinks, "further name"), size(r.Bytes), size(r.Largest))
	printIf(w, r.Skipped > 0, "skipped     %d: not readable or special; they will be named in the manifest\n", r.Skipped)
	r.leftOut.print(w, r.Report)
	r.Room.Print(w)
	if r.FindingCount == 0 {
		fmt.Fprintf(w, "findings    none: every name fits %s\n", escape(r.Target))
		return
	}
	fmt.Fprintf(w, "findings    %d, %d of them block\n", r.FindingCount, r.Blocking)
	for i, f := range r.Findings {
		if i == terminal.Most {
			terminal.More(w, r.FindingCount, len(r.Findings), "")
			break
		}
		mark := "warns "
		if f.Blocks {
			mark = "blocks"
		}
		fmt.Fprintf(w, "  %s %s: %s: %s\n", mark, shownName(f.Path), f.Code, shown(f.Text))
	}
}

// rulesOf are the limits of a job's target, for what its policy makes objects.
// profiles is a file that is laid over the built-in table, "" is none.
func rulesOf(to manifest.JobTarget, policy manifest.JobPolicy, profiles string) (scan.Rules, error) {
	_, prefix, err := target.ParseTarget(to.URL)
	if err != nil {
		return scan.Rules{}, err
	}
	table, err := readProfiles(profiles)
	if err != nil {
		return scan.Rules{}, err
	}
	p, err := target.ProfileIn(table, to.Profile)
	if err != nil {
		return scan.Rules{}, err
	}
	return scan.Rules{
		Prefix: prefix, Key: p.KeyLimits(), MaxObject: p.MaxObject,
		NoSymlinks: entry.Policy(policy.Symlinks) == entry.PolicySkip,
		NoFolders:  entry.Policy(policy.Directories) == entry.PolicySkip,
	}, nil
}

// checkSource tells a mistyped source early.
func checkSource(root string) error {
	info, err := os.Stat(root)
	if scan.Unreachable(err) {
		return fmt.Errorf("%w: %w", scan.ErrSourceGone, err)
	}
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	if !info.IsDir() {
		return usagef("source %s: %w", root, errNotFolder)
	}
	return nil
}

// listedMissing is the error of listed paths that are not in the source.
func listedMissing(r *scan.Report) error {
	if r.Missing == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s of the list are not in the source", errSkipped, plural(r.Missing, "path"))
}

func scanSample(r scan.Report) progress.Sample {
	return progress.Sample{Phase: "scan", Bytes: r.Bytes, Files: int64(r.Entries)}
}

func (a *app) scanCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "scan DIR",
		Short: "check a folder's names, sizes and room before it is loaded",
		Long: `Walk a source and report everything that the target or a later reader would trip
over: names that are too long or not UTF-8, control characters, names that differ
only in case or in Unicode form, objects over the limit. Nothing is kept, no key
is needed. "sledge load" does the same check first. With --disk, and the device
unlocked, it says whether all of the source fits.`,
		Example: `  sledge scan /srv/data
  sledge scan /srv/data --disk '/mnt/bay*'
  sledge scan /srv/data --target s3://archive/2026/ --profile aws --json`,
	}
	as := cmd.Flags().String("as", "", "put this folder before every path in the manifest")
	target := cmd.Flags().String("target", "", "the target to check against (default: the device's job's)")
	profile := cmd.Flags().String("profile", "", "the target's kind: "+profileNames())
	profiles, calls, timeout := "", concurrency(0), sourceTimeout(0)
	calls.add(cmd.Flags())
	timeout.add(cmd.Flags())
	addProfiles(cmd.Flags(), &profiles)
	var filters filters
	filters.add(cmd.Flags())
	findings := ""
	addFindings(cmd.Flags(), &findings)
	return a.verb(cmd, func(ctx context.Context, args []string) (report, error) {
		t, policy, err := a.scanTarget(*target, *profile)
		if err != nil {
			return nil, err
		}
		rules, err := rulesOf(t, policy, profiles)
		if err != nil {
			return nil, &usageError{Err: err}
		}
		if err := checkSource(args[0]); err != nil {
			return nil, err
		}
		filter, err := filters.of(args[0], args)
		if err != nil {
			return nil, err
		}
		file, err := newFindingsFile(findings)
		if err != nil {
			return nil, err
		}
		m := a.meter("scan")
		defer m.End()
		found, err := scan.Run(ctx, args[0], scan.Options{As: *as, Rules: rules, Concurrency: int(calls), Timeout: time.Duration(timeout), Filter: filter, Found: file.of(args[0]), Progress: func(r scan.Report) { m.Tell(scanSample(r)) }})
		m.End()
		if err = errors.Join(err, file.close()); err != nil {
			return nil, err
		}
		r := newScanReport(found, t.URL)
		r.Room = a.roomFor(found.Bytes)
		if found.Blocking > 0 {
			return r, fmt.Errorf("%w: %d of its names and files cannot be imported as they are", appliance.ErrFindings, found.Blocking)
		}
		return r, listedMissing(found)
	})
}

// scanTarget is the target named by flags, or the device's job's, or a generic one.
func (a *app) scanTarget(url, profile string) (t manifest.JobTarget, policy manifest.JobPolicy, err error) {
	t = manifest.JobTarget{URL: "s3://target/", Profile: "generic"}
	if url == "" && a.device != "" {
		d, err := a.openDevice(false)
		if err != nil {
			return t, policy, err
		}
		defer d.close()
		if job, _, err := d.job(); err == nil {
			t, policy = job.Target, job.Policy
		}
	}
	if url != "" {
		t.URL = url
	}
	if profile != "" {
		t.Profile = profile
	}
	return t, policy, nil
}
