package importer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/manifest"
)

// CommitStore is where a run's commit marker stands in the target. Its calls are the run's own:
// in its hours, under its limits, each attempt under its own time and repeated where that is
// safe. What changes the marker is begun only while the run is this process's.
type CommitStore struct {
	run   *run
	key   string
	noted *notedMarker // nil: of a marker that the run keeps no note of
}

func (r *run) commitStore() *CommitStore {
	return &CommitStore{run: r, key: r.opts.Prefix + r.opts.Marker}
}

// Key is the marker's key in the bucket.
func (s *CommitStore) Key() string { return s.key }

// ErrOtherMarker is of a commit marker that stands in the place of this run's.
var ErrOtherMarker = errors.New("the commit marker is another one")

// Read reads the marker that stands there; one that does not is an error for which IsNotFound
// is true. Of a longer object than any marker no more is read than shows that.
func (s *CommitStore) Read(ctx context.Context) ([]byte, error) {
	return readSmall(ctx, s.run.calls, s.run.target, s.key, "", manifest.MaxStatement)
}

func readSmall(ctx context.Context, calls *request.Caller, to target.Reader, key, version string, most int64) (there []byte, err error) {
	err = calls.Idempotent(ctx, request.Call{Name: request.GetObject, Key: key, Payload: most}, func(ctx context.Context) error {
		body, err := request.Get(ctx, to, key, version)
		if err != nil {
			return err
		}
		there, err = io.ReadAll(io.LimitReader(body, most+1))
		if err = errors.Join(err, body.Close()); err != nil {
			return target.Unknown(target.NewError(target.CodeConnectionLost, key, err.Error(), err))
		}
		return nil
	})
	return there, err
}

// holds reports whether this marker stands there; another one is ErrOtherMarker.
func (s *CommitStore) holds(ctx context.Context, marker []byte) (bool, error) {
	there, err := s.Read(ctx)
	switch {
	case target.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, err
	case !bytes.Equal(there, marker):
		return false, ErrOtherMarker
	}
	return true, nil
}

// SeenMarker is a marker that was looked at.
type SeenMarker struct {
	Content []byte
	object  target.Object
	at      time.Time
}

// Look reads the marker so that it can be removed; nil is none. One that HEAD or GET alone
// finds, also after a while, is CodeNotShown.
func (s *CommitStore) Look(ctx context.Context) (seen *SeenMarker, err error) {
	look := func() error {
		seen, err = s.lookOnce(ctx)
		return err
	}
	if err = look(); target.IsNotFound(err) {
		err = s.run.calls.ShownLate(ctx, err, look)
	}
	if target.IsNotFound(err) {
		err = target.NewError(target.CodeNotShown, s.key, "HEAD finds the commit marker, and GET does not", err)
	}
	return seen, err
}

// lookOnce is one look. It reads the version that HEAD shows; not found is what GET does not.
func (s *CommitStore) lookOnce(ctx context.Context) (*SeenMarker, error) {
	at := s.run.opts.Now()
	obj, err := s.run.headSurely(ctx, s.key, false)
	if err != nil && !target.IsNotFound(err) {
		return nil, err
	}
	version := ""
	if obj.IsVersion() {
		version = obj.VersionID
	}
	content, getErr := readSmall(ctx, s.run.calls, s.run.target, s.key, version, manifest.MaxStatement)
	switch {
	case err != nil && target.IsNotFound(getErr):
		return nil, nil
	case getErr != nil:
		return nil, getErr
	case err != nil:
		return nil, target.NewError(target.CodeNotShown, s.key, "GET finds the commit marker, and HEAD does not", err)
	}
	return &SeenMarker{content, obj, at}, nil
}

// Remove removes the marker that was looked at, and reports whether another object is there in
// its place, which stays. A bucket with versions may have the marker twice, where the answer to
// a write was lost: the older one comes up, and is removed as well. Whatever else is there
// after the removal is ErrOtherMarker.
func (s *CommitStore) Remove(ctx context.Context, seen *SeenMarker) (replaced bool, err error) {
	wait := s.run.calls.NewWait()
	for range maxMarkerVersions {
		if err := s.mayRemove(ctx); err != nil {
			return false, err
		}
		replaced, err := s.run.deleteSeen(ctx, s.key, seen.object, seen.at)
		if s.noted != nil && !replaced {
			s.noted.removed = true // or may be
		}
		if replaced || err != nil && !target.IsNotFound(err) {
			return replaced, err
		}
		under, err := s.lookUnder(ctx, seen, wait)
		if err != nil {
			return false, underNotKnown(err)
		}
		if under == nil {
			return false, nil
		}
		seen = under
	}
	return false, fmt.Errorf("%s: %d versions of the commit marker were deleted, and there are more", s.key, maxMarkerVersions)
}

// underNotKnown is of a look after the removal that has had no answer.
func underNotKnown(err error) error {
	if errors.Is(err, request.ErrStopped) || errors.Is(err, ErrOtherMarker) || target.HasCode(err, target.CodeNotShown) {
		return err
	}
	e := *target.AsError(err)
	e.Cause = "the commit marker was deleted, and whether an older one is there now is not known: " + e.Cause
	return &e
}

// mayRemove is an error where the run is not this process's any more.
func (s *CommitStore) mayRemove(ctx context.Context) error {
	if e := s.run.haltedBy(); e != nil { // the mark of a cancel is this one's own
		return e
	}
	return errors.Join(s.run.ours(), s.run.calls.Look(ctx))
}

// lookUnder looks for the same marker after it was removed; nil is none. For a while the one
// that was removed may be shown, by HEAD or GET or both.
func (s *CommitStore) lookUnder(ctx context.Context, removed *SeenMarker, wait *request.Wait) (*SeenMarker, error) {
	for {
		began := wait.Now()
		seen, err := s.Look(ctx)
		switch half := target.HasCode(err, target.CodeNotShown); {
		case err != nil && !half, err == nil && seen == nil:
			return nil, err
		case !half && !bytes.Equal(seen.Content, removed.Content):
			return nil, fmt.Errorf("%s: the marker was deleted, and %w is there now", s.key, ErrOtherMarker)
		case !half && !removed.object.SameObject(seen.object):
			return seen, nil
		}
		switch again, stopped := wait.Again(ctx, began); {
		case stopped != nil:
			return nil, stopped
		case again:
			continue
		case err == nil && !removed.object.IsVersion():
			return seen, nil // it may have been written again
		case err == nil:
			err = target.NewError(target.CodeNotShown, s.key, "the commit marker was deleted, and is still shown", nil)
		}
		return nil, err
	}
}
