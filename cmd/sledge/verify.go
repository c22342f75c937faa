package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/progress"
	"github.com/sledge-io/sledge/internal/verdict"
)

// fsckTrust is --trust for the independent verifier; nil is no trust.
func fsckTrust(s string) (*fsck.Trust, error) {
	if s == "" {
		return nil, nil
	}
	key, fingerprint, err := parseTrust(s)
	if err != nil {
		return nil, err
	}
	return &fsck.Trust{Key: key, Fingerprint: fingerprint}, nil
}

// fsckOptions are disks, trust and label for the independent verifier.
func (a *app) fsckOptions(f *chainFlags, m *progress.Meter) (o fsck.Options, done func(), err error) {
	if f.label != "" {
		if o.Label, err = f.labelText(); err != nil {
			return o, nil, err
		}
	}
	if o.Trust, err = fsckTrust(f.trust); err != nil {
		return o, nil, err
	}
	o.Progress = func(s fsck.Status) { m.Tell(fsckSample(s)) }
	o.Disks, done, err = a.readOnlyDisks()
	if err != nil {
		return o, nil, err
	}
	if o.Workers, err = fsckWorkers(len(o.Disks)); err != nil {
		done()
		return o, nil, err
	}
	o.ReadSize = readSize(o.Disks)
	return o, done, err
}

func fsckSample(s fsck.Status) progress.Sample {
	return progress.Sample{Phase: s.Phase, Bytes: s.BytesDone, TotalBytes: s.BytesTotal, More: fmt.Sprintf("%d of %s", s.PacksDone, plural(s.PacksTotal, "pack"))}
}

type fsckReport struct{ *fsck.Report }

func (r *fsckReport) Print(w io.Writer) {
	printIf(w, r.Job != "", "job         %s\ndevice      %s, generation %d\n", r.Job, r.Device, r.Generation)
	state := "sealed"
	if !r.Sealed {
		state = "not sealed: only what was committed can be checked"
	}
	fmt.Fprintf(w, "state       %s\norigin      %s\nchecked     %s, %s, %s; %s read\n", state, r.Origin,
		plural(r.Packs, "pack"), plural(r.IndexPacks, "index pack"), plural(r.Pages, "page"), size(r.BytesRead))
	printIf(w, r.Stripes > 0, "blocks      %s, %d bad\n", plural(r.Stripes, "stripe"), r.BlocksBad)
	verdict.PrintFindings(w, r.Findings)
	fmt.Fprintf(w, "verdict     %s\n", r.Verdict)
}

func verdictError(v fsck.Verdict, origin string, findings []fsck.Finding) error {
	return verdict.Error(v, origin, findings)
}

// setError is verdictError for a set of disks: a loss that more disks would undo
// is not called one.
func setError(r *fsck.Report) error {
	if r.Verdict == fsck.VerdictLost && r.TooFewDisks {
		for _, f := range r.Findings {
			if f.Class == "disks-missing" {
				return fmt.Errorf("%w: %s", appliance.ErrTooFewDisks, f.Text)
			}
		}
	}
	return verdictError(r.Verdict, r.Origin, r.Findings)
}

func (a *app) verifySet(cmd *cobra.Command, name string, check func(context.Context, fsck.Options) (*fsck.Report, error)) *cobra.Command {
	var f chainFlags // no --no-label: without a label the report says what that means
	f.addKey(cmd.Flags())
	f.addLabel(cmd.Flags())
	return a.verb(cmd, func(ctx context.Context, _ []string) (report, error) {
		m := a.meter(name)
		defer m.End()
		o, done, err := a.fsckOptions(&f, m)
		if err != nil {
			return nil, err
		}
		defer done()
		r, err := check(ctx, o)
		m.End()
		if err != nil {
			return nil, err
		}
		return &fsckReport{r}, setError(r)
	})
}

func (a *app) verifyDisks() *cobra.Command {
	return a.verifySet(&cobra.Command{
		Use:   "disks",
		Short: "check every block of every disk",
		Long: `Check the whole chain, from the job signer's key to every data block and parity
block on the disks, in any order and number. Nothing is decrypted and nothing is
written. Works on an unsealed device, too, for what was committed.`,
		Example: `  sledge verify disks --trust signer.pub --label device.label --disk '/mnt/bay*'
  sledge verify disks --trust sha256:1f0c… --disk /mnt/a,/mnt/b,/mnt/c --json`,
	}, "verify", fsck.Disks)
}

func (a *app) verifyManifest() *cobra.Command {
	return a.verifySet(&cobra.Command{
		Use:   "manifest",
		Short: "check signatures, log and pages, without reading the data",
		Long: `Check everything that is signed: job file, checkpoint, log, seal statement, and the
manifest's pages. It reads little, so it says nothing about the data blocks:
"sledge verify disks" does.`,
		Example: `  sledge verify manifest --trust signer.pub --label device.label --disk '/mnt/bay*'`,
	}, "verify", fsck.Manifest)
}

type proofReport struct {
	*fsck.ProofReport
	Content string `json:"content"` // same, or not compared
}

