package keyless

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/internal/cmdline"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/terminal"
	"github.com/sledge-io/sledge/internal/verdict"
	"github.com/sledge-io/sledge/internal/vfs"
)

// CommitReport is what a commit marker commits.
type CommitReport struct {
	*fsck.CommitReport
	Receipts string `json:"receipts"` // the same, or not compared
}

func (r *CommitReport) Print(w io.Writer) {
	complete := "NO: objects are missing or not proven"
	if r.Complete {
		complete = "yes"
	}
	fmt.Fprintf(w, "target      %s\nobjects     %d, %s\ncomplete    %s\n", terminal.Escape(r.Target), r.Objects, terminal.Size(int64(r.Bytes)), complete)
	fmt.Fprintf(w, "job         %s\ndevice      %s, generation %d\nrun         %s, finished %s, signed by importer %s\n",
		r.Job, r.Device, r.Generation, terminal.Escape(r.Run), r.Finished.Format(time.RFC3339), r.Importer)
	fmt.Fprintf(w, "receipts    %s, checkpoint sha256:%s; %s\norigin      %s\n", terminal.Plural(r.ReceiptSize, "line"), r.SHA256, r.Receipts, r.Origin)
}

// Commit is the verb for an import's commit marker.
func Commit() *Verb {
	var trust, receipts string
	var expect commitExpect
	return &Verb{
		Use:   "commit FILE",
		Short: "check the commit marker of an import",
		Long: `The commit marker is the last object that an import writes. This proves that an
importer whom the job names signed it, and shows what it commits. --job, --device and
--run say of which import it must be: a prefix may hold an earlier one's. Whether the
objects stand there is for "sledge verify import", with the receipts that the marker
names.`,
		Example: `  sledge verify commit marker.dsse --trust sha256:1f0c… --receipts /srv/import/job1/receipts`,
		Flags: func(flags cmdline.Flags) {
			flags.StringVar(&trust, "trust", "", trustUsage)
			flags.StringVar(&receipts, "receipts", "", "the receipts folder to compare with")
			expect.add(flags)
		},
		Run: func(ctx context.Context, s *Session, args []string) (cmdline.Report, error) {
			t, err := someTrust(trust)
			if err != nil {
				return nil, err
			}
			marker, err := s.Marker(ctx, args[0])
			if err != nil {
				return nil, err
			}
			c, err := fsck.VerifyCommit(marker, t)
			if err != nil {
				return nil, advice.Hint(fmt.Errorf("%s: %w: %w", args[0], verdict.ErrRefused, err), "do not read what is below it; ask the importer")
			}
			r := &CommitReport{c, "not compared: give --receipts"}
			if err := expect.check(args[0], c); err != nil {
				return r, err
			}
			if err := r.compare(receipts); err != nil {
				return r, err
			}
			return r, r.End()
		},
	}
}

// MarkerFile reads a marker from a file. One in a store has to be fetched before.
func MarkerFile(_ context.Context, name string) ([]byte, error) {
	if strings.HasPrefix(name, "s3://") {
		return nil, advice.Hint(advice.Usagef("%s: this program asks no store", name), "fetch the marker, and name its file; or let sledge verify commit read it")
	}
	return files.Read(name, maxStatement)
}

func (r *CommitReport) compare(dir string) error {
	if dir == "" {
		return nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("receipts: %w", err)
	}
	defer root.Close()
	if err := r.CheckReceipts(vfs.Plain(root)); err != nil {
		r.Receipts = "DIFFERENT from what the marker commits"
		return advice.Hint(fmt.Errorf("%s: %w: %w", dir, verdict.ErrRefused, err), "take the receipts of run %s", r.Run)
	}
	r.Receipts = "the ones given"
	return nil
}

// End is the verdict as an error.
func (r *CommitReport) End() error {
	switch {
	case r.Origin != fsck.OriginProven:
		return verdict.ErrUnproven
	case !r.Complete:
		return advice.Hint(fmt.Errorf("%w: the marker says that the import is not complete", verdict.ErrObjects), "the receipts name what is missing")
	}
	return nil
}

// commitExpect is what a reader knows of the import that he waits for. A marker
// that is signed and of another one is not his.
type commitExpect struct{ target, job, device, run string }

func (e *commitExpect) add(flags cmdline.Flags) {
	flags.StringVar(&e.target, "target", "", "s3://BUCKET/PREFIX/ that the marker must commit (default: one that its own address lies in); for a copy")
	flags.StringVar(&e.job, "job", "", "JOB that it must be of")
	flags.StringVar(&e.device, "device", "", "DEVICE that it must be of")
	flags.StringVar(&e.run, "run", "", "RUN of the import that it must be of: its --run-id, or as the import's report has it, with the attempt and the state folder's digits")
}

// check holds a marker that was read from name to what is expected.
func (e *commitExpect) check(name string, r *fsck.CommitReport) error {
	want := e.target
	if want != "" {
		if rest, ok := strings.CutPrefix(want, "s3://"); !ok || rest == "" || rest[0] == '/' {
			return advice.Usagef("target %q is not s3://bucket/prefix/", want)
		}
		if !strings.HasSuffix(want, "/") {
			want += "/"
		}
	}
	for _, f := range []struct{ what, want, got string }{
		{"target", want, r.Target}, {"job", e.job, r.Job}, {"device", e.device, r.Device}, {"run", e.run, r.Run},
	} {
		if f.want != "" && f.want != f.got && !(f.what == "run" && r.OfRun(f.want)) {
			return advice.Hint(fmt.Errorf("%s: %w: it is of %s %s, not of %s", name, verdict.ErrRefused, f.what, f.got, f.want), "it is another import's: do not read what is below it for this one's")
		}
	}
	if want == "" && strings.HasPrefix(name, "s3://") && (r.Target == "" || !strings.HasPrefix(name, r.Target)) {
		return advice.Hint(fmt.Errorf("%s: %w: it commits %s, and does not lie there", name, verdict.ErrRefused, r.Target), "it was copied; whether the objects were, too, it does not say. If you know that, give --target %s", r.Target)
	}
	return nil
}
