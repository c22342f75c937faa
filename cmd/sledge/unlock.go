package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/firmware"
	"github.com/sledge-io/sledge/manifest"
)

// config is a device at work on its job.
func (a *app) config(d *device, job *manifest.Job, jobFile []byte, disks []appliance.Disk) appliance.Config {
	return appliance.Config{
		Scope: d.scope(), Job: job, JobFile: jobFile, Key: d.Key(), Disks: disks,
		Now: a.now, Software: software(), Log: a.logger(), Ledger: d, Allowed: allowedBy(d.Record()),
	}
}

type unlockReport struct {
	Device  string `json:"device"`
	State   string `json:"state"`
	Job     string `json:"job"`
	Expires string `json:"expires"`
	Disks   int    `json:"disks"`
}

func (r *unlockReport) print(w io.Writer) {
	fmt.Fprintf(w, "device %s is %s for job %s with %s; load and seal before %s\n", r.Device, r.State, r.Job, plural(r.Disks, "disk"), r.Expires)
}

func (a *app) unlockCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "unlock --job job.dsse",
		Short: "unlock the device with the code of its job",
		Long: `Take the job file (the first time) and the unlock code, and keep the load key in
memory until "sledge lock", seal or a reboot. The first unlock prepares the
disks and needs all of them; what else they hold is not touched. Each must be a
disk of its own, mounted, with ext4, xfs, btrfs or zfs; --allow-shared and
--allow-filesystem take others, once and for this job.

The code is asked for on the terminal, or read from --code-file or standard
input. It is never taken from the command line, where other users could see it.`,
		Example: `  sledge unlock --job job.dsse --disk '/mnt/bay*'
  sledge unlock --disk '/mnt/bay*'                  # later: the device knows its job
  sledge unlock --disk '/mnt/bay*' --code-file /run/code`,
		Args: cobra.NoArgs,
	}
	jobName := cmd.Flags().String("job", "", "the job file; needed the first time")
	codeFile := cmd.Flags().String("code-file", "", "read the unlock code from this file")
	var allow allowFlags
	allow.add(cmd.Flags())
	return a.verb(cmd, func(context.Context, []string) (report, error) { return a.unlock(*jobName, *codeFile, &allow) })
}

func (a *app) unlock(jobName, codeFile string, allow *allowFlags) (report, error) {
	if err := firmware.HardenProcess(); err != nil {
		return nil, err
	}
	d, err := a.openDevice(true)
	if err != nil {
		return nil, err
	}
	defer d.close()
	adopt, err := a.pendingJob(d, jobName)
	if err != nil {
		return nil, err
	}
	disks, done, err := a.openMounted(!allow.shared)
	if err != nil {
		return nil, err
	}
	defer done()
	may := allow.allowed()
	if adopt.event == nil || adopt.event.Job == d.Record().Job {
		may = bothAllowed(may, allowedBy(d.Record()))
	}
	needed, err := appliance.CheckMounts(disks, may)
	if err != nil {
		return nil, hintFolders(err)
	}
	store, err := firmware.OpenSecrets() // before the code is asked for
	if err != nil {
		return nil, err
	}
	if firmware.SwapInUse() {
		a.warn("this machine has swap: the load key in memory may be written to it; switch it off (swapoff -a) or encrypt it")
	}
	root, err := a.codeRoot(adopt.job, codeFile)
	if err != nil {
		return nil, err
	}
	defer clear(root)
	if adopt.event != nil {
		if err := d.Apply(*adopt.event); err != nil {
			return nil, err
		}
	}
	if err := d.Allows(firmware.EventUnlock); err != nil {
		return nil, err
	}
	if err := d.AllowDisks(needed.Shared, needed.Filesystems); err != nil {
		return nil, err
	}
	return a.putSecret(d, adopt, disks, root, store)
}

// adoption is the job to unlock, and the event that makes it the device's.
type adoption struct {
	job   *manifest.Job
	file  []byte
	event *firmware.Event // nil: it is the device's already
}

