package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/firmware"
	"github.com/sledge-io/sledge/internal/files"
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
	Named      []namedDisk     `json:"named_disks,omitempty"`
	Absent     []int           `json:"absent_bays,omitempty"` // without the key: bays whose disk was not named
	Shared     bool            `json:"shared_disks,omitempty"`
	Allowed    []string        `json:"filesystems,omitempty"`
	WrapCheck  string          `json:"wrap_check,omitempty"`
	Next       string          `json:"next"`
	Then       []string        `json:"then,omitempty"` // the steps after the next one
	History    []firmware.Past `json:"history"`
}

// diskStatus is what is safe on the disks.
type diskStatus struct {
	Entries     uint64   `json:"entries"` // that can be given back: no earlier versions, no skipped entries
	Skipped     uint64   `json:"skipped"`
	Lost        uint64   `json:"lost"`     // were loaded, and did not read back from the disks
	Remarked    uint64   `json:"remarked"` // of the entries, those whose last look failed, or did not get all
	Bytes       int64    `json:"bytes"`    // content of the entries
	Packs       uint64   `json:"packs"`
	PackBytes   int64    `json:"pack_bytes"`
	Dead        *int64   `json:"dead_bytes,omitempty"` // content in packs that no entry needs; none while packs are to be read back
	Degraded    uint64   `json:"degraded_packs"`
	LongFiles   int      `json:"long_files_in_progress"`
	Unfinished  int      `json:"unfinished_loads"`
	Uncounted   string   `json:"uncounted,omitempty"` // why entries and bytes are not known
	Bays        int      `json:"bays"`
	MissingBays []int    `json:"missing_bays"`
	FailedDisks []string `json:"failed_disks"`
	FreeBytes   int64    `json:"free_bytes"`
	ReadBack    uint64   `json:"packs_read_back"`
	ReadAgain   []int    `json:"bays_written_since"` // after what was read back of them: a sample is due
}

func newDiskStatus(s appliance.Status) *diskStatus {
	var dead *int64
	if s.DeadBytes >= 0 {
		dead = &s.DeadBytes
	}
	return &diskStatus{Dead: dead,
		Entries: s.Entries, Skipped: s.Skipped, Remarked: s.Remarked, Lost: s.Lost, Bytes: s.Bytes, Unfinished: s.Unfinished, Uncounted: s.Uncounted, Packs: s.Packs, PackBytes: s.BodyBytes, Degraded: s.Degraded, LongFiles: s.OpenFiles,
		Bays: s.Disks, MissingBays: append([]int{}, s.MissingBays...), FailedDisks: append([]string{}, s.FailedDisks...), FreeBytes: s.FreeBytes,
		ReadBack: s.ReadBack, ReadAgain: append([]int{}, s.ReadAgain...),
	}
}

func (s *diskStatus) Print(w io.Writer) {
	if s.Uncounted != "" {
		fmt.Fprintf(w, "safe        could not be counted: %s\n", escape(strings.Join(strings.Split(s.Uncounted, "\n"), "; ")))
	} else {
		fmt.Fprintf(w, "safe        %s, %s, in %s of %s\n", plural(s.Entries, "entry"), size(s.Bytes), plural(s.Packs, "pack"), size(s.PackBytes))
	}
	if s.Packs > 0 {
		fmt.Fprintf(w, "read back   %d of %s", s.ReadBack, plural(s.Packs, "pack"))
		printIf(w, len(s.ReadAgain) > 0, "; a sample of %s is due", namedBays(s.ReadAgain))
		fmt.Fprintln(w)
	}
	if s.Dead != nil && *s.Dead > 0 {
		fmt.Fprintf(w, "dead        %s: earlier versions and tries that were broken off; they stay on the disks\n", size(*s.Dead))
	}
	printIf(w, s.Skipped > 0, "skipped     %s: could not be read, NOT on the device\n", plural(s.Skipped, "entry"))
	printIf(w, s.Lost > 0, "LOST        %s: loaded, and did not read back from the disks; keep the source and load it again\n", plural(s.Lost, "entry"))
	printIf(w, s.Remarked > 0, "remarks     %s: a good version is safe; a later look failed or was doubtful (sledge status --list names each with its reason)\n", plural(s.Remarked, "entry"))
	printIf(w, s.LongFiles > 0, "in progress %s, not counted as safe\n", plural(s.LongFiles, "long file"))
	fmt.Fprintf(w, "room        about %s\n", size(s.FreeBytes))
	printIf(w, len(s.MissingBays) > 0, "missing     %s of %d\n", namedBays(s.MissingBays), s.Bays)
	printIf(w, s.Degraded > 0, "degraded    %s with lost shards\n", plural(s.Degraded, "pack"))
}

