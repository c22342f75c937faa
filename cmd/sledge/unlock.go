package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/firmware"
	"github.com/sledge-io/sledge/internal/custody/event"
	"github.com/sledge-io/sledge/internal/files"
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
	Expired bool   `json:"expired,omitempty"`
	Disks   int    `json:"disks"`
	Bays    int    `json:"bays"`
}

func (r *unlockReport) Print(w io.Writer) {
	end := "load before " + r.Expires
	if r.Expired {
		end = "nothing more can be loaded since " + r.Expires + ", what is loaded can be sealed"
	}
	fmt.Fprintf(w, "device %s is %s for job %s with %s; %s\n", r.Device, r.State, r.Job, disksOf(r.Disks, r.Bays), end)
}

func (a *app) unlockCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "unlock --job job.dsse",
		Short: "unlock the device with the code of its job",
		Long: `Take the job file (the first time) and the unlock code, and keep the load key in memory
until "sledge lock", seal or a reboot. The first unlock prepares the disks and needs all
of them. What else they hold is not touched. Each must be a disk of its own, mounted,
with ext4, xfs, btrfs or zfs. Take others with --allow-shared or --allow-filesystem. A
later file of the same job ("sledge job extend") is taken at any time.

The code is asked for on the terminal, or read from --code-file or standard input. It is
never taken from the command line, where other users could see it.`,
		Example: `  sledge unlock --job job.dsse --disk '/mnt/bay*'
  sledge unlock --disk '/mnt/bay*'                  # later: the device knows its job
  sledge unlock --disk '/mnt/bay*' --code-file /run/code`,
	}
	jobName := cmd.Flags().String("job", "", "the job `FILE`; needed the first time")
	codeFile := cmd.Flags().String("code-file", "", "read the unlock code from this `FILE`: the code sheet, or the code alone")
	var allow allowFlags
	allow.add(cmd.Flags())
	return a.verb(cmd, func(ctx context.Context, _ []string) (report, error) {
		return a.unlock(ctx, *jobName, *codeFile, &allow)
	})
}

func (a *app) unlock(ctx context.Context, jobName, codeFile string, allow *allowFlags) (report, error) {
	if err := firmware.HardenProcess(); err != nil {
		return nil, err
	}
	d, err := a.openDevice(true)
	if err != nil {
		return nil, err
	}
	defer d.close()
	if d.SealBegun() && d.State() != firmware.Sealed {
		return nil, fmt.Errorf("job %s: %w", d.Record().Job, appliance.ErrSealBegun)
	}
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
	store, err := firmware.OpenSecrets(d.Record())
	if err != nil {
		return nil, err
	}
	if err := store.Usable(); err != nil { // before the code is asked for
		return nil, err
	}
	if firmware.SwapInUse() {
		a.warn("this machine has swap: the load key in memory may be written to it; switch it off (swapoff -a) or encrypt it")
	}
	if err := a.checkDisks(d, adopt, disks); err != nil {
		return nil, err
	}
	root, err := a.codeRoot(ctx, adopt.job, d.ID(), codeFile)
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
	c := a.config(d, adopt.job, adopt.file, disks)
	c.Taken = func() error { return d.AllowDisks(needed.Shared, needed.Filesystems) }
	c.Allowed = bothAllowed(c.Allowed, needed)
	return a.putSecret(d, adopt, c, root, store)
}

// checkDisks looks at the disks before the device takes another job: with the last
// job's disks in its bays nothing changes.
func (a *app) checkDisks(d *device, j *adoption, disks []appliance.Disk) error {
	if j.event == nil || j.event.Kind != firmware.EventAdoptJob {
		return nil
	}
	c := a.config(d, j.job, j.file, disks)
	c.Scope = manifest.Scope{Job: j.job.ID, Device: manifest.ID(d.ID()), Generation: 1}
	err := appliance.CheckDisks(c)
	if errors.Is(err, appliance.ErrForeign) {
		err = hint(err, "these are disks of another job: ship them if they are sealed, and put the new job's empty disks in; the device has not taken the new job")
	}
	return err
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
			return nil, hint(usagef("this device has no job yet"), "give the job's file: sledge unlock --job job.dsse")
		}
		if err := d.Allows(firmware.EventUnlock); err != nil {
			return nil, hintSealed(d, err)
		}
		job, file, err := d.job()
		if err != nil {
			return nil, err
		}
		return &adoption{job, file, nil}, a.checkUnlock(d, job)
	}
	file, err := files.Read(name, manifest.MaxStatement)
	if err != nil {
		return nil, err
	}
	job, err := manifest.OpenJob(file, d.Signer())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, &jobFileError{err})
	}
	event, err := a.jobEvent(d, job, file)
	if err != nil {
		return nil, err
	}
	return &adoption{job, file, event}, a.checkUnlock(d, job)
}

// jobEvent is what makes a job file the device's: nothing if it is, an extension if
// the device has begun this job with an earlier file, otherwise an adoption.
func (a *app) jobEvent(d *device, job *manifest.Job, file []byte) (*firmware.Event, error) {
	r := d.Record()
	have, err := d.JobFile()
	if err == nil && string(have) == string(file) && d.State() != firmware.Sealed {
		return nil, nil
	}
	event := &firmware.Event{Kind: firmware.EventAdoptJob, Time: a.now(), Job: firmware.ID(job.ID), Serial: job.Serial, JobFile: file}
	if err == nil && firmware.ID(job.ID) == r.Job && !r.FirstUnlock.IsZero() && d.State() != firmware.Sealed {
		if job.Serial <= r.JobSerial {
			return nil, fmt.Errorf("job file has serial %d, the device obeys serial %d: %w", job.Serial, r.JobSerial, firmware.ErrRollback)
		}
		if err := manifest.Extends(have, file); err != nil {
			return nil, fmt.Errorf("job %s has begun, and only its expiry can change: %w: %w", job.ID, err, firmware.ErrForbidden)
		}
		event.Kind = firmware.EventExtendJob
		return event, d.AllowsJob(*event)
	}
	if err := d.Allows(firmware.EventAdoptJob); err != nil {
		return nil, hint(fmt.Errorf("job %s: the device is at work on job %s: %w", job.ID, r.Job, err), "lock the device first: sledge lock")
	}
	return event, d.AllowsJob(*event)
}

