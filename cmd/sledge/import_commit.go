package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/manifest"
)

// markerName is the name of a device's commit marker below the prefix; "" is none.
func (f *importFlags) markerName(scope manifest.Scope) string {
	if f.marker == "" || !f.all {
		return f.marker
	}
	return f.marker + "-" + scope.Device.String()[:8]
}

// foreign is a marker in our marker's place.
func foreign(key string) error { return foreignAnd(key, "") }

// foreignAnd adds what is known of our own.
func foreignAnd(key, ours string) error {
	return hint(fmt.Errorf("%w: the commit marker %s is another one%s", errConflict, key, ours),
		"it is of another import or of an earlier run; readers would take it for this one's: remove it or choose another --commit-marker, then run the same command again")
}

// unmarked refuses to begin while another import's marker stands in our marker's
// place: readers would not wait for this one. One of this very run commits it: only the
// state folder in which it has ended may go on, for there is nothing left to do. One that
// cannot be read may be either.
func (d *endedImport) unmarked(ctx context.Context, at *importer.CommitStore) (committed bool, err error) {
	there, err := at.Read(ctx)
	if target.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, unread(at.Key(), err)
	}
	own, err := d.ownMarker(at.Key(), there)
	if err != nil {
		return false, err
	}
	if !own {
		return false, foreign(at.Key())
	}
	return true, nil
}

// unread is of a commit marker of which no answer tells whether it is there. Stores say of a
// missing key, too, that it is forbidden to whoever may not list.
func unread(key string, err error) error {
	var e *target.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("commit marker %s: %w", key, err)
	}
	told := *e
	told.Path, told.Cause = key, "whether the commit marker is there is not known: "+e.Cause
	return &told
}

// ownMarker reports whether a marker is of this run, whichever state folder it was made from.
// What is no marker at all is an error: somebody on the way may have answered for the store.
func (d *endedImport) ownMarker(key string, there []byte) (bool, error) {
	r, err := fsck.VerifyCommit(there, fsck.Trust{})
	if err != nil {
		return false, hint(fmt.Errorf("%w: %s cannot be read as a commit marker: %w", errConflict, key, err),
			"look at it at the store itself; where it is an object of another kind, give --commit-marker another name, or leave it out of a cancel")
	}
	return r.Job == d.scope.Job.String() && r.Device == d.scope.Device.String() && r.Generation == uint64(d.scope.Generation) && r.Target == d.o.TargetURL() &&
		receipt.NamesRun(r.Run, d.o.RunID), nil
}

// uncommit takes the run's commit marker away, if it has one and remove is set: before
// any object, so that nobody reads what is not whole any more. It returns the key of one
// that is, or was, there. Another import's marker is left. One that is hidden from HEAD or
// cannot be read is an error. One that the run has just written, or may have, is waited for.
func (d *endedImport) uncommit(ctx context.Context, at *importer.CommitStore, remove bool) (key string, err error) {
	seen, err := at.Find(ctx)
	if err != nil {
		return "", asTargetError(unread(at.Key(), err))
	}
	if seen == nil {
		return "", nil
	}
	own, err := d.ownMarker(at.Key(), seen.Content)
	switch {
	case err != nil || !own:
		return "", err
	case !remove:
		return at.Key(), nil
	}
	replaced, err := at.Remove(ctx, seen)
	return uncommitted(at.Key(), replaced, err)
}

// uncommitted is what the end of a marker's removal means. The key is that of one that is, or
// was, there.
func uncommitted(key string, replaced bool, err error) (string, error) {
	switch {
	case replaced:
		return "", hint(fmt.Errorf("%w: %s was replaced by another object while it was read: nothing was deleted", errConflict, key), "run the same command again")
	case errors.Is(err, importer.ErrOtherMarker):
		return "", hint(fmt.Errorf("%w: this run's marker %s was deleted, and another one is there now; no object was deleted", errConflict, key),
			"an older version has come up, or somebody has written it: look at it, then run the same command again, which leaves the marker of another import")
	}
	return key, asTargetError(err)
}

// committed tells that the run's marker stands there and is not of this state folder.
func (d *endedImport) committed() error {
	return hint(fmt.Errorf("%w: run %s is committed by %s, and has not ended in this state folder", errConflict, d.o.RunID, d.o.Prefix+d.o.Marker),
		"nothing was begun: readers use what is there. Name the --state folder of that run; or, for an import of its own, another --run-id and --commit-marker")
}

// commit writes the commit marker, if one is wished: the last object, which says
// that all the others are there. It waits for the run's turn.
func (d *endedImport) commit(ctx context.Context) (key string, err error) {
	if d.o.Marker == "" || d.result.Receipts == "" {
		return "", nil
	}
	marker, err := importer.CommitMarker(d.o.StateDir, d.result.Receipts, d.jobFile, d.o.ImporterKey)
	if err != nil {
		return "", asTargetError(err)
	}
	key, err = d.result.Commit(ctx, marker, markerAttributes(d.o.Rules))
	switch other := errors.Is(err, importer.ErrOtherMarker); {
	case other && target.IsUnknown(err):
		return "", foreignAnd(d.o.Prefix+d.o.Marker, "; whether this run's was written is not known")
	case other:
		return "", foreign(d.o.Prefix + d.o.Marker)
	}
	return key, asTargetError(err)
}

// markerAttributes are a commit marker's: a bucket may demand the run's own of it.
func markerAttributes(rules plan.Rules) target.Attributes {
	a := rules.Own()
	a.ContentType = "application/vnd.dsse.envelope.v1+json"
	return a
}

// checkMarker refuses a name that readers or our own rules have a use for.
func (f *importFlags) checkMarker() error {
	if f.marker == "" {
		return nil
	}
	if strings.HasPrefix(f.marker, ".sledge-") || strings.HasSuffix(f.marker, "/") || strings.HasPrefix(f.marker, "/") {
		return usagef("--commit-marker %q: must be a key below the prefix, and not begin with .sledge-", f.marker)
	}
	if problems := manifest.CheckKey(f.marker, manifest.KeyLimits{MaxKey: 1024}); len(problems) > 0 {
		return usagef("--commit-marker %q: %s", f.marker, problems[0].Text)
	}
	return nil
}
