package main

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/custody/witness"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/fsck/custody"
	"github.com/sledge-io/sledge/internal/keyless"
	"github.com/sledge-io/sledge/manifest"
)

// custodyReport is what the keyless verifier says, for people.
type custodyReport struct {
	*custody.Report
	Verdict string `json:"verdict"`
	all     bool   // every event, not only the findings
}

func (r *custodyReport) Print(w io.Writer) {
	origin := originUnproven
	if r.Trusted {
		origin = originProven
	}
	fmt.Fprintf(w, "log         %s, origin %s\njob file    serial %d; one with a higher serial may name others (--job)\nentries     %d, confirmed by others up to %d\nverdict     %s\n",
		escape(r.Origin), origin, r.JobSerial, r.Size, r.Confirmed, escape(r.Verdict))
	for i, h := range r.Holders {
		end := "now"
		if h.To != nil {
			end = fmt.Sprintf("entry %d", *h.To)
		}
		fmt.Fprintf(w, "custodian   %d: %s, from entry %d to %s\n", i+1, escape(h.Name), h.From, end)
	}
	if r.all {
		for _, e := range r.Events {
			printEvent(w, e)
		}
	}
	for _, f := range r.Findings {
		fmt.Fprintf(w, "%-11s %s\n", f.Class, escape(f.Text))
	}
}

func printEvent(w io.Writer, e custody.Event) {
	fmt.Fprintf(w, "%5d  %s  %s, by %s (%s)", e.Index, e.Time.Format(time.RFC3339), escape(e.Kind), escape(e.Name), e.Role)
	for _, part := range []struct{ what, text string }{{"organisation", e.Org}, {"place", e.Place}, {"purpose", e.Purpose}, {"condition", e.Condition}, {"note", e.Note}, {"clock", e.Clock}} {
		printIf(w, part.text != "", "\n       %s: %s", part.what, escape(part.text))
	}
	for _, name := range slices.Sorted(maps.Keys(e.Details)) {
		fmt.Fprintf(w, "\n       %s: %s", escape(name), escape(string(e.Details[name])))
	}
	fmt.Fprintln(w)
}

type custodyVerifyFlags struct {
	trust, job, label, custodian, policy string
	seen                                 []string
}

func (f *custodyVerifyFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.trust, "trust", "", "the job signer's public key (signer.pub) or fingerprint (sha256:…), known by another way")
	flags.StringVar(&f.job, "job", "", "the job `FILE` (default: the one in the log's folder)")
	flags.StringVar(&f.label, "label", "", "the device's label `FILE`: its manifest is compared with the event of the seal")
	flags.StringVar(&f.policy, "policy", "", "a C2SP tlog-policy `FILE`: whose cosignatures a checkpoint of the log needs")
	flags.StringArrayVar(&f.seen, "seen", nil, "a checkpoint of the log that came another way, or a hand-over that was kept: a `FILE`; may be repeated")
	flags.StringVar(&f.custodian, "custodian", os.Getenv("SLEDGE_CUSTODIAN"), "your own custodian's folder `DIR`: what it remembers counts as seen (env SLEDGE_CUSTODIAN)")
}

func (a *app) custodyVerify() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify DIR",
		Short: "verify a custody log without any secret",
		Long: `DIR is the log's folder, or a copy of it. Found are entries that were removed, changed or
reordered, an end that was cut off, and two histories. Found are also custodians who
wrote on, times in which nobody had the device, and another manifest than the label's.
Clocks that do not fit are named.

A log that was rolled back whole looks whole. Only a checkpoint that came another way
shows it: --seen, or --custodian for your own memory. Without one the exit code is 26.`,
		Example: `  sledge custody verify custody --trust signer.pub --seen handover.txt --label device.label
  sledge custody verify custody --trust signer.pub --custodian /srv/custodian --json`,
	}
	var f custodyVerifyFlags
	f.add(cmd.Flags())
	return a.verb(cmd, func(_ context.Context, args []string) (report, error) { return a.verifyCustody(args[0], &f, false) })
}

func (a *app) custodyShow() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show DIR",
		Short: "show a custody log: every event, who signed it, and what does not fit",
		Long: `Show every event of the log in DIR with all that it says, also events that this version
does not know. The log is verified as "sledge custody verify" does, with its exit codes.`,
		Example: `  sledge custody show custody --trust signer.pub`,
	}
	var f custodyVerifyFlags
	f.add(cmd.Flags())
	return a.verb(cmd, func(_ context.Context, args []string) (report, error) { return a.verifyCustody(args[0], &f, true) })
}

