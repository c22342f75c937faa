package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/bridge"
	"github.com/sledge-io/sledge/internal/statefolder"
	"github.com/sledge-io/sledge/internal/vfs"
)

type cancelReport struct {
	*importer.Canceled
	Run           string `json:"run"`
	Target        string `json:"target"`
	Marker        string `json:"commit_marker,omitempty"` // of this run
	MarkerDeleted bool   `json:"commit_marker_deleted,omitempty"`
	removes       bool   // --delete-objects was given
	MarkerAsked   string `json:"commit_marker_asked,omitempty"`   // the key that was looked for, and how that went is known
	MarkerUnknown string `json:"commit_marker_unknown,omitempty"` // the key of which nothing is known: it could not be looked for, or was not yet

	MarkersUnknown []unknownMarker `json:"commit_markers_unknown,omitempty"` // all of these, and why: also those that the run keeps and that a stop has kept the command from

	MarkerNoted bool             `json:"commit_marker_noted,omitempty"` // the run kept the key
	MarkerWrong string           `json:"commit_marker_wrong,omitempty"` // the key of --commit-marker, where the run kept others, and no marker of it is there
	More        []canceledMarker `json:"more_commit_markers,omitempty"` // of a run that wrote several
}

func (r *cancelReport) Print(w io.Writer) {
	if !r.Recorded {
		r.printUnrecorded(w)
		return
	}
	r.printRun(w)
	fmt.Fprintf(w, "uploads     %d given up\n", r.Aborted)
	switch {
	case r.MarkerDeleted && r.mayBeCommitted():
		fmt.Fprintf(w, "committed   not by %s any more: it was deleted first\n", escape(r.Marker))
	case r.MarkerDeleted:
		fmt.Fprintf(w, "committed   not any more: %s was deleted first\n", escape(r.Marker))
	case r.Marker != "" && r.removes:
		fmt.Fprintf(w, "committed   %s may still be there, and readers trust it: this command deleted no object\n", escape(r.Marker))
	case r.Marker != "":
		fmt.Fprintf(w, "committed   %s stays, and readers trust it: --delete-objects removes it\n", escape(r.Marker))
	case r.MarkerUnknown != "":
		fmt.Fprintf(w, "committed   not known: %s was not looked for to the end, and readers trust one that is there\n", escape(r.MarkerUnknown))
	case r.MarkerAsked != "" && r.NotesUnread != "":
		fmt.Fprintf(w, "committed   not by %s: no marker of this run is there now; one of another name would stay, and readers trust it\n", escape(r.MarkerAsked))
	case r.MarkerAsked != "" && r.MarkerNoted:
		fmt.Fprintf(w, "committed   no: the run's marker %s is not there\n", escape(r.MarkerAsked))
	case r.MarkerAsked != "":
		fmt.Fprintf(w, "committed   not by %s: no marker of this run is there now; one of another name would stay, and readers trust it\n", escape(r.MarkerAsked))
	default:
		fmt.Fprintln(w, "committed   not looked at: a commit marker that the run wrote stays, and readers trust it; --commit-marker NAME finds it")
	}
	r.printMarkers(w)
	for _, line := range []struct {
		what string
		n    uint64
	}{{"deleted     %s of this run\n", r.Deleted}, {"left        %s of this run: --delete-objects removes them\n", r.Left},
		{"not touched %s: not what this run stored\n", r.Changed}, {"failed      %s: could not be looked at or deleted\n", r.Failed},
		{"gone        %s of this run: not in the target any more\n", r.Gone}} {
		printIf(w, line.n > 0, line.what, plural(line.n, "object"))
	}
	printIf(w, r.Uploads > 0, "left over   %s may be left in the target\n", plural(r.Uploads, "multipart upload"))
	printIf(w, r.NoProbe != "", "probe       none (%s): uploads that no answer told of were not looked for\n", escape(r.NoProbe))
	printIf(w, r.Journal != "", "journal     removed, but for %s: it keeps other hosts from going on\n", escape(r.Journal))
	r.printJournalLeft(w)
	r.printLate(w)
	fmt.Fprintf(w, "each one    %s\n", escape(r.List))
}

func (a *app) importCancelCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cancel",
		Short: "cancel an import: stop it, abort its uploads, list what it leaves",
		Long: `Takes the flags of "sledge import run"; those that only say how a run goes on, such as
--bwlimit or --halt-wait, have no effect here. A process that is at work on the run is asked to
stop first; --takeover does not wait for one that does not answer any more. Uploads of the run
that are not finished are aborted. Objects that it has stored stay, and are named in a file;
--delete-objects removes them, each only if the store's own answer says that it is the run's and
has the manifest's checksum, and before them the run's commit marker. The state keeps that one's
name; --commit-marker names it where an older sledge has written it.
Objects that were there before are never touched.
A target that shows nothing of the run is refused, since another bucket of the same name answers so.
If the run's objects were removed by other means, --emptied says so: what is gone is named, and the
run has ended.
A canceled run does not go on; import again with a new --run-id. One whose journal is in the target,
too (--journal target), is canceled from another host with --takeover.`,
		Example: `  sledge import cancel --site /srv/import-keys --label device.label --disk '/mnt/bay*' --state /srv/import/job1
  sledge import cancel --delete-objects --site /srv/import-keys --label device.label --disk '/mnt/bay*' --state /srv/import/job1 --commit-marker _SLEDGE_COMMIT`,
	}
	var f importFlags
	var remove, emptied bool
	f.add(cmd.Flags())
	f.addIdle(cmd.Flags())
	cmd.Flags().BoolVar(&remove, "delete-objects", false, "delete the objects of this run whose checksum is the manifest's")
	cmd.Flags().BoolVar(&emptied, "emptied", false, "the target was emptied by other means: cancel, although it shows nothing of the run")
	return a.verb(cmd, func(ctx context.Context, _ []string) (report, error) { return a.cancelImport(ctx, &f, remove, emptied) })
}

