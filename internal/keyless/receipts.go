package keyless

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/internal/cmdline"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/terminal"
	"github.com/sledge-io/sledge/internal/verdict"
	"github.com/sledge-io/sledge/internal/vfs"
)

// ReceiptsReport is what imports' receipts come to, without a question to any store.
type ReceiptsReport struct {
	Devices  []*Device     `json:"devices"`
	Missing  []string      `json:"missing"`  // devices of the jobs without receipts here
	Complete bool          `json:"complete"` // of several devices: all devices of the job
	Origin   string        `json:"origin"`
	Compared string        `json:"compared"` // of the objects: none
	Verdict  *fsck.Verdict `json:"receipts_verdict,omitempty"`
	Words    string        `json:"verdict"` // of all, as people read it

	lacks bool
}

func newReceiptsReport(devices []*Device) *ReceiptsReport {
	s := SumOf(devices)
	r := &ReceiptsReport{Devices: devices, Missing: s.Missing, Complete: s.Complete, Origin: s.Origin, Compared: "none", Verdict: s.Verdict, lacks: s.Lacks}
	r.Words = r.words()
	return r
}

func (r *ReceiptsReport) Print(w io.Writer) {
	for _, d := range r.Devices {
		terminal.PrintIf(w, len(r.Devices) > 1, "receipts    %s\n", terminal.Escape(d.Receipts))
		d.Print(w)
	}
	PrintMissing(w, r.Missing)
	fmt.Fprintf(w, "store       not asked\nverdict     %s, origin %s\n", r.Words, r.Origin)
}

// PrintMissing names devices without receipts.
func PrintMissing(w io.Writer, missing []string) {
	for _, device := range missing {
		fmt.Fprintf(w, "without     device %s of the job: no receipts of it were given\n", device)
	}
}

// words is the verdict for people. Nothing is called clean that was not looked at.
func (r *ReceiptsReport) words() string {
	receipts, err := fmt.Sprintf("receipts %v", *r.Verdict), r.End()
	switch {
	case *r.Verdict == fsck.VerdictRefused:
		return fmt.Sprintf("%v, objects not compared", *r.Verdict)
	case errors.Is(err, verdict.ErrObjects):
		return "not everything is in the target or proven"
	case errors.Is(err, ErrOtherTarget):
		return receipts + ", for another target than the job's"
	}
	return receipts + ", objects not compared"
}

// End is the whole verdict as an error: receipts that do not hold first, then what the import
// itself left open.
func (r *ReceiptsReport) End() error {
	for _, of := range []func(*Device) error{(*Device).Proven, (*Device).Imported} {
		for _, d := range r.Devices {
			if err := of(d); err != nil {
				return err
			}
		}
	}
	if r.lacks {
		return LacksError(r.Missing)
	}
	for _, d := range r.Devices {
		if err := d.Unsettled(); err != nil {
			return err
		}
	}
	return nil
}

// ReceiptsFlags say what receipts are held against.
type ReceiptsFlags struct {
	Trust   string
	Labels  []string
	NoLabel bool
	Target  string // that was agreed; "" is the job's
}

// Check verifies the receipts of one or several devices against their disks.
func (f *ReceiptsFlags) Check(ctx context.Context, s *Session, names []string) (cmdline.Report, error) {
	folders, err := s.Receipts(names)
	if err != nil {
		return nil, err
	}
	disks, err := s.Disks()
	if err != nil {
		return nil, err
	}
	found, err := Match(folders, disks, f.Labels, f.NoLabel)
	if err != nil {
		return nil, err
	}
	var devices []*Device
	for _, m := range found {
		d := &Device{Receipts: m.Folder}
		if d.ReceiptReport, err = s.VerifyReceipts(ctx, m, f.Trust); err != nil {
			return nil, err
		}
		if d.Canceled, err = s.Canceled(m.Folder, d.Run); err != nil {
			return nil, fmt.Errorf("%s: %w", m.Folder, err)
		}
		d.CompareTarget(f.Target)
		devices = append(devices, d)
	}
	r := newReceiptsReport(devices)
	return r, r.End()
}

// VerifyReceipts proves one device's receipts against its disks; without disks there is
// nothing to prove them by, and no report.
func (s *Session) VerifyReceipts(ctx context.Context, of *Matched, trust string) (*fsck.ReceiptReport, error) {
	root, err := os.OpenRoot(of.Folder)
	if err != nil {
		return nil, fmt.Errorf("receipts: %w", err)
	}
	defer root.Close()
	if len(of.Disks) == 0 {
		return nil, nil
	}
	m := s.Meter()
	defer m.End()
	o, done, err := s.OptionsOf(func() ([]string, error) { return of.Disks, nil }, Check{Trust: trust, Label: of.Label, Text: of.text}, m)
	if err != nil {
		return nil, err
	}
	defer done()
	return fsck.VerifyReceipts(ctx, vfs.Plain(root), fsck.ReceiptOptions{Options: o})
}

// Import is the verb for receipts in a program that asks no store. --offline is taken, for it
// says what is done anyway.
func Import() *Verb {
	var f ReceiptsFlags
	var offline bool
	return &Verb{
		Use:   "import RECEIPTS...",
		Short: "check imports' receipts against the manifest",
		Long: `RECEIPTS is the receipts folder of an import. Those of several devices of a job are
checked as one. With any one disk of each device this proves that an importer whom the job
names signed the receipts, and that they cover the manifest. No store is asked: whether the
objects are there is for "sledge verify import".`,
		Example: `  sledge verify import receipts --offline --trust signer.pub --label device.label --disk /mnt/bay0`,
		Flags: func(flags cmdline.Flags) {
			flags.StringVar(&f.Trust, "trust", "", trustUsage)
			flags.StringArrayVar(&f.Labels, "label", nil, "a device's label file that came by another way than the disks; repeat it for each device")
			flags.BoolVar(&f.NoLabel, "no-label", false, "continue without a label: an older state of the device would not be noticed")
			flags.BoolVar(&offline, "offline", false, "check the receipts only: this program asks no store, with or without it")
			flags.StringVar(&f.Target, "target", "", "s3://BUCKET/PREFIX/ that was agreed, if it is not the job's")
		},
		Run: func(ctx context.Context, s *Session, args []string) (cmdline.Report, error) {
			if len(f.Labels) > 0 && f.NoLabel {
				return nil, advice.Usagef("--label and --no-label exclude each other")
			}
			return f.Check(ctx, s, args)
		},
	}
}
