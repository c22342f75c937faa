package keyless

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/sledge-io/sledge/internal/cmdline"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/terminal"
	"github.com/sledge-io/sledge/internal/verdict"
)

// ErrTooFewDisks: with the disks that are here not all of a device can be read.
var ErrTooFewDisks = errors.New("too few disks")

// SetReport is what was found of a device's disks.
type SetReport struct{ *fsck.Report }

func (r *SetReport) Print(w io.Writer) {
	terminal.PrintIf(w, r.Job != "", "job         %s\ndevice      %s, generation %d\n", r.Job, r.Device, r.Generation)
	state := "sealed"
	if !r.Sealed {
		state = "not sealed: only what was committed can be checked"
	}
	fmt.Fprintf(w, "state       %s\norigin      %s\nchecked     %s, %s, %s; %s read\n", state, r.Origin,
		terminal.Plural(r.Packs, "pack"), terminal.Plural(r.IndexPacks, "index pack"), terminal.Plural(r.Pages, "page"), terminal.Size(r.BytesRead))
	terminal.PrintIf(w, r.Stripes > 0, "blocks      %s, %d bad\n", terminal.Plural(r.Stripes, "stripe"), r.BlocksBad)
	verdict.PrintFindings(w, r.Findings)
	fmt.Fprintf(w, "verdict     %s\n", r.Verdict)
}

// End is the verdict as an error. A loss that more disks would undo is not called one.
func (r *SetReport) End() error {
	if r.Verdict == fsck.VerdictLost && r.TooFewDisks {
		for _, f := range r.Findings {
			if f.Class == "disks-missing" {
				return fmt.Errorf("%w: %s", ErrTooFewDisks, f.Text)
			}
		}
	}
	return verdict.Error(r.Verdict, r.Origin, r.Findings)
}

// set is a verb over the disks. It has no --no-label: without a label the report says what
// that means.
func set(v *Verb, check func(context.Context, fsck.Options) (*fsck.Report, error)) *Verb {
	var c Check
	v.Flags = func(flags cmdline.Flags) {
		flags.StringVar(&c.Trust, "trust", "", trustUsage)
		flags.StringVar(&c.Label, "label", "", "the label file that came by another way than the disks")
	}
	v.Run = func(ctx context.Context, s *Session, _ []string) (cmdline.Report, error) {
		m := s.Meter()
		defer m.End()
		o, done, err := s.Options(c, m)
		if err != nil {
			return nil, err
		}
		defer done()
		r, err := check(ctx, o)
		m.End()
		if err != nil {
			return nil, err
		}
		rep := &SetReport{r}
		return rep, rep.End()
	}
	return v
}

// Disks is the verb that reads everything.
func Disks() *Verb {
	return set(&Verb{
		Use:   "disks",
		Short: "check every block of every disk",
		Long: `Check the whole chain, from the job signer's key to every data block and parity
block on the disks, in any order and number. Nothing is decrypted and nothing is
written. Works on an unsealed device, too, for what was committed.`,
		Example: `  sledge verify disks --trust signer.pub --label device.label --disk '/mnt/bay*'
  sledge verify disks --trust sha256:1f0c… --disk /mnt/a,/mnt/b,/mnt/c --json`,
	}, fsck.Disks)
}

// Manifest is the verb that reads what is signed.
func Manifest() *Verb {
	return set(&Verb{
		Use:   "manifest",
		Short: "check signatures, log and pages, without reading the data",
		Long: `Check everything that is signed: job file, checkpoint, log, seal statement, and the
manifest's pages. It reads little, so it says nothing about the data blocks:
"sledge verify disks" does.`,
		Example: `  sledge verify manifest --trust signer.pub --label device.label --disk '/mnt/bay*'`,
	}, fsck.Manifest)
}