// pendingJob reads and checks the job file, or the one that the device has.
func (a *app) pendingJob(d *device, name string) (*adoption, error) {
	if name == "" {
		if d.State() == firmware.Provisioned {
			return nil, usagef("this device has no job yet: give its file with --job job.dsse")
		}
		if err := d.Allows(firmware.EventUnlock); err != nil {
			return nil, hintSealed(d, err)
		}
		job, file, err := d.job()
		if err != nil {
			return nil, err
		}
		return &adoption{job, file, nil}, a.checkJob(d, job)
	}
	file, err := readFile(name, manifest.MaxStatement)
	if err != nil {
		return nil, err
	}
	job, err := manifest.OpenJob(file, d.Signer())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, &jobFileError{err})
	}
	r := d.Record()
	if have, err := d.JobFile(); err == nil && string(have) == string(file) && d.State() != firmware.Sealed {
		return &adoption{job, file, nil}, a.checkJob(d, job)
	}
	if err := d.Allows(firmware.EventAdoptJob); err != nil {
		return nil, hint(fmt.Errorf("job %s: the device is at work on job %s: %w", job.ID, r.Job, err), "lock the device first: sledge lock")
	}
	event := &firmware.Event{Kind: firmware.EventAdoptJob, Time: a.now(), Job: firmware.ID(job.ID), Serial: job.Serial, JobFile: file}
	return &adoption{job, file, event}, a.checkJob(d, job)
}

// hintSealed says what a sealed device is good for.
func hintSealed(d *device, err error) error {
	if d.State() != firmware.Sealed {
		return err
	}
	return hint(err, "this generation is final: ship the disks with their label; for the next job give its file with --job")
}

// checkJob holds a verified job against this device and its clock.
func (a *app) checkJob(d *device, job *manifest.Job) error {
	if _, ok := job.Device(manifest.ID(d.ID())); !ok {
		return fmt.Errorf("%w: job %s is not for this device (%s)", errJobFile, job.ID, d.ID())
	}
	now := a.now()
	if now.After(job.Expires) {
		return fmt.Errorf("job %s: %w on %s; this device's clock says %s", job.ID, errExpired, job.Expires.Format("2006-01-02 15:04 MST"), now.UTC().Format("2006-01-02 15:04 MST"))
	}
	if now.Before(job.Created) {
		a.warn("this device's clock says %s, before the job was made (%s): the clock is wrong", now.UTC().Format("2006-01-02 15:04 MST"), job.Created.Format("2006-01-02 15:04 MST"))
	}
	a.warnNoParity(job)
	return nil
}

// codeRoot asks for the code and checks it against the job's verifier.
func (a *app) codeRoot(job *manifest.Job, codeFile string) ([]byte, error) {
	text, err := a.readCode(job, codeFile)
	if err != nil {
		return nil, err
	}
	code, err := crypto.ParseUnlockCode(text)
	if err != nil {
		return nil, err
	}
	root, err := job.Unlock.KDF.Unlock(code, job.Unlock.Verifier)
	if errors.Is(err, crypto.ErrKey) {
		return nil, fmt.Errorf("job %s: %w", job.ID, errWrongCode)
	}
	return root, err
}

// maxCodeText is more than any way to write a code takes.
const maxCodeText = 256

func (a *app) readCode(job *manifest.Job, codeFile string) (string, error) {
	if codeFile != "" {
		if info, err := os.Stat(codeFile); err == nil && info.Mode().Perm()&0o077 != 0 {
			a.warn("%s can be read by others: chmod 600 it, and remove it when it is not needed", codeFile)
		}
		b, err := readFile(codeFile, maxCodeText)
		return string(b), err
	}
	if !term.IsTerminal(int(a.in.Fd())) {
		b, err := io.ReadAll(io.LimitReader(a.in, maxCodeText+1))
		if err == nil && len(b) == 0 {
			err = usagef("no unlock code: standard input is empty and no terminal")
		}
		return string(b), err
	}
	fmt.Fprintf(a.err, "unlock code of job %s: ", job.ID)
	b, err := term.ReadPassword(int(a.in.Fd()))
	fmt.Fprintln(a.err)
	return string(b), err
}

// putSecret prepares or opens the disks and keeps the load key. The secret comes
// before the state: a crash between leaves a locked device, and unlock again.
func (a *app) putSecret(d *device, j *adoption, disks []appliance.Disk, root []byte, store *firmware.Secrets) (report, error) {
	k, err := appliance.Prepare(a.config(d, j.job, j.file, disks), root)
	if err != nil {
		return nil, err
	}
	defer clear(k)
	r := d.Record()
	if err := store.Put(firmware.Secret{Job: r.Job, Device: r.Device, Generation: r.Generation, Key: k}); err != nil {
		return nil, err
	}
	if err := a.apply(d, firmware.EventUnlock); err != nil {
		return nil, errors.Join(err, store.Remove(d.ID()))
	}
	return &unlockReport{d.ID().String(), string(d.State()), j.job.ID.String(), j.job.Expires.Format("2006-01-02 15:04 MST"), len(disks)}, nil
}
