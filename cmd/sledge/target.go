package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/manifest"
)

type targetProbeFlags struct {
	targetFlags
	rules                   ruleFlags
	classes                 []string
	minProof                string
	readBack, unconditional bool
}

func (a *app) targetProbeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "probe s3://BUCKET/PREFIX/",
		Short: "test what a target supports and allows, and how fast it is",
		Long: `Write small temporary objects below PREFIX/.sledge-probe/, look what the store makes
of right and wrong checksums, conditions and rights, and remove them again. The last
lines say whether an import can go there and the strongest proof that it will reach.
About 24 MiB are sent and read. What cannot be removed is named.

` + importCredentials,
		Example: `  sledge target probe s3://archive/2026/ --profile aws --region eu-central-1
  sledge target probe s3://archive/2026/ --endpoint https://s3.example.org --profile ceph --json
  sledge target probe s3://archive/2026/ --endpoint https://s3.example.org --client-cert client.pem --client-key client.key
  sledge target probe s3://arn:aws:s3:eu-central-1:123456789012:accesspoint/archive/2026/ --profile aws`,
	}
	var f targetProbeFlags
	flags := cmd.Flags()
	f.addReach(flags, "generic")
	flags.StringSliceVar(&f.classes, "storage-class", nil, "storage classes to try (default: the profile's)")
	flags.StringVar(&f.minProof, "min-proof", string(entry.ProofSHA256), "weakest proof that the import is to count")
	flags.BoolVar(&f.readBack, "read-back", false, "the import is to read every object back")
	flags.BoolVar(&f.unconditional, "allow-unconditional", false, "the import may go to a store without conditional writes")
	f.rules.addDemanded(flags)
	return a.verb(cmd, func(ctx context.Context, args []string) (report, error) { return a.probeTarget(ctx, &f, args[0]) })
}

func (a *app) probeTarget(ctx context.Context, f *targetProbeFlags, url string) (report, error) {
	f.target = url
	o, err := f.options(&manifest.Job{Target: manifest.JobTarget{Profile: "generic"}})
	if err != nil {
		return nil, err
	}
	if err := checkMinProof(f.minProof); err != nil {
		return nil, err
	}
	o.MinProof, o.ReadBack, o.AllowUnconditional, o.Now, o.Log = entry.Proof(f.minProof), f.readBack, f.unconditional, a.now, a.logger()
	if o.Rules, err = f.rules.read(); err != nil {
		return nil, err
	}
	o.RunID = strings.ToLower(rand.Text())
	o.Problem = func(e *target.Error) { a.warn("%s", e) }
	a.watchProbe(&o)
	if err := o.Validate(); err != nil {
		return nil, &usageError{Err: err}
	}
	target, err := importer.NewS3(ctx, o)
	if err != nil {
		return nil, asTargetError(err)
	}
	found, err := importer.ProbeTarget(ctx, target, o, o.RunID, f.classes)
	if found == nil {
		return nil, asTargetError(err)
	}
	r := (*targetReport)(found)
	for _, left := range found.Left {
		a.warn("%s could not be removed: remove it by hand", left)
	}
	switch {
	case err != nil:
		return r, asTargetError(err)
	case found.Refusal != nil:
		return r, targetError(found.Refusal)
	case !found.Usable:
		return r, hint(fmt.Errorf("%w: the target lacks %s", errTarget, strings.Join(found.Lacks, "; ")), "grant or change what is named, then probe again")
	}
	return r, nil
}

func checkMinProof(name string) error {
	for _, p := range []entry.Proof{entry.ProofCRC, entry.ProofSHA256, entry.ProofReadBack} {
		if name == string(p) {
			return nil
		}
	}
	return usagef("--min-proof %q: must be %q, %q or %q", name, entry.ProofCRC, entry.ProofSHA256, entry.ProofReadBack)
}

type targetReport probe.TargetReport

func (r *targetReport) Print(w io.Writer) {
	fmt.Fprintf(w, "target      %s, profile %s\n", escape(r.Target), escape(r.Profile))
	printAnswers(w, "rights", r.Rights)
	printAnswers(w, "honours", r.Findings)
	printIf(w, r.LatencyMillis > 0, "latency     %.1f ms for a HEAD\n", r.LatencyMillis)
	if r.UpBytes > 0 {
		fmt.Fprintf(w, "throughput  %s/s up by one request", size(int64(r.UpBytes)))
		printIf(w, r.DownBytes > 0, ", %s/s down", size(int64(r.DownBytes)))
		fmt.Fprintln(w)
	}
	for _, left := range r.Left {
		fmt.Fprintf(w, "left        %s\n", escape(left))
	}
	if r.Usable {
		fmt.Fprintf(w, "import      can go there\n")
		printIf(w, len(r.Wants) > 0, "wants       %s: after an interruption uploads are sent again whole, or left behind\n", escape(strings.Join(r.Wants, ", ")))
	} else {
		fmt.Fprintf(w, "import      CANNOT go there: it lacks %s\n", escape(strings.Join(r.Lacks, "; ")))
	}
	fmt.Fprintf(w, "proof       %s as objects are written; strongest: %s\n", proofText(r.StoreProof), proofText(r.Proof))
}

func printAnswers(w io.Writer, title string, findings []probe.Finding) {
	fmt.Fprintf(w, "%s\n", title)
	for _, f := range findings {
		detail := ""
		if f.Detail != "" {
			detail = " (" + escape(f.Detail) + ")"
		}
		fmt.Fprintf(w, "  %-29s %-12s %s%s\n", f.Name, f.Answer, f.Means, detail)
	}
}

func proofText(p entry.Proof) string {
	if p == entry.ProofNone {
		return "none"
	}
	return string(p)
}
