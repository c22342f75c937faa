package keyless

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/internal/cmdline"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/terminal"
	"github.com/sledge-io/sledge/internal/verdict"
)

// ProofReport is what a proof of one file proves.
type ProofReport struct {
	*fsck.ProofReport
	Content string `json:"content"` // same, or not compared
}

func (r *ProofReport) Print(w io.Writer) {
	rec := &r.Record
	switch rec.Kind {
	case fsck.KindFile, fsck.KindHardLink:
		fmt.Fprintf(w, "%-11s %s, %s\n", KindNoun(rec.Kind), terminal.Escape(string(rec.Path)), terminal.Size(int64(rec.Size)))
	case fsck.KindSymlink:
		fmt.Fprintf(w, "%-11s %s -> %s\n", KindNoun(rec.Kind), terminal.Escape(string(rec.Path)), terminal.Escape(string(rec.Target)))
	default:
		fmt.Fprintf(w, "%-11s %s\n", KindNoun(rec.Kind), terminal.Escape(string(rec.Path)))
	}
	for _, line := range []struct{ name, why string }{{"skipped", rec.Skipped}, {"older", rec.Remark}} {
		terminal.PrintIf(w, line.why != "", "%-11s %s\n", line.name, terminal.Escape(ReasonText(line.why, rec.Details)))
	}
	terminal.PrintIf(w, rec.SHA256 != nil, "sha256      %x\n", rec.SHA256)
	fmt.Fprintf(w, "content     %s\njob         %s\ndevice      %s, generation %d\norigin      %s\nin the log  entry %d of %d\n", r.Content, r.Job, r.Device, r.Generation, r.Origin, r.LogIndex, r.LogSize)
}

// ReasonText joins a reason code with its details.
func ReasonText(reason, detail string) string {
	if detail == "" {
		return reason
	}
	return reason + ": " + detail
}

// KindNoun says what a record is of.
func KindNoun(kind uint64) string {
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

// HasContent tells whether a kind of record has bytes to compare with a file's.
func HasContent(kind uint64) bool { return kind == fsck.KindFile || kind == fsck.KindHardLink }

// Proof is the verb for the proof of one file.
func Proof() *Verb {
	var trust, plain, sum string
	return &Verb{
		Use:   "proof FILE",
		Short: "check the proof of one file, without the disks",
		Example: `  sledge verify proof hosts.proof --trust signer.pub --file hosts
  sledge verify proof hosts.proof --trust sha256:1f0c… --sha256 9f86d0…`,
		Flags: func(flags cmdline.Flags) {
			flags.StringVar(&trust, "trust", "", "the job signer's public key (signer.pub) or fingerprint (sha256:…)")
			flags.StringVar(&plain, "file", "", "the plain file to compare with")
			flags.StringVar(&sum, "sha256", "", "its SHA-256 instead of the file, in hexadecimal")
		},
		Run: func(_ context.Context, _ *Session, args []string) (cmdline.Report, error) {
			return checkProof(args[0], trust, plain, sum)
		},
	}
}

func checkProof(name, trust, plain, sum string) (cmdline.Report, error) {
	if plain != "" && sum != "" {
		return nil, advice.Usagef("--file and --sha256 exclude each other")
	}
	digest, err := parseDigest(sum)
	if err != nil {
		return nil, err
	}
	proof, err := files.Read(name, maxProof)
	if err != nil {
		return nil, err
	}
	r, err := proofOf(name, proof, trust, plain, digest)
	if r == nil {
		return nil, err
	}
	return r, err
}

// proofOf checks a proof that was read, and compares with the plain file or its digest, if either
// is given. Without a report the proof is not to be used.
func proofOf(name string, proof []byte, trust, plain string, digest []byte) (*ProofReport, error) {
	t, err := someTrust(trust)
	if err != nil {
		return nil, err
	}
	p, err := fsck.VerifyProof(proof, t)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, verdict.ErrRefused, err)
	}
	r := &ProofReport{p, "not compared: give --file or --sha256"}
	if !HasContent(p.Record.Kind) {
		r.Content = "none to compare"
	}
	if err := r.compare(plain, digest); err != nil {
		return r, err
	}
	if p.Origin != fsck.OriginProven {
		return r, verdict.ErrUnproven
	}
	return r, nil
}

// parseDigest reads --sha256; nil is none.
func parseDigest(text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != 32 {
		return nil, advice.Usagef("--sha256 %q is not 64 hexadecimal characters", text)
	}
	return raw, nil
}

func (r *ProofReport) compare(plain string, sum []byte) error {
	var err error
	switch kind := r.Record.Kind; {
	case plain == "" && sum == nil:
		return nil
	case !HasContent(kind) && (kind != fsck.KindSymlink || sum != nil):
		return advice.Hint(advice.Usagef("the proof is of a %s, which has no content to compare", KindNoun(kind)), "leave --file and --sha256 out: the proof itself holds")
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
		return advice.Hint(&advice.UsageError{Err: err}, "compare with the file itself: --file PLAINFILE")
	case errors.Is(err, fsck.ErrContent):
		r.Content = "DIFFERENT from what was loaded"
		return fmt.Errorf("%w: %w", verdict.ErrRefused, err)
	}
	return err
}

// comparePlain compares a file's content, or where a symlink points to.
func (r *ProofReport) comparePlain(name string) error {
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