func (a *app) verifyCustody(dir string, f *custodyVerifyFlags, all bool) (report, error) {
	in := custody.Input{}
	var err error
	if in.Trust, err = keyless.Trust(f.trust); err != nil {
		return nil, err
	}
	if f.job != "" {
		if in.Job, err = files.Read(f.job, manifest.MaxStatement); err != nil {
			return nil, err
		}
	}
	if f.label != "" {
		if in.Label, err = files.Read(f.label, manifest.MaxCheckpoint); err != nil {
			return nil, err
		}
	}
	if f.policy != "" {
		text, err := files.Read(f.policy, manifest.MaxCheckpoint)
		if err != nil {
			return nil, err
		}
		if in.Policy, err = custody.ParsePolicy(text); err != nil {
			return nil, &usageError{Err: fmt.Errorf("%s: %w", f.policy, err)}
		}
	}
	for _, name := range f.seen {
		b, err := a.readHandOver([]string{name})
		if err != nil {
			return nil, err
		}
		in.Seen = append(in.Seen, b)
	}
	if f.custodian != "" {
		own, err := ownMemory(f.custodian, dir)
		if err != nil {
			return nil, err
		}
		in.Seen = append(in.Seen, own...)
	}
	r, err := a.checkCustody(dir, in)
	if err != nil {
		return nil, err
	}
	rep := &custodyReport{Report: r, all: all}
	err = custodyEnd(r)
	rep.Verdict = fmt.Sprintf("holds; nothing before entry %d was cut off, and of a later end nobody can know", r.Confirmed)
	if err != nil {
		rep.Verdict = className(codeOf(err))
	}
	return rep, err
}

func codeOf(err error) int {
	code, _ := diagnose(err)
	return code
}

// ownMemory is what a custodian remembers of a log.
func ownMemory(custodian, dir string) ([][]byte, error) {
	c, _, done, err := openCustodian(custodian)
	if err != nil {
		return nil, err
	}
	defer done()
	return memoryOf(c, dir)
}

func memoryOf(c *witness.Custodian, dir string) ([][]byte, error) {
	note, err := files.ReadIn(dir, "checkpoint", manifest.MaxCheckpoint)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", custody.ErrNoLog, err)
	}
	origin, _, _ := strings.Cut(string(note), "\n")
	return c.Memory(origin)
}

// custodyEnd is the verifier's answer as an error, the worst first.
func custodyEnd(r *custody.Report) error {
	first := func(c custody.Class) string {
		for _, f := range r.Findings {
			if f.Class == c {
				return f.Text
			}
		}
		return ""
	}
	switch {
	case r.Refused() != nil:
		return fmt.Errorf("%w: %s", errRefused, r.Refused().Text)
	case !r.Trusted:
		return errUnproven
	case r.Has(custody.Gap):
		return fmt.Errorf("%w: %s", errGap, first(custody.Gap))
	case r.Has(custody.Alone):
		return errAlone
	}
	return nil
}

type policyReport struct {
	Policy string `json:"policy"`
}

func (r *policyReport) Print(w io.Writer) { fmt.Fprint(w, r.Policy) }

func (a *app) custodyPolicy() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy DIR",
		Short: "print a log's C2SP tlog-policy, for other tools",
		Long: `Print the policy by which other programs check this log: the keys that may sign it, and
the custodians as witnesses. The job file beside the log names them, so --trust is needed.`,
		Example: `  sledge custody policy custody --trust signer.pub`,
	}
	trust := cmd.Flags().String("trust", "", "the job signer's public key (signer.pub) or fingerprint (sha256:…)")
	return a.verb(cmd, func(_ context.Context, args []string) (report, error) {
		if *trust == "" {
			return nil, usagef("--trust is missing: whose job is it?")
		}
		f := receiveFlags{job: filepath.Join(args[0], "job.dsse")}
		f.trust = *trust
		job, err := f.jobFile()
		if err != nil {
			return nil, err
		}
		note, err := files.ReadIn(args[0], "checkpoint", manifest.MaxCheckpoint)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", custody.ErrNoLog, err)
		}
		origin, _, _ := strings.Cut(string(note), "\n")
		return policyOf(job, origin)
	})
}

// policyOf writes the policy (c2sp.org/tlog-policy).
func policyOf(job *manifest.Job, origin string) (report, error) {
	var out strings.Builder
	logKey := func(key ed25519.PublicKey) error {
		vkey, err := crypto.NoteKey(origin, key)
		fmt.Fprintf(&out, "log %s\n", vkey)
		return err
	}
	for _, d := range job.Devices {
		if strings.Contains(origin, "/"+d.ID.String()+"/") {
			if err := logKey(d.PublicKey.PublicKey); err != nil {
				return nil, err
			}
		}
	}
	for _, c := range job.Roles.Custodian {
		if err := logKey(c.Vkey.Key); err != nil {
			return nil, err
		}
	}
	for i, c := range job.Roles.Custodian {
		fmt.Fprintf(&out, "witness custodian-%d %s\n", i+1, c.Vkey)
	}
	if len(job.Roles.Custodian) == 0 {
		out.WriteString("quorum none\n")
		return &policyReport{out.String()}, nil
	}
	out.WriteString("group custodians any")
	for i := range job.Roles.Custodian {
		fmt.Fprintf(&out, " custodian-%d", i+1)
	}
	out.WriteString("\nquorum custodians\n")
	return &policyReport{out.String()}, nil
}
