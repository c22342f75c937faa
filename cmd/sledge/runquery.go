package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"time"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/internal/vfs"
)

// errSilent: a run that is at work has not done what it was asked for.
var errSilent = errors.New("the run has not answered")

// runQuery names a run of a state folder.
type runQuery struct {
	runID string                           // "": the one that was at work last
	warn  func(format string, args ...any) // of a status that cannot be read; nil: it was told
}

const (
	steerWait  = 15 * time.Second
	steerEvery = 200 * time.Millisecond
)

// status finds the run and reads its status. One that cannot be read says nothing of any
// run: it is not synced, and may be empty after a power cut.
func (q *runQuery) status(state string, now time.Time) (*runStatus, error) {
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
			if q.warn != nil {
				q.warn("%s: its status cannot be read, and is passed over: %v", path.Join(state, folder), err)
			}
		}
		if s != nil && (q.runID == "" || s.Run == q.runID) && (found == nil || s.Updated.After(found.Updated)) {
			found = s
		}
	}
	if found == nil && unreadable != nil {
		return nil, advice.Hint(fmt.Errorf("%s: %w: %w", state, errNoRun, unreadable), "start the same sledge import run: it writes a new status, and goes on where it was")
	}
	if found == nil {
		return nil, advice.Hint(fmt.Errorf("%s: %w", state, errNoRun), "name the --state folder of a sledge import run that has been started")
	}
	found.judge(now)
	return found, nil
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
		return nil, advice.Hint(fmt.Errorf("%s: %w", state, errNoRun), "name the --state folder of a sledge import run")
	}
	home, err := importer.StateHome(state) // where it is after a takeover
	if err != nil {
		return nil, err
	}
	return vfs.OS(home)
}

// steer asks a run of something and waits until it has heard.
func (q *runQuery) steer(ctx context.Context, state string, clock func() time.Time, want importer.Want, heard func(importer.State) bool) (*runStatus, error) {
	before, err := q.status(state, clock())
	if err != nil {
		return nil, err
	}
	again := &runQuery{runID: q.runID}
	if !before.AtWork {
		return before, before.idle()
	}
	if err := ask(state, before.Folder, want, clock()); err != nil {
		return nil, err
	}
	for end := clock().Add(steerWait); ; {
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(steerEvery):
		}
		s, err := again.status(state, clock())
		if err != nil {
			return nil, err
		}
		if !s.Updated.Equal(before.Updated) && heard(s.State) {
			return s, nil
		}
		if s.Gone {
			if want == importer.WantPause && before.State != importer.StatePaused { // nobody has heard it: the next start is not to
				err = ask(state, s.Folder, importer.WantRun, clock())
			}
			return s, errors.Join(s.idle(), err)
		}
		if clock().After(end) {
			return s, advice.Hint(fmt.Errorf("%w in %s", errSilent, steerWait), "it is asked all the same; look again: sledge import status")
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