// addIdle defines, hidden, those that only a run has: the command line of a run is
// that of its cancel, too.
func (f *importFlags) addIdle(flags *pflag.FlagSet) {
	run := pflag.NewFlagSet("run", pflag.ContinueOnError)
	f.addRun(run)
	run.VisitAll(func(flag *pflag.Flag) { flag.Hidden = true })
	flags.AddFlagSet(run)
}

func (a *app) cancelImport(ctx context.Context, f *importFlags, remove, emptied bool) (report, error) {
	if err := f.checkAll(); err != nil {
		return nil, err
	}
	if f.all {
		return nil, hint(usagef("one device is canceled at a time: leave --all out"), "name its disks, its label and its folder: --state STATE/DEVICE")
	}
	r, err := a.openReader(&f.keyFlags)
	if err != nil {
		return nil, err
	}
	defer r.close()
	if err := f.needFiles(r.Job.Geometry.Disks); err != nil {
		return nil, err
	}
	o, err := a.importOptions(f, r.Set)
	if err != nil {
		return nil, err
	}
	a.warnSurplus(f.site)
	o.HaltWait, o.Bandwidth, o.Hours = 0, nil, nil // of a run
	o.Emptied = emptied
	state := f.stateOf(r.Scope)
	folder, err := a.stateToCancel(ctx, f, state)
	if err != nil {
		return nil, asTargetError(err)
	}
	defer folder.Close()
	o.StateDir = folder
	target, err := importer.NewS3(ctx, o)
	if err != nil {
		return nil, asTargetError(err)
	}
	markers := &canceledMarkers{remove: remove}
	o.Uncommit = func(ctx context.Context, at *importer.CommitStore) error {
		return markers.take(ctx, &endedImport{o: o, target: target, scope: r.Scope}, at)
	}
	out, err := importer.Cancel(ctx, bridge.New(r.Reader), target, o, remove)
	if out == nil {
		return nil, asTargetError(err)
	}
	if out.List != "" {
		out.List = filepath.Join(folder.Path(), out.List)
	}
	rep := &cancelReport{Canceled: out, Run: o.RunID, Target: o.TargetURL(), removes: remove}
	rep.tellMarkers(markers, o)
	if err != nil {
		return rep, asTargetError(err)
	}
	return rep, rep.end()
}

// stateToCancel takes the state folder of a run: the one on this host, or, to take the
// run over from another host, any.
func (a *app) stateToCancel(ctx context.Context, f *importFlags, state string) (*importer.Folder, error) {
	if f.journal == journalInTarget && f.takeover > 0 {
		return f.takenOver(ctx, state)
	}
	disk, err := statefolder.Open(state) // taking a folder would make it
	if err != nil {
		return nil, err
	}
	vfs.Close(disk)
	return a.stopped(ctx, f, state)
}

// stopWait is how long a process that is at work may take to end: it finishes the
// requests that are under way.
const stopWait = 5 * time.Minute

// askAgain is after how long it is asked once more: a word of before it looked for any was
// not meant for it.
const askAgain = 5 * time.Second

// stopped takes the state folder, from a process that is at work if need be.
func (a *app) stopped(ctx context.Context, f *importFlags, state string) (*importer.Folder, error) {
	if f.takeover > 0 {
		return f.takenOver(ctx, state)
	}
	steered := &statefolder.Query{Run: f.runID, Warn: a.warn}
	begun, asked, waits := a.now(), time.Time{}, ""
	for end := begun.Add(stopWait); ; {
		folder, err := importer.OpenState(state)
		var e *target.Error
		if err == nil || !errors.As(err, &e) || e.Code != target.CodeStateLocked || a.now().After(end) {
			return folder, statefolder.Unusable(state, asTargetError(err))
		}
		holder, err := holderOf(state, f.runID)
		if err != nil {
			return nil, err
		}
		if now := a.now(); asked.IsZero() || now.Sub(asked) >= askAgain {
			found, err := steered.Status(state, now)
			if err == nil {
				err = statefolder.Ask(state, found.Folder, status.WantStop, now)
				waits = a.sayWaits(found, waits)
			}
			switch {
			case err == nil && asked.IsZero():
				a.warn("%s was asked to stop; waiting until it has finished what is under way", holder)
				asked, steered.Warn = now, nil
			case err == nil:
				asked = now
			case !errors.Is(err, statefolder.ErrNoRun) || now.Sub(begun) > statefolder.SteerWait: // who has begun just now tells soon
				return nil, err
			}
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(statefolder.SteerEvery):
		}
	}
}
