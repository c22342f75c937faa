package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/firmware"
	"github.com/sledge-io/sledge/internal/vfs"
)

// namedDisk is the state of a disk that the operator named.
type namedDisk struct {
	Name  string `json:"name"`
	State string `json:"state"` // good, empty, not-mounted, no-answer, foreign, stale, failed
	Bay   *int   `json:"bay,omitempty"`
	Text  string `json:"text,omitempty"`
	err   error
	known bool // the error is no error of the command: the text stands beside the state
}

func newNamedDisk(s appliance.DiskState) namedDisk {
	d := namedDisk{Name: s.Name, State: s.State, err: s.Err}
	if s.Bay >= 0 {
		d.Bay = &s.Bay
	}
	if s.Err != nil {
		d.Text = s.Err.Error()
	}
	return d
}

func (d *namedDisk) Print(w io.Writer) {
	text := strings.ReplaceAll(d.State, "-", " ")
	if d.Bay != nil {
		text = fmt.Sprintf("bay %d, %s", *d.Bay, text)
	}
	if d.known && d.err != nil {
		text += ": " + shown(strings.TrimPrefix(d.Text, "disk "+d.Name+": "))
	}
	fmt.Fprintf(w, "disk        %s: %s\n", escape(d.Name), text)
}

// badDisks is the error of a status with disks that are not good.
func badDisks(named []namedDisk) error {
	var errs []error
	for _, d := range named {
		errs = append(errs, d.err)
	}
	return errors.Join(errs...)
}

// look opens the device to tell what is safe on it. Disks that are not mounted, do
// not answer or are foreign are left out, and named: the others tell what they hold.
// The named disks are there with an error, too.
func (a *app) look() (w *work, named []namedDisk, err error) {
	if err := firmware.HardenProcess(); err != nil {
		return nil, nil, err
	}
	w = &work{}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if w.state, err = a.openDevice(true); err != nil {
		return w, nil, err
	}
	w.done = append(w.done, func() { w.state.close() })
	key, err := a.leave(w.state, firmware.EventLock) // allowed in every state that has a secret
	if err != nil {
		return w, nil, err
	}
	job, file, err := w.state.job()
	if err != nil {
		return w, nil, err
	}
	disks, unopened, err := a.openAnswering(w)
	if err != nil {
		return w, nil, err
	}
	cfg := a.config(w.state, job, file, disks)
	usable, states := appliance.Survey(cfg)
	cfg.Disks = usable
	w.Device, err = appliance.Look(cfg, key)
	if err == nil {
		w.done = append(w.done, func() { w.Device.Close(); clear(key) })
		states = withBad(states, w.Device.BadDisks())
	}
	states = append(states, unopened...)
	a.noteBad(states)
	for _, s := range states {
		named = append(named, newNamedDisk(s))
	}
	if err != nil {
		err = errors.Join(err, badDisks(named))
	}
	return w, named, err
}

// openAnswering opens the disks that answer; the others have a state.
func (a *app) openAnswering(w *work) (disks []appliance.Disk, unopened []appliance.DiskState, err error) {
	patterns, err := a.diskNames()
	if err != nil {
		return nil, nil, err
	}
	var answering []string
	for _, p := range patterns {
		info, err := os.Stat(p)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || err == nil && !info.IsDir() {
			unopened = append(unopened, noFolder(p, err == nil))
			continue
		}
		if appliance.NoAnswer(err) {
			unopened = append(unopened, noAnswer(p, err))
			continue
		}
		answering = append(answering, p)
	}
	if err := a.checkFolders(answering); err != nil {
		return nil, nil, err
	}
	for _, p := range answering {
		d, err := appliance.OpenDisk(p)
		if appliance.NoAnswer(err) {
			unopened = append(unopened, noAnswer(p, err))
			continue
		}
		if err != nil {
			return nil, nil, diskError(p, err)
		}
		w.done = append(w.done, func() { vfs.Close(d.FS) })
		disks = append(disks, d)
	}
	return disks, unopened, nil
}

// noFolder is the state of a name that is no folder: a disk that was unplugged takes
// its mount point along.
func noFolder(name string, file bool) appliance.DiskState {
	what := "there is no such folder"
	if file {
		what = "it is a file, and no folder"
	}
	err := fmt.Errorf("disk %s: %s: %w", name, what, appliance.ErrNotMounted)
	return appliance.DiskState{Name: name, State: appliance.DiskNotMounted, Bay: -1, Err: err}
}

func noAnswer(name string, err error) appliance.DiskState {
	return appliance.DiskState{Name: name, State: appliance.DiskNoAnswer, Bay: -1, Err: appliance.Unanswered(name, err)}
}

// noteBad keeps the names of bad disks, for what a hint says of a rebuild, and of those that
// are to be left out of --disk.
func (a *app) noteBad(states []appliance.DiskState) {
	for _, s := range states {
		if s.Err != nil && !slices.Contains(a.bad, s.Name) {
			a.bad = append(a.bad, s.Name)
			if s.State == appliance.DiskForeign { // one that is behind counts with what it has
				a.unfit = append(a.unfit, s.Name)
			}
		}
	}
}

// withBad puts what was learned later in the place of what was known before.
func withBad(states, bad []appliance.DiskState) []appliance.DiskState {
	for _, b := range bad {
		for i := range states {
			if states[i].Name == b.Name && states[i].Err == nil {
				states[i] = b
			}
		}
	}
	return states
}
