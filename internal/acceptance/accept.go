package acceptance

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/internal/delivery"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/terminal"
	"github.com/sledge-io/sledge/internal/verdict"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// ErrUnwaived: something is not proven and not waived. Nothing was signed.
var ErrUnwaived = errors.New("neither proven nor waived")

// Options of Accept.
type Options struct {
	Receipts []string // folders, one of each device
	Labels   []delivery.Label
	Waivers  []Waiver
	List     string // new file for what is neither proven nor waived; "" is none
	Out      string // new file for the statement
	Note     string // is signed with it
	Software string // is signed with it
	Now      func() time.Time

	// Signer returns the job signer's public key, for a job file that a manifest names.
	Signer func(jobFile []byte) (ed25519.PublicKey, error)
	// Verifier returns trust, disks and progress of one verification, and what ends them.
	Verifier func() (fsck.Options, func(), error)
	// Key returns the key that signs, which must be one of those that the job names.
	Key func(pinned []manifest.PublicKey) (ed25519.PrivateKey, error)
	// Keep makes the statement one of the job's and returns its file; "" where nobody keeps it.
	Keep func(job manifest.ID, statement []byte) (file string, err error)
}

// accepting is the work of one Accept.
type accepting struct {
	o       *Options
	r       *Report
	signer  ed25519.PublicKey
	job     *manifest.Job
	jobFile []byte
}

// Accept checks the receipts, holds what they do not prove against the waivers, and signs.
// A report without an error means that the statement is durable in Out. With an error there
// is a report if it has something to say; its File is "" if nothing was signed.
func Accept(ctx context.Context, o Options) (*Report, error) {
	a := &accepting{o: &o, r: &Report{Devices: []fsck.ReceiptReport{}, Unproven: []*Unproven{}}}
	for _, dir := range o.Receipts {
		if err := a.receipts(ctx, dir); err != nil {
			return nil, err
		}
	}
	if a.job == nil {
		return nil, advice.Usagef("no receipts were named: there is nothing to accept")
	}
	if err := errors.Join(a.missing(), a.leftOut()); err != nil {
		return nil, err
	}
	key, err := o.Key(a.job.Roles.Acceptor)
	if err != nil {
		return nil, err
	}
	idle, err := waive(a.r.Unproven, o.Waivers)
	if err != nil {
		return a.r, err
	}
	if len(idle) > 0 {
		return a.r, advice.Hint(advice.Usagef("the waiver %s %q matches nothing that is not proven", idle[0].Kind, idle[0].Name), "leave it out, or correct the name")
	}
	if err := a.unwaived(); err != nil {
		return a.r, err
	}
	return a.r, a.sign(key)
}

// receipts checks one folder and notes what it does not prove.
func (a *accepting) receipts(ctx context.Context, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("receipts: %w", err)
	}
	defer root.Close()
	device, err := fsck.ReceiptsDevice(vfs.Plain(root))
	if err != nil {
		return fmt.Errorf("%s: %w: %w", dir, verdict.ErrRefused, err)
	}
	if slices.ContainsFunc(a.r.Devices, func(r fsck.ReceiptReport) bool { return r.Manifest.Device == device }) {
		return advice.Hint(advice.Usagef("%s: the receipts of device %s are named twice", dir, device), "name the receipts of one run a device: the latest")
	}
	o, done, err := a.o.Verifier()
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(a.o.Labels, func(l delivery.Label) bool { return l.Scope.Device.String() == device }); i >= 0 {
		o.Label = a.o.Labels[i].Text
	}
	r, err := fsck.VerifyReceipts(ctx, vfs.Plain(root), fsck.ReceiptOptions{Options: o, Object: func(l *fsck.ObjectLine) error {
		if !l.Unproven() {
			return nil
		}
		return a.open(unprovenLine(device, l))
	}})
	done()
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	return a.take(dir, r, o.Label != nil)
}

func (a *accepting) open(u *Unproven) error {
	if len(a.r.Unproven) == maxUnproven {
		return advice.Hint(fmt.Errorf("%w: more than %d entries are not proven", ErrUnwaived, maxUnproven), "mend the import first: the same sledge import run tries again what failed")
	}
	a.r.Unproven = append(a.r.Unproven, u)
	return nil
}

