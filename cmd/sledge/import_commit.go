package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sledge-io/sledge/importer"
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
func foreign(key string) error {
	return hint(fmt.Errorf("%w: the commit marker %s is another one", errConflict, key),
		"it is of another import or of an earlier run; readers would take it for this one's: remove it or choose another --commit-marker, then run the same command again")
}

// unmarked refuses to begin while another import's marker stands in our marker's
// place: readers would not wait for this one. One of this very run commits it: only the
// state folder in which it has ended may go on, for there is nothing left to do. Where
// it cannot be read, commit tells in the end.
func (d *endedImport) unmarked(ctx context.Context, at *importer.CommitStore) (committed bool, err error) {
	there, err := at.Read(ctx)
	if err != nil {
		return false, nil
	}
	if !d.ownMarker(there) {
		return false, foreign(at.Key())
	}
	return true, nil
}

// ownMarker tells a marker of this run, whichever state folder it was made from.
func (d *endedImport) ownMarker(there []byte) bool {
	r, err := fsck.VerifyCommit(there, fsck.Trust{})
	return err == nil && r.Job == d.scope.Job.String() && r.Device == d.scope.Device.String() && r.Generation == uint64(d.scope.Generation) && r.Target == d.o.TargetURL() &&
		importer.NamesRun(r.Run, d.o.RunID)
}

// uncommit takes the run's commit marker away, if it has one and remove is set: before
// any object, so that nobody reads what is not whole any more. It returns the key of one
// that is, or was, there. Another import's marker is left.
func (d *endedImport) uncommit(ctx context.Context, at *importer.CommitStore, remove bool) (key string, err error) {
	if d.o.Marker == "" {
		return "", nil
	}
	seen, err := at.Look(ctx)
	switch {
	case err != nil:
		return "", asTargetError(err)
	case seen == nil || !d.ownMarker(seen.Content):
		return "", nil
	case !remove:
		return at.Key(), nil
	}
	replaced, err := at.Remove(ctx, seen)
	if replaced {
		return "", hint(fmt.Errorf("%w: %s was replaced by another object while it was read: nothing was deleted", errConflict, at.Key()), "run the same command again")
	}
	return at.Key(), asTargetError(err)
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
	if errors.Is(err, importer.ErrOtherMarker) {
		return "", foreign(d.o.Prefix + d.o.Marker)
	}
	return key, asTargetError(err)
}

// markerAttributes are a commit marker's: a bucket may demand the run's own of it.
func markerAttributes(rules importer.Rules) importer.Attributes {
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
