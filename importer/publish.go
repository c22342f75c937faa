package importer

import (
	"context"
	"errors"
	"fmt"

	"github.com/sledge-io/sledge/importer/target"
)

// With Options.DeferComplete nothing is visible in the target until all of it is
// there: a first pass uploads every object and completes none, a second one
// completes them all. What may still fail then is what the target says to each
// Complete; a reader that must not see a part waits for the commit marker.

// errHeld says that an object is uploaded and waits to be published.
var errHeld = errors.New("held until all objects are uploaded")

// errStillHeld says so of one that an earlier start has uploaded.
var errStillHeld = errors.New("held since an earlier start")

// stillHeld looks whether the store has what an earlier start has uploaded, and returns
// errStillHeld then. A lifecycle rule ends uploads that are old, all at once: what is gone is
// sent anew before anything is published. Nothing is known of an object that is cut anew
// before its content is read: that one is believed.
func (r *run) stillHeld(ctx context.Context, t *transfer) (held bool, err error) {
	if !t.held || !r.holding() {
		return false, nil
	}
	if t.held = false; t.action.Parts == nil {
		return true, errStillHeld
	}
	switch err := t.resume(ctx); {
	case target.HasCode(err, target.CodeUploadGone) || target.HasCode(err, target.CodeRestart):
		return false, nil
	case err != nil:
		return false, err
	case len(t.have) < len(t.action.Parts):
		return false, nil
	}
	return true, errStillHeld
}

// holding tells whether what would become visible has to wait.
func (r *run) holding() bool { return r.opts.DeferComplete > 0 && !r.publishing }

// mayDefer refuses more objects than the operator has allowed to be held.
func (r *run) mayDefer() error {
	if r.opts.DeferComplete <= 0 || r.progress.TotalEntries <= uint64(r.opts.DeferComplete) {
		return nil
	}
	return target.NewError(target.CodeTooManyHeld, "", fmt.Sprintf("%d entries, at most %d uploads may be held", r.progress.TotalEntries, r.opts.DeferComplete), nil)
}

// hold counts an object that is uploaded. The entry has no outcome yet.
func (r *run) hold() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held++
}

// heldEarlier counts an object that an earlier start has uploaded.
func (r *run) heldEarlier(size int64) {
	r.hold()
	if r.first() {
		r.progress.Bytes.Add(size)
		r.progress.EarlyBytes.Add(size)
	}
}

// publish completes what is held, once nothing is left to be uploaded. Where an
// entry has failed nothing is published.
func (r *run) publish() error {
	if r.opts.DeferComplete <= 0 || r.held == 0 {
		return nil
	}
	if bad := r.tally.Bad(); bad > 0 {
		r.halt(target.NewError(target.CodeNotPublished, "", fmt.Sprintf("%d of %d entries failed", bad, r.tally.Entries()+r.held), nil))
		return nil
	}
	r.opts.Log.Info("publishing", "objects", r.held)
	r.publishing = true
	return nil
}
