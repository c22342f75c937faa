package importer

import (
	"errors"
	"io/fs"
	"path"
)

// elsewhereToo tells a run that need not be known here: one that may begin, or one of
// which another host's journal in the target may tell.
func (r *run) elsewhereToo() bool { return !r.canceling || r.opts.JournalInTarget }

// mustExist refuses to cancel in a folder that no run has a journal in, before one is made.
func (r *run) mustExist(base string) error {
	if r.elsewhereToo() {
		return nil
	}
	_, err := r.opts.StateDir.ReadDir(path.Join(base, journalFolder))
	if errors.Is(err, fs.ErrNotExist) {
		return r.noRun()
	}
	return stateError(err)
}

// mustKnow refuses to cancel a run that the journal does not know, before it is recorded.
func (r *run) mustKnow() error {
	if r.elsewhereToo() {
		return nil
	}
	var was header
	switch ok, err := r.journal.load(headerKey, &was); {
	case err != nil:
		return err
	case !ok || was.Options.RunID != r.opts.RunID:
		return r.noRun()
	}
	return nil
}

func (r *run) noRun() error {
	return newError(CodeStateMismatch, "", "no run "+r.opts.RunID+" was begun in this state folder: nothing was canceled", nil)
}
