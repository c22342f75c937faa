package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sledge-io/sledge/crypto"
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
// state folder in which it has ended may go on, for there is nothing left to do. One that
// cannot be read may be either.
func (d *endedImport) unmarked(ctx context.Context) (committed bool, err error) {
	key := d.o.Prefix + d.o.Marker
	there, err := d.readMarker(ctx, key)
	if importer.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, unread(key, err)
	}
	own, err := d.ownMarker(key, there)
	if err != nil {
		return false, err
	}
	if !own {
		return false, foreign(key)
	}
	return true, nil
}

// unread is of a commit marker of which no answer tells whether it is there. Stores say of a
// missing key, too, that it is forbidden to whoever may not list.
func unread(key string, err error) error {
	var e *importer.Error
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
		importer.NamesRun(r.Run, d.o.RunID), nil
}

// uncommit takes the run's commit marker away, if it has one and remove is set: before
// any object, so that nobody reads what is not whole any more. It returns the key of one
// that is, or was, there. Another import's marker is left. One that is hidden from HEAD or
// cannot be read is an error.
func (d *endedImport) uncommit(ctx context.Context, remove bool) (key string, err error) {
	if d.o.Marker == "" {
		return "", nil
	}
	key = d.o.Prefix + d.o.Marker
	obj, err := d.target.Head(ctx, key)
	if err != nil && !importer.IsNotFound(err) {
		return "", asTargetError(unread(key, err))
	}
	there, getErr := d.readMarker(ctx, key)
	switch {
	case err != nil && importer.IsNotFound(getErr):
		return "", nil
	case getErr != nil:
		return "", asTargetError(unread(key, getErr))
	case err != nil:
		return "", asTargetError(importer.NewError(importer.CodeNotShown, key, "GET finds the commit marker, and HEAD does not", err))
	}
	own, err := d.ownMarker(key, there)
	if err != nil || !own {
		return "", err
	}
	if remove {
		replaced, err := importer.DeleteSeen(ctx, d.target, key, obj)
		if replaced {
			return "", hint(fmt.Errorf("%w: %s was replaced by another object while it was read: nothing was deleted", errConflict, key), "run the same command again")
		}
		return key, asTargetError(err)
	}
	return key, nil
}

// committed tells that the run's marker stands there and is not of this state folder.
func (d *endedImport) committed() error {
	return hint(fmt.Errorf("%w: run %s is committed by %s, and has not ended in this state folder", errConflict, d.o.RunID, d.o.Prefix+d.o.Marker),
		"nothing was begun: readers use what is there. Name the --state folder of that run; or, for an import of its own, another --run-id and --commit-marker")
}

func (d *endedImport) readMarker(ctx context.Context, key string) ([]byte, error) {
	body, err := d.target.Get(ctx, key, "")
	if err != nil {
		return nil, err
	}
	defer body.Close() // read only
	there, err := io.ReadAll(io.LimitReader(body, manifest.MaxStatement+1))
	if err != nil {
		return nil, importer.NewError(importer.CodeConnectionLost, key, err.Error(), err)
	}
	return there, nil
}

// commit writes the commit marker, if one is wished: the last object, which says
// that all the others are there. It waits for the run's turn.
func (d *endedImport) commit(ctx context.Context) (key string, err error) {
	if d.o.Marker == "" || d.result.Receipts == "" {
		return "", nil
	}
	err = d.result.Commit(ctx, func(ctx context.Context, mayWrite func() error) (err error) {
		key, err = d.mark(ctx, mayWrite)
		return err
	})
	if told := (*hinted)(nil); err != nil && !errors.As(err, &told) {
		err = asTargetError(err)
	}
	if err != nil {
		return "", err
	}
	return key, nil
}

// mark writes the marker, once it is signed.
func (d *endedImport) mark(ctx context.Context, mayWrite func() error) (key string, err error) {
	marker, err := importer.CommitMarker(d.o.StateDir, d.result.Receipts, d.jobFile, d.o.ImporterKey)
	if err != nil {
		return "", err
	}
	return d.put(ctx, marker, mayWrite)
}

// put writes a marker. One that is there already must be the same, and is looked for before
// the write: the store may have no conditional ones.
func (d *endedImport) put(ctx context.Context, marker []byte, mayWrite func() error) (key string, err error) {
	key = d.o.Prefix + d.o.Marker
	conditional := d.result.Probe.ConditionalPut || !d.o.AllowUnconditional
	switch done, err := d.marked(ctx, key, marker); {
	case done:
		return key, nil
	case errors.Is(err, errConflict), err != nil && !conditional:
		return "", err
	}
	if err := mayWrite(); err != nil {
		return "", err
	}
	_, err = d.target.Put(ctx, importer.PutRequest{Key: key, Body: bytes.NewReader(marker), Size: int64(len(marker)), SHA256: crypto.SumSHA256(marker),
		Attributes: markerAttributes(d.o.Rules), IfAbsent: conditional})
	if err == nil {
		return key, nil
	}
	switch done, getErr := d.marked(ctx, key, marker); {
	case done:
		return key, nil
	case errors.Is(getErr, errConflict):
		return "", getErr
	}
	return "", asTargetError(err) // the write's own error says more
}

// markerAttributes are a commit marker's: a bucket may demand the run's own of it.
func markerAttributes(rules importer.Rules) importer.Attributes {
	a := rules.Own()
	a.ContentType = "application/vnd.dsse.envelope.v1+json"
	return a
}

// marked tells whether our marker stands there; another one is a conflict.
func (d *endedImport) marked(ctx context.Context, key string, marker []byte) (bool, error) {
	there, err := d.readMarker(ctx, key)
	switch {
	case importer.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, asTargetError(err)
	case !bytes.Equal(there, marker):
		return false, foreign(key)
	}
	return true, nil
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