func (r *statusReport) Print(w io.Writer) {
	fmt.Fprintf(w, "device      %s\nstate       %s", r.Device, r.State)
	printIf(w, r.Busy, ", and a command is at work")
	fmt.Fprintf(w, "\nkey         %s\n", r.Protection)
	printIf(w, r.Job != "", "job         %s, generation %d\n", r.Job, r.Generation)
	if r.Expires != nil {
		fmt.Fprintf(w, "expires     %s", r.Expires.Format("2006-01-02 15:04 MST"))
		printIf(w, r.Expired && r.State != string(firmware.Sealed), " (expired: nothing more can be loaded)")
		fmt.Fprintln(w)
	}
	printIf(w, r.Shared, "allowed     bays that share a disk: one failure may take several of them\n")
	printIf(w, len(r.Allowed) > 0, "allowed     disks on %s\n", escape(strings.Join(r.Allowed, ", ")))
	for _, d := range r.Named {
		d.Print(w)
	}
	printIf(w, len(r.Absent) > 0, "missing     %s\n", namedBays(r.Absent))
	if r.Disks != nil {
		r.Disks.Print(w)
	}
	printIf(w, r.WrapCheck != "", "wrap check  %s\n", escape(placeOf(r.WrapCheck)))
	fmt.Fprintf(w, "next        %s\n", escape(r.Next))
	for _, step := range r.Then {
		fmt.Fprintf(w, "then        %s\n", escape(step))
	}
}

// nextStep says what the operator does now.
var nextStep = map[firmware.State]string{
	firmware.Provisioned: "sledge unlock --job job.dsse",
	firmware.Locked:      "sledge unlock",
	firmware.Unlocked:    "sledge load DIR",
	firmware.Loading:     "the same sledge load again: it was not finished",
	firmware.Sealed:      "ship the disks; send the label by another way (to have it again: sledge seal)",
}

// sealSteps is the way to the seal, once there is something to seal.
var sealSteps = []string{
	"sledge status --wrap-check FILE (when all is loaded; send FILE to the data centre, which tells an answer)",
	"sledge seal --wrap-answer XXXXX-XXXXX (their answer)",
}

func (a *app) statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "show the device's state, its disks, and what is safe on them",
		Long: `Tell the device's state. With --disk also which disk is in which bay, and what is
wrong with one: not mounted, without an answer, foreign, or behind the others.
While the device is unlocked, also what has been committed to the disks, and how
much room is left. The last lines say what to do next, up to the seal.

The lines of --list have escapes where a name has characters that a terminal would
obey; -0 and --json give the exact bytes.`,
		Example: `  sledge status
  sledge status --disk '/mnt/bay*' --json
  sledge status --disk '/mnt/bay*' --list | grep -v '^safe'
  sledge status --disk '/mnt/bay*' --list -0 | grep -zv '^safe'   # names as they are
  sledge status --disk '/mnt/bay*' --wrap-check device.wrapcheck`,
	}
	wrapCheck := cmd.Flags().String("wrap-check", "", "write the wrap check to this `FILE`: the data centre checks it before the seal (sledge site check-wrap)")
	list := cmd.Flags().Bool("list", false, "a line for each entry: what is safe, what is not, and what an unfinished load has still to do")
	zero := cmd.Flags().BoolP("print0", "0", false, "with --list: only the lines, with exact paths, each ended by a zero byte")
	return a.verb(cmd, func(ctx context.Context, _ []string) (report, error) {
		if *zero && !*list {
			return nil, usagef("--print0 is of --list")
		}
		r, err := a.status(ctx, *wrapCheck, *list, *zero)
		if r == nil || *zero && err == nil && !a.json {
			return nil, err // a program reads the lines
		}
		a.withDisks(r)
		return r, err
	})
}

// withDisks writes the next steps as this operator can run them, once the disks were looked
// at: what is to be taken out is not named.
func (a *app) withDisks(r *statusReport) {
	r.Next = a.commands(r.Next)
	for i, step := range r.Then {
		r.Then[i] = a.commands(step)
	}
}