func (r *proofReport) Print(w io.Writer) {
	rec := &r.Record
	switch rec.Kind {
	case fsck.KindFile, fsck.KindHardLink:
		fmt.Fprintf(w, "%-11s %s, %s\n", kindNoun(rec.Kind), escape(string(rec.Path)), size(int64(rec.Size)))
	case fsck.KindSymlink:
		fmt.Fprintf(w, "%-11s %s -> %s\n", kindNoun(rec.Kind), escape(string(rec.Path)), escape(string(rec.Target)))
	default:
		fmt.Fprintf(w, "%-11s %s\n", kindNoun(rec.Kind), escape(string(rec.Path)))
	}
	for _, line := range []struct{ name, why string }{{"skipped", rec.Skipped}, {"older", rec.Remark}} {
		printIf(w, line.why != "", "%-11s %s\n", line.name, escape(reasonText(line.why, rec.Details)))
	}
	printIf(w, rec.SHA256 != nil, "sha256      %x\n", rec.SHA256)
	fmt.Fprintf(w, "content     %s\njob         %s\ndevice      %s, generation %d\norigin      %s\nin the log  entry %d of %d\n", r.Content, r.Job, r.Device, r.Generation, r.Origin, r.LogIndex, r.LogSize)
}

// kindNoun says what a record is of.
func kindNoun(kind uint64) string {
	switch kind {
	case fsck.KindFile:
		return "file"
	case fsck.KindHardLink:
		return "hard link"
	case fsck.KindDirectory:
		return "directory"
	case fsck.KindSymlink:
		return "symlink"
	case fsck.KindSkipped:
		return "skipped"
	case fsck.KindWithdrawn:
		return "withdrawn"
	}
	return "entry"
}

// hasContent tells whether a kind of record has bytes to compare with a file's.
func hasContent(kind uint64) bool { return kind == fsck.KindFile || kind == fsck.KindHardLink }

func (a *app) verifyProof() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "proof FILE",
		Short: "check the proof of one file, without the disks",
		Example: `  sledge verify proof hosts.proof --trust signer.pub --file hosts
  sledge verify proof hosts.proof --trust sha256:1f0c… --sha256 9f86d0…`,
	}
	trust := cmd.Flags().String("trust", "", "the job signer's public key (signer.pub) or fingerprint (sha256:…)")
	plain := cmd.Flags().String("file", "", "the plain file to compare with")
	sum := cmd.Flags().String("sha256", "", "its SHA-256 instead of the file, in hexadecimal")
	return a.verb(cmd, func(_ context.Context, args []string) (report, error) {
		if *plain != "" && *sum != "" {
			return nil, usagef("--file and --sha256 exclude each other")
		}
		digest, err := parseDigest(*sum)
		if err != nil {
			return nil, err
		}
		t, err := fsckTrust(*trust)
		if err != nil {
			return nil, err
		}
		proof, err := files.Read(args[0], 8<<20)
		if err != nil {
			return nil, err
		}
		if t == nil {
			t = &fsck.Trust{}
		}
		p, err := fsck.VerifyProof(proof, *t)
		if err != nil {
			return nil, fmt.Errorf("%s: %w: %w", args[0], errRefused, err)
		}
		r := &proofReport{p, "not compared: give --file or --sha256"}
		if !hasContent(p.Record.Kind) {
			r.Content = "none to compare"
		}
		if err := r.compare(*plain, digest); err != nil {
			return r, err
		}
		if p.Origin != fsck.OriginProven {
			return r, errUnproven
		}
		return r, nil
	})
}

// parseDigest reads --sha256; nil is none.
func parseDigest(text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != 32 {
		return nil, usagef("--sha256 %q is not 64 hexadecimal characters", text)
	}
	return raw, nil
}

func (r *proofReport) compare(plain string, sum []byte) error {
	var err error
	switch kind := r.Record.Kind; {
	case plain == "" && sum == nil:
		return nil
	case !hasContent(kind) && (kind != fsck.KindSymlink || sum != nil):
		return hint(usagef("the proof is of a %s, which has no content to compare", kindNoun(kind)), "leave --file and --sha256 out: the proof itself holds")
	case sum != nil:
		err = r.CheckSHA256([32]byte(sum))
	default:
		err = r.comparePlain(plain)
	}
	switch {
	case err == nil:
		r.Content = "the same as when it was loaded"
	case errors.Is(err, fsck.ErrNoDigest) && sum != nil:
		r.Content = "not compared"
		return hint(&usageError{Err: err}, "compare with the file itself: --file PLAINFILE")
	case errors.Is(err, fsck.ErrContent):
		r.Content = "DIFFERENT from what was loaded"
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	return err
}

// comparePlain compares a file's content, or where a symlink points to.
func (r *proofReport) comparePlain(name string) error {
	if info, err := os.Lstat(name); r.Record.Kind == fsck.KindSymlink && err == nil && info.Mode().Type() == os.ModeSymlink {
		target, err := os.Readlink(name)
		if err != nil {
			return err
		}
		return r.CheckPlain(strings.NewReader(target))
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return r.CheckPlain(f)
}
