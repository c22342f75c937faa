package importer

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// mustExist refuses to cancel in a folder that no run has a journal in, before one is made,
// unless the run's journal is in the target, too, and is there.
func (r *run) mustExist(ctx context.Context, base string) error {
	if !r.canceling {
		return nil
	}
	_, err := r.opts.StateDir.ReadDir(path.Join(base, journalFolder))
	if errors.Is(err, fs.ErrNotExist) {
		return r.mustBeThere(ctx)
	}
	return stateError(err)
}

// mustKnow refuses to cancel a run that the journal does not know, before it is recorded.
func (r *run) mustKnow(ctx context.Context) error {
	if !r.canceling {
		return nil
	}
	var was header
	switch ok, err := r.journal.load(headerKey, &was); {
	case err != nil:
		return err
	case !ok || was.Options.RunID != r.opts.RunID:
		return r.mustBeThere(ctx)
	}
	return nil
}

// mustBeThere asks the target for the run's journal: a lease at least, which the one that a
// cancel leaves is, too.
func (r *run) mustBeThere(ctx context.Context) error {
	if !r.opts.JournalInTarget {
		return target.NewError(target.CodeStateMismatch, "", "no run "+r.opts.RunID+" was begun in this state folder: nothing was canceled", nil)
	}
	m, err := newMirror(r)
	if err != nil {
		return err
	}
	highest, err := m.slots().Highest(ctx)
	if err == nil && highest == 0 {
		err = target.NewError(target.CodeStateMismatch, "", "no run "+r.opts.RunID+" of this device was begun in this state folder, nor below "+m.prefix+": nothing was canceled", nil)
	}
	return err
}

// lastSent is until when a process may have sent objects that the journal does not know, by the
// status that it left. One that left none, or that was on another host, may have until now.
func (r *run) lastSent() time.Time {
	was, ok := r.folder().Last()
	switch {
	case !r.header.Begun:
		return time.Time{}
	case !ok || r.header.Filled:
		return r.opts.Now()
	case was.Unsettled.IsZero() && was.State == request.StateRunning: // as an older version wrote it
		return was.Updated
	}
	return was.Unsettled
}
