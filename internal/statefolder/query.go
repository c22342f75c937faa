package statefolder

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
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/internal/vfs"
)

// ErrSilent: a run that is at work has not done what it was asked for.
var ErrSilent = errors.New("the run has not answered")

// Query names a run of a state folder.
type Query struct {
	Run  string                           // "": the one that was at work last
	Warn func(format string, args ...any) // of a status that cannot be read; nil: it was told
}

const (
	SteerWait  = 15 * time.Second       // for a run to do what it was asked for
	SteerEvery = 200 * time.Millisecond // between two looks at it
)

// Status finds the run and reads its status. One that cannot be read says nothing of any
// run: it is not synced, and may be empty after a power cut.
func (q *Query) Status(state string, now time.Time) (*Status, error) {
	disk, err := Open(state)
	if err != nil {
		return nil, err
	}
	defer vfs.Close(disk) // read only
	folders, err := runFolders(disk)
	if err != nil {
		return nil, err
	}
	var found *Status
	var unreadable error
	for _, folder := range folders {
		s, err := readStatus(disk, folder)
		if err != nil {
			unreadable = errors.Join(unreadable, err)
			if q.Warn != nil {
				q.Warn("%s: its status cannot be read, and is passed over: %v", path.Join(state, folder), err)
			}
		}
		if s != nil && (q.Run == "" || s.Run == q.Run) && (found == nil || s.Updated.After(found.Updated)) {
			found = s
		}
	}
	if found == nil && unreadable != nil {
		return nil, advice.Hint(fmt.Errorf("%s: %w: %w", state, ErrNoRun, unreadable), "start the same sledge import run: it writes a new status, and goes on where it was")
	}
	if found == nil {
		return nil, advice.Hint(fmt.Errorf("%s: %w", state, ErrNoRun), "name the --state folder of a sledge import run that has been started")
	}
	found.judge(now)
	return found, nil
}

// runFolders are those of the state's runs, the first one's before the others'.
func runFolders(disk vfs.FS) ([]string, error) {
	folders := []string{""}
	runs, err := disk.ReadDir(importer.RunsFolder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, run := range runs[:min(len(runs), maxRuns)] {
		folders = append(folders, path.Join(importer.RunsFolder, run.Name()))
	}
	return folders, nil
}

// readStatus gives nil where there is none.
func readStatus(disk vfs.FS, folder string) (*Status, error) {
	text, err := vfs.ReadFile(disk, path.Join(folder, status.Name), maxStatus)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := &Status{Folder: folder}
	if err := json.Unmarshal(text, &s.Status); err != nil {
		return nil, fmt.Errorf("%s: %w", path.Join(folder, status.Name), err)
	}
	return s, nil
}

// Open opens a state folder, where it is after a takeover.
func Open(state string) (vfs.FS, error) {
	if info, err := os.Stat(state); err != nil || !info.IsDir() {
		return nil, advice.Hint(fmt.Errorf("%s: %w", state, ErrNoRun), "name the --state folder of a sledge import run")
	}
	home, err := importer.StateHome(state) // where it is after a takeover
	if err != nil {
		return nil, err
	}
	return vfs.OS(home)
}

// Steer asks a run to pause, or to go on, and waits until it has heard.
func (q *Query) Steer(ctx context.Context, state string, clock func() time.Time, want status.Want) (*Status, error) {
	before, err := q.Status(state, clock())
	if err != nil {
		return nil, err
	}
	again := &Query{Run: q.Run}
	if !before.AtWork && !before.mayWait() {
		return before, before.idle()
	}
	asked := clock()
	if err := Ask(state, before.Folder, want, asked); err != nil {
		return nil, err
	}
	for end := clock().Add(SteerWait); ; {
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(SteerEvery):
		}
		s, err := again.Status(state, clock())
		if err != nil {
			return nil, err
		}
		if s.hasHeard(want, asked, clock(), before) {
			return s, nil
		}
		ended := !s.AtWork && !s.Listens && clock().Sub(asked) > goneAfter // not between a run and its marker
		if s.Gone || s.Ended || ended {
			if want == status.WantPause && !before.isPaused() { // nobody has heard it: the next start is not to
				err = Ask(state, s.Folder, status.WantRun, clock())
			}
			return s, errors.Join(s.idle(), err)
		}
		if clock().After(end) {
			return s, advice.Hint(fmt.Errorf("%w in %s", ErrSilent, SteerWait), "it is asked all the same; look again: sledge import status")
		}
	}
}

// isPaused reports whether the operator's pause holds, also of a process that is older than that
// field.
func (r *Status) isPaused() bool { return r.Paused || r.State == request.StatePaused }

// mayWait reports whether a run that has ended complete has something to do that can wait: its
// commit marker, or its clean-up, comes when the other devices of its command have ended.
func (r *Status) mayWait() bool { return r.Listens && r.State == request.StateDone }

// hasHeard reports whether the run has obeyed the word of that moment. A process that is older
// than that field tells it by its state alone, in which it is some seconds later.
func (r *Status) hasHeard(want status.Want, asked, now time.Time, before *Status) bool {
	older := r.Heard.IsZero() && now.Sub(asked) > goneAfter && !r.Updated.Equal(before.Updated)
	return r.Heard.Equal(asked) || older && r.isPaused() == (want == status.WantPause)
}

// Ask writes the control file.
func Ask(state, folder string, want status.Want, now time.Time) error {
	disk, err := Open(state)
	if err != nil {
		return err
	}
	defer vfs.Close(disk) // the file is synced
	host, _ := os.Hostname()
	err = status.WriteControl(disk, folder, status.Control{Want: want, At: now.UTC(), By: fmt.Sprintf("process %d on %s", os.Getpid(), host)})
	return Unusable(state, err)
}