func (a *app) status(ctx context.Context, wrapCheck string, list, zero bool) (*statusReport, error) {
	d, err := a.openDevice(false)
	if err != nil {
		return nil, err
	}
	r := a.describeState(d)
	defer d.close() // only read, so an error here loses nothing
	unlocked := d.State() == firmware.Unlocked || d.State() == firmware.Loading
	_, noDisks := a.diskNames()
	needsDisks := wrapCheck != "" || list
	if !needsDisks && (r.Busy || errors.Is(noDisks, errNoDisks)) {
		return r, nil
	}
	if !needsDisks && !unlocked {
		return r, a.surveyDisks(d, r)
	}
	a.looks = wrapCheck == "" // who watches a device hinders nobody
	w, named, err := a.look()
	r.Named = named
	switch {
	case err == nil:
		defer w.close()
	case !needsDisks && errors.Is(err, firmware.ErrSecretElsewhere):
		a.warn("%v", err)
		r.Next = nextStep[firmware.Locked]
		return r, a.surveyDisks(d, r)
	case !needsDisks && errors.Is(err, firmware.ErrNoSecret):
		r.State, r.Next = string(firmware.Locked), nextStep[firmware.Locked] // started again since
		return r, a.surveyDisks(d, r)
	case !needsDisks && (errors.Is(err, firmware.ErrBusy) || errors.Is(err, appliance.ErrBusy)):
		r.Busy, r.Next = true, nextWait // it began after the state was read
		return r, nil
	case errors.Is(err, appliance.ErrLost):
		r.Next, r.Then = nextLost, nil
		return r, err
	default:
		return r, err
	}
	if list {
		if err := a.listHoldings(ctx, w.Device, zero); err != nil {
			return r, err
		}
	}
	r.Disks = newDiskStatus(w.Status())
	loads, err := w.Unfinished()
	if err != nil {
		return r, err
	}
	if len(loads) > 0 && !r.Busy && !r.Expired && !w.state.SealBegun() {
		r.Next = nextUnfinished(loads)
	}
	switch begun := w.state.SealBegun(); {
	case begun:
	case r.Expired && !r.Busy:
		r.Next, r.Then = a.stepsExpired(r.Disks, len(loads) > 0)
	case r.Disks.Packs > 0 && w.state.State() == firmware.Unlocked:
		r.Then = append(r.Then, sealSteps...)
	}
	bad := errors.Join(badDisks(named), w.Lost())
	if wrapCheck == "" {
		return r, bad
	}
	bundle, err := w.WrapCheck()
	if err != nil {
		return r, err
	}
	if err := files.WriteNew(wrapCheck, bundle, false); err != nil {
		return r, err
	}
	r.WrapCheck = wrapCheck
	r.Next = fmt.Sprintf("send %s to the data centre, which tells an answer (sledge site check-wrap)", placeOf(wrapCheck))
	if !r.Expired || len(r.Then) == 0 {
		r.Then = []string{sealSteps[1]}
	}
	return r, bad
}

// nextLost is the next step where the disks at hand cannot be opened.
const nextLost = "bring every disk of the device, also one that was replaced or is damaged, each in its bay"

// nextWait is the next step beside a command at work.
const nextWait = "wait for the command that is at work; it tells what is safe"

func (a *app) describeState(d *device) *statusReport {
	rec := d.Record()
	r := &statusReport{
		Device: d.ID().String(), State: string(d.State()), Busy: firmware.Busy(d.fs), Protection: rec.Protection,
		History: rec.History, Next: nextStep[d.State()], Shared: rec.SharedDisks, Allowed: rec.Filesystems,
	}
	if rec.Job != (firmware.ID{}) {
		r.Job, r.Generation = rec.Job.String(), rec.Generation
	}
	if job, _, err := d.job(); err == nil {
		r.Expires, r.Expired = &job.Expires, a.now().After(job.Expires)
	}
	if next := a.nextExpired(d.State()); r.Expired && next != "" {
		r.Next = next
		if rec.FirstUnlock.IsZero() {
			r.Next = nextExtend
		}
	}
	if len(a.diskPatterns()) == 0 && d.State() == firmware.Unlocked && !r.Expired {
		r.Then = []string{"sledge status --disk '/mnt/bay*' (what is safe on the disks, and the way to the seal)"}
	}
	if d.SealBegun() && d.State() != firmware.Sealed {
		r.Then = nil
		r.Next = "the same sledge seal again: it was not finished"
	}
	if r.Busy {
		r.Then, r.Next = nil, nextWait
	}
	return r
}
