package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/firmware"
	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/internal/verdict"
	"github.com/sledge-io/sledge/internal/vfs"
)

// Another terminal looks at a run, and steers it, by files in its state folder
// alone: it needs no key, no disk and no target.

const (
	maxStatus  = 1 << 20
	maxRuns    = 10000
	freshness  = 10 * time.Second // a run at work writes its status every second
	steerWait  = 15 * time.Second
	steerEvery = 200 * time.Millisecond
)

// runStatus is a run's status.json, and where it is.
type runStatus struct {
	importer.Status
	Folder string `json:"folder"` // in the state folder; "" for its first run
	AtWork bool   `json:"at_work"`
	Gone   bool   `json:"process_gone,omitempty"` // its process has ended without a word

	silent    time.Duration // since its last word
	elsewhere bool          // that was on another host
}

func (r *runStatus) Print(w io.Writer) {
	fmt.Fprintf(w, "run         %s of device %s: %s\n", escape(r.Run), r.Device, r.stateNow())
	if h := r.Halt; h != nil {
		fmt.Fprintf(w, "needs you   %s: %s (since %s)\n            %s\n", h.Code, escape(h.Cause), r.haltedSince(h), h.Remedy)
	}
	if !r.AtWork && r.working() {
		r.printSilence(w)
	}
	if p := r.Progress; r.AtWork && !p.Opens.IsZero() {
		fmt.Fprintf(w, "hours       no request begins before %s\n", p.Opens.Local().Format("2006-01-02 15:04"))
	}
	fmt.Fprintf(w, "target      %s\n", verdict.Target(r.Target, r.Endpoint))
	p := r.Progress
	fmt.Fprintf(w, "entries     %d of %d\nbytes       %s of %s\n", p.Entries, p.TotalEntries, size(p.Bytes), size(p.TotalBytes))
	if r.AtWork {
		fmt.Fprintf(w, "rate        %s/s, %.0f entries/s, %d requests at once\n", size(int64(r.BytesPerSecond)), r.EntriesPerSecond, p.Requests)
		if r.ETASeconds > 0 && r.State == importer.StateRunning { // nobody knows when the others go on
			fmt.Fprintf(w, "remaining   about %s\n", time.Duration(r.ETASeconds)*time.Second)
		}
	}
	if p.Retries+p.Throttled > 0 {
		fmt.Fprintf(w, "retries     %d, asked to slow down %s\n", p.Retries, plural(p.Throttled, "time"))
	}
	for _, o := range slices.Sorted(maps.Keys(r.Outcomes)) {
		fmt.Fprintf(w, "  %-13s %d\n", escape(string(o)), r.Outcomes[o])
	}
	for _, c := range slices.Sorted(maps.Keys(r.Problems)) {
		fmt.Fprintf(w, "met         %s: %s\n", escape(string(c)), plural(r.Problems[c], "time"))
	}
	fmt.Fprintf(w, "as of       %s, by process %d on %s\n", r.Updated.Local().Format(time.RFC3339), r.PID, escape(r.Host))
}

// haltedSince has the day where the hour alone could be another day's.
func (r *runStatus) haltedSince(h *importer.Halt) string {
	layout := "15:04:05"
	if r.Updated.Sub(h.Since) > 12*time.Hour {
		layout = "2006-01-02 15:04:05"
	}
	return h.Since.Local().Format(layout)
}

type steerFlags struct {
	runID string
	warn  func(format string, args ...any) // of a status that cannot be read; nil: it was told
}

func (f *steerFlags) command(use, short, long, example string) *cobra.Command {
	cmd := &cobra.Command{Use: use + " STATE", Short: short, Long: long, Example: example}
	cmd.Flags().StringVar(&f.runID, "run-id", "", "which run in the state folder (default: the one that was at work last)")
	return cmd
}

func (a *app) importStatusCommand() *cobra.Command {
	var f steerFlags
	cmd := f.command("status", "show an import's progress",
		`STATE is the state folder of an import. It needs neither disks nor keys nor the target:
the run writes its progress there every second.`, "  sledge import status /srv/import/job1\n  watch sledge import status /srv/import/job1")
	return a.verb(cmd, func(_ context.Context, args []string) (report, error) {
		f.warn = a.warn
		s, err := f.status(args[0], a.now())
		if err != nil {
			return nil, err
		}
		return s, nil
	})
}

func (a *app) importPauseCommand() *cobra.Command {
	var f steerFlags
	cmd := f.command("pause", "pause an import", `Requests under way are finished. No other begins until "sledge import resume". A run that
is started again while it is paused stays paused.`, "  sledge import pause /srv/import/job1")
	return a.verb(cmd, func(ctx context.Context, args []string) (report, error) {
		return a.steer(ctx, &f, args[0], importer.WantPause, func(s importer.State) bool { return s == importer.StatePaused })
	})
}