// take adds the report of a folder that holds.
func (a *accepting) take(dir string, r *fsck.ReceiptReport, label bool) error {
	if r.Verdict == fsck.VerdictRefused || r.Manifest.Origin != fsck.OriginProven {
		err := verdict.Error(r.Verdict, r.Manifest.Origin, slices.Concat(r.Findings, r.Manifest.Findings))
		return advice.Hint(fmt.Errorf("%s: %w", dir, err), "accept nothing of this; find out what happened: sledge verify import %s --offline", dir)
	}
	if err := a.agree(r.Manifest.JobFile); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	a.r.Devices = append(a.r.Devices, *r)
	for _, text := range r.Differences {
		if err := a.open(&Unproven{Kind: KindDifference, Name: text, Device: r.Manifest.Device}); err != nil {
			return err
		}
	}
	if r.Target != r.JobTarget {
		if err := a.open(&Unproven{Kind: KindTarget, Name: r.Target, Device: r.Manifest.Device}); err != nil {
			return err
		}
	}
	if !label {
		return a.open(&Unproven{Kind: KindLabel, Name: r.Manifest.Device, Device: r.Manifest.Device})
	}
	return nil
}

// agree takes a device's job file: the first one, or one of another serial of the
// same job with the same target and roles. The newest is what is signed.
func (a *accepting) agree(file []byte) error {
	if bytes.Equal(a.jobFile, file) {
		return nil
	}
	job, jobFile := a.job, a.jobFile
	if err := a.openJob(file); err != nil || job == nil {
		return err
	}
	what := delivery.JobsDiffer(job, a.job)
	switch {
	case what == "job":
		return advice.Hint(advice.Usagef("it is of job %s, the receipts before it are of job %s", a.job.ID, job.ID), "accept each job by itself")
	case job.Serial == a.job.Serial:
		return advice.Hint(fmt.Errorf("%w: it is another one of serial %d than that of the receipts before it", delivery.ErrJobFile, job.Serial), "the site signs one job file a serial: ask it which one is right")
	case what != "":
		return advice.Hint(fmt.Errorf("%w: those of serial %d and serial %d do not agree on the %s", delivery.ErrJobFile, job.Serial, a.job.Serial, what), "accept each device by itself, and waive the others: --waive-device DEVICE")
	case a.job.Serial < job.Serial:
		return a.openJob(jobFile)
	}
	return nil
}

// openJob reads the job file that the manifest names, for what is signed.
func (a *accepting) openJob(file []byte) (err error) {
	if a.signer, err = a.o.Signer(file); err != nil {
		return err
	}
	if a.job, err = manifest.OpenJob(file, a.signer); err != nil {
		return fmt.Errorf("%w: %w", delivery.ErrJobFile, err)
	}
	a.jobFile, a.r.Job, a.r.Serial = file, a.job.ID.String(), a.job.Serial
	return nil
}

func (a *accepting) accepted(device string) bool {
	return slices.ContainsFunc(a.r.Devices, func(r fsck.ReceiptReport) bool { return r.Manifest.Device == device })
}

// missing notes the devices of the job that nobody has brought receipts of.
func (a *accepting) missing() error {
	for _, d := range a.job.Devices {
		if name := d.ID.String(); !a.accepted(name) {
			if err := a.open(&Unproven{Kind: KindDevice, Name: name, Device: name}); err != nil {
				return err
			}
		}
	}
	for i := range a.r.Devices {
		name := a.r.Devices[i].Manifest.Device
		if !slices.ContainsFunc(a.job.Devices, func(d manifest.JobDevice) bool { return d.ID.String() == name }) {
			return advice.Hint(fmt.Errorf("%w: device %s is not in that of serial %d, the newest of those given", delivery.ErrJobFile, name, a.job.Serial), "accept the device by itself")
		}
	}
	for _, l := range a.o.Labels {
		if device := l.Scope.Device.String(); !a.accepted(device) {
			return advice.Usagef("there is a label of device %s, and no receipts", device)
		}
	}
	return nil
}

// unwaived refuses while anything is not proven and not waived.
func (a *accepting) unwaived() error {
	open := slices.DeleteFunc(slices.Clone(a.r.Unproven), func(u *Unproven) bool { return u.Waived })
	a.r.Waived = len(a.r.Unproven) - len(open)
	if a.o.List != "" {
		if err := files.WriteNew(a.o.List, encodeWaivers(open), true); err != nil {
			return err
		}
		a.r.List = a.o.List
	}
	if len(open) == 0 {
		return nil
	}
	return &advice.Hinted{Err: fmt.Errorf("%w: %s", ErrUnwaived, terminal.Plural(len(open), "thing")), Hints: waiverHints(open)}
}