// hintSealed says what a sealed device is good for.
func hintSealed(d *device, err error) error {
	if d.State() != firmware.Sealed {
		return err
	}
	return hint(err, "the device is final, nothing can be added any more: ship the disks, and send the label (sledge seal gives it again); for the next job give its file with --job")
}

// checkJob holds a verified job against this device and its clock, for a load.
func (a *app) checkJob(d *device, job *manifest.Job) error {
	if err := a.checkPinned(d, job); err != nil {
		return err
	}
	return a.checkExpiry(job)
}

// checkUnlock is checkJob for an unlock. One that has expired is refused while the
// disks know nothing of the job; after that [appliance.Prepare] looks for data.
func (a *app) checkUnlock(d *device, job *manifest.Job) error {
	if err := a.checkPinned(d, job); err != nil {
		return err
	}
	if r := d.Record(); r.FirstUnlock.IsZero() || r.Job != firmware.ID(job.ID) {
		return a.checkExpiry(job)
	}
	return nil
}

func (a *app) checkPinned(d *device, job *manifest.Job) error {
	if _, ok := job.Device(manifest.ID(d.ID())); !ok {
		return fmt.Errorf("%w: job %s is not for this device (%s)", errJobFile, job.ID, d.ID())
	}
	if now := a.now(); now.Before(job.Created) {
		a.warn("this device's clock says %s, before the job was made (%s): the clock is wrong", now.UTC().Format("2006-01-02 15:04 MST"), job.Created.Format("2006-01-02 15:04 MST"))
	}
	a.warnNoParity(job)
	return nil
}

func (a *app) checkExpiry(job *manifest.Job) error {
	if now := a.now(); now.After(job.Expires) {
		return fmt.Errorf("job %s: %w on %s; this device's clock says %s", job.ID, errExpired, job.Expires.Format("2006-01-02 15:04 MST"), now.UTC().Format("2006-01-02 15:04 MST"))
	}
	return nil
}

// putSecret prepares or opens the disks and keeps the load key. The secret comes
// before the state: a crash between leaves a locked device, and unlock again.
func (a *app) putSecret(d *device, j *adoption, c appliance.Config, root []byte, store *firmware.Secrets) (report, error) {
	k, err := appliance.Prepare(c, root)
	if err != nil {
		return nil, err
	}
	defer clear(k)
	rec := d.Record()
	if keep := appliance.KeepsOverwritten(c.Disks); rec.FirstUnlock.IsZero() && len(keep) > 0 {
		a.warn("disks on %s may keep what is overwritten: nobody can say that the seal erases from them what the unlock code opens; destroy the paper with the code at the seal, as always, and here it is all that protects the data from who has both", strings.Join(keep, ", "))
	}
	if err := d.NoteSecretPlace(store); err != nil {
		return nil, err
	}
	if err := store.Put(firmware.Secret{Job: rec.Job, Device: rec.Device, Generation: rec.Generation, Key: k}); err != nil {
		return nil, err
	}
	if err := a.apply(d, firmware.EventUnlock); err != nil {
		return nil, errors.Join(err, store.Remove(d.ID()))
	}
	until, expired := j.job.Expires.Format("2006-01-02 15:04 MST"), a.now().After(j.job.Expires)
	if expired {
		a.warn("the job has expired on %s: what is loaded can be sealed, and nothing more can be loaded before the data centre extends the job", until)
	}
	a.warnFewDisks(len(c.Disks), j.job.Geometry)
	r := &unlockReport{d.ID().String(), string(d.State()), j.job.ID.String(), until, expired, len(c.Disks), j.job.Geometry.Disks}
	return r, errors.Join(a.lostBefore(c, k), a.record(d, event.Unlocked, map[string]any{"job_serial": j.job.Serial, "result": "unlocked"}))
}

// lostBefore is the error of a device that cannot give back what it had told as safe, or
// of which nobody can tell. Such a device is unlocked all the same: it can be loaded
// again. Where another command is at work, or a seal has begun, those tell.
func (a *app) lostBefore(c appliance.Config, key []byte) error {
	seen, err := appliance.Look(c, key)
	switch {
	case errors.Is(err, appliance.ErrLost):
		return hint(err, "the device is unlocked, but cannot be used with these disks alone: bring every disk of it; if one was replaced, put the old one back into its bay: it may hold the only whole copy")
	case errors.Is(err, appliance.ErrBusy), errors.Is(err, appliance.ErrSealBegun):
		a.warn("nobody has looked at what is on the disks: %v", err)
		return nil
	case err != nil:
		_, more := diagnose(err)
		return &hinted{Err: fmt.Errorf("what is safe on the disks is not known: %w", err), Hints: append([]string{"the device is unlocked; which disk it is: sledge status"}, more...)}
	}
	defer seen.Close()
	return hint(seen.Lost(), "the device is unlocked; keep the source and load it again: that takes what is lost; if a disk was replaced, the old one may have it")
}