func (a *app) importResumeCommand() *cobra.Command {
	var f steerFlags
	cmd := f.command("resume", "resume a paused import; let a halted one check again",
		`For an import that is at work. The same "sledge import run" resumes one that has ended.`, "  sledge import resume /srv/import/job1")
	return a.verb(cmd, func(ctx context.Context, args []string) (report, error) {
		return a.steer(ctx, &f, args[0], importer.WantRun, func(s importer.State) bool { return s != importer.StatePaused })
	})
}

// status finds the run and reads its status. One that cannot be read says nothing of any
// run: it is not synced, and may be empty after a power cut.
func (f *steerFlags) status(state string, now time.Time) (*runStatus, error) {
	disk, err := openState(state)
	if err != nil {
		return nil, err
	}
	defer vfs.Close(disk) // read only
	folders := []string{""}
	runs, err := disk.ReadDir(importer.RunsFolder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, run := range runs[:min(len(runs), maxRuns)] {
		folders = append(folders, path.Join(importer.RunsFolder, run.Name()))
	}
	var found *runStatus
	var unreadable error
	for _, folder := range folders {
		s, err := readStatus(disk, folder)
		if err != nil {
			unreadable = errors.Join(unreadable, err)
			if f.warn != nil {
				f.warn("%s: its status cannot be read, and is passed over: %v", path.Join(state, folder), err)
			}
		}
		if s != nil && (f.runID == "" || s.Run == f.runID) && (found == nil || s.Updated.After(found.Updated)) {
			found = s
		}
	}
	if found == nil && unreadable != nil {
		return nil, hint(fmt.Errorf("%s: %w: %w", state, errNoRun, unreadable), "start the same sledge import run: it writes a new status, and goes on where it was")
	}
	if found == nil {
		return nil, hint(fmt.Errorf("%s: %w", state, errNoRun), "name the --state folder of a sledge import run that has been started")
	}
	found.judge(now)
	return found, nil
}

// working tells a state in which a process is there.
func (r *runStatus) working() bool {
	switch r.State {
	case importer.StateRunning, importer.StatePaused, importer.StateAsleep, importer.StateHalted:
		return true
	}
	return false
}

// readStatus gives nil where there is none.
func readStatus(disk vfs.FS, folder string) (*runStatus, error) {
	text, err := vfs.ReadFile(disk, path.Join(folder, importer.StatusName), maxStatus)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := &runStatus{Folder: folder}
	if err := json.Unmarshal(text, &s.Status); err != nil {
		return nil, fmt.Errorf("%s: %w", path.Join(folder, importer.StatusName), err)
	}
	return s, nil
}

func openState(state string) (vfs.FS, error) {
	if info, err := os.Stat(state); err != nil || !info.IsDir() {
		return nil, hint(fmt.Errorf("%s: %w", state, errNoRun), "name the --state folder of a sledge import run")
	}
	home, err := importer.StateHome(state) // where it is after a takeover
	if err != nil {
		return nil, err
	}
	return vfs.OS(home)
}

// steer asks a run of something and waits until it has heard.
func (a *app) steer(ctx context.Context, f *steerFlags, state string, want importer.Want, heard func(importer.State) bool) (report, error) {
	f.warn = a.warn
	before, err := f.status(state, a.now())
	if err != nil {
		return nil, err
	}
	f.warn = nil
	if !before.AtWork {
		return before, before.idle()
	}
	if err := ask(state, before.Folder, want, a.now()); err != nil {
		return nil, err
	}
	for end := a.now().Add(steerWait); ; {
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(steerEvery):
		}
		s, err := f.status(state, a.now())
		if err != nil {
			return nil, err
		}
		if !s.Updated.Equal(before.Updated) && heard(s.State) {
			return s, nil
		}
		if s.Gone {
			if want == importer.WantPause && before.State != importer.StatePaused { // nobody has heard it: the next start is not to
				err = ask(state, s.Folder, importer.WantRun, a.now())
			}
			return s, errors.Join(s.idle(), err)
		}
		if a.now().After(end) {
			return s, hint(fmt.Errorf("%w: the run has not answered in %s", firmware.ErrBusy, steerWait), "it is asked all the same; look again: sledge import status")
		}
	}
}

// ask writes the control file.
func ask(state, folder string, want importer.Want, now time.Time) error {
	disk, err := openState(state)
	if err != nil {
		return err
	}
	defer vfs.Close(disk) // the file is synced
	host, _ := os.Hostname()
	err = importer.WriteControl(disk, folder, importer.Control{Want: want, At: now.UTC(), By: fmt.Sprintf("process %d on %s", os.Getpid(), host)})
	return stateFolder(state, err)
}
