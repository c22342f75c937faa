package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/firmware"
)

type statusReport struct {
	Device     string          `json:"device"`
	State      string          `json:"state"`
	Busy       bool            `json:"busy"` // another command is at work
	Protection string          `json:"protection"`
	Job        string          `json:"job,omitempty"`
	Generation uint32          `json:"generation,omitempty"`
	Expires    *time.Time      `json:"expires,omitempty"`
	Expired    bool            `json:"expired,omitempty"`
	Disks      *diskStatus     `json:"disks,omitempty"` // only while unlocked, with --disk
	WrapCheck  string          `json:"wrap_check,omitempty"`
	Next       string          `json:"next"`
	History    []firmware.Past `json:"history"`
}

// diskStatus is what is safe on the disks.
type diskStatus struct {
	Entries     uint64   `json:"entries"`
	Bytes       int64    `json:"bytes"`
	Packs       uint64   `json:"packs"`
	PackBytes   int64    `json:"pack_bytes"`
	Degraded    uint64   `json:"degraded_packs"`
	LongFiles   int      `json:"long_files_in_progress"`
	Bays        int      `json:"bays"`
	MissingBays []int    `json:"missing_bays"`
	FailedDisks []string `json:"failed_disks"`
	FreeBytes   int64    `json:"free_bytes"`
	ReadBack    uint64   `json:"packs_read_back"`
	ReadAgain   []int    `json:"bays_written_since"` // after what was read back of them: a sample is due
}

func newDiskStatus(s appliance.Status) *diskStatus {
	return &diskStatus{
		Entries: s.Entries, Bytes: s.Bytes, Packs: s.Packs, PackBytes: s.BodyBytes, Degraded: s.Degraded, LongFiles: s.OpenFiles,
		Bays: s.Disks, MissingBays: append([]int{}, s.MissingBays...), FailedDisks: append([]string{}, s.FailedDisks...), FreeBytes: s.FreeBytes,
		ReadBack: s.ReadBack, ReadAgain: append([]int{}, s.ReadAgain...),
	}
}

func (s *diskStatus) print(w io.Writer) {
	fmt.Fprintf(w, "safe        %s, %s, in %s of %s", plural(s.Entries, "entry"), size(s.Bytes), plural(s.Packs, "pack"), size(s.PackBytes))
	if s.LongFiles > 0 {
		fmt.Fprintf(w, "; %s in progress", plural(s.LongFiles, "long file"))
	}
	fmt.Fprintf(w, "\nroom        about %s\n", size(s.FreeBytes))
	if len(s.MissingBays) > 0 {
		fmt.Fprintf(w, "missing     bays %v of %d\n", s.MissingBays, s.Bays)
	}
	if s.Degraded > 0 {
		fmt.Fprintf(w, "degraded    %s with lost shards\n", plural(s.Degraded, "pack"))
	}
}

func (r *statusReport) print(w io.Writer) {
	fmt.Fprintf(w, "device      %s\nstate       %s", r.Device, r.State)
	if r.Busy {
		fmt.Fprintf(w, ", and a command is at work")
	}
	fmt.Fprintf(w, "\nkey         %s\n", r.Protection)
	if r.Job != "" {
		fmt.Fprintf(w, "job         %s, generation %d\n", r.Job, r.Generation)
	}
	if r.Expires != nil {
		fmt.Fprintf(w, "expires     %s\n", r.Expires.Format("2006-01-02 15:04 MST"))
	}
	if r.Disks != nil {
		r.Disks.print(w)
	}
	if r.WrapCheck != "" {
		fmt.Fprintf(w, "wrap check  %s: send it to the data centre (sledge site check-wrap)\n", escape(r.WrapCheck))
	}
	fmt.Fprintf(w, "next        %s\n", r.Next)
}

// nextStep says what the operator does now.
var nextStep = map[firmware.State]string{
	firmware.Provisioned: "sledge unlock --job job.dsse",
	firmware.Locked:      "sledge unlock",
	firmware.Unlocked:    "sledge load DIR, or sledge seal",
	firmware.Loading:     "the same sledge load again: it was not finished",
	firmware.Sealed:      "ship the disks with their label",
}

func (a *app) statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "tell the device's state and what is safe on the disks",
		Long: `Tell the device's state. With --disk, and while the device is unlocked, also what
has been committed to the disks, which bays are missing, and how much room is
left.`,
		Example: `  sledge status
  sledge status --disk '/mnt/bay*' --json
  sledge status --disk '/mnt/bay*' --wrap-check device.wrapcheck`,
		Args: cobra.NoArgs,
	}
	wrapCheck := cmd.Flags().String("wrap-check", "", "write the file that \"sledge site check-wrap\" proves")
	return a.verb(cmd, func(context.Context, []string) (report, error) { return a.status(*wrapCheck) })
}

func (a *app) status(wrapCheck string) (report, error) {
	d, err := a.openDevice(false)
	if err != nil {
		return nil, err
	}
	r := a.describeState(d)
	unlocked := d.State() == firmware.Unlocked || d.State() == firmware.Loading
	if err := d.close(); err != nil {
		return nil, err
	}
	_, noDisks := a.diskPaths()
	if wrapCheck == "" && (r.Busy || !unlocked || errors.Is(noDisks, errNoDisks)) {
		return r, nil
	}
	w, err := a.openWork(firmware.EventLock) // allowed in every state that has a secret
	if err != nil && wrapCheck == "" && errors.Is(err, firmware.ErrNoSecret) {
		r.State, r.Next = string(firmware.Locked), nextStep[firmware.Locked] // started again since
		return r, nil
	}
	if err != nil {
		return r, err
	}
	defer w.close()
	r.Disks = newDiskStatus(w.Status())
	if wrapCheck == "" {
		return r, nil
	}
	bundle, err := w.WrapCheck()
	if err != nil {
		return r, err
	}
	r.WrapCheck = wrapCheck
	r.Next = "sledge load DIR, or, with the data centre's answer, sledge seal --wrap-answer ANSWER"
	return r, writeNew(wrapCheck, bundle, false)
}

func (a *app) describeState(d *device) *statusReport {
	rec := d.Record()
	r := &statusReport{
		Device: d.ID().String(), State: string(d.State()), Busy: firmware.Busy(d.fs), Protection: rec.Protection,
		History: rec.History, Next: nextStep[d.State()],
	}
	if rec.Job != (firmware.ID{}) {
		r.Job, r.Generation = rec.Job.String(), rec.Generation
	}
	if job, _, err := d.job(); err == nil {
		r.Expires, r.Expired = &job.Expires, a.now().After(job.Expires)
	}
	if d.SealBegun() && d.State() != firmware.Sealed {
		r.Next = "sledge seal again: it was not finished"
	}
	if r.Busy {
		r.Next = "wait for the command that is at work"
	}
	return r
}
