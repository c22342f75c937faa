package importer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/manifest"
)

// CommitStore is where a run's commit marker stands in the target. Its calls are the run's own:
// in its hours, under its limits, each attempt under its own time and repeated where that is
// safe. What changes the marker is begun only while the run is this process's.
type CommitStore struct {
	run *run
	key string
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
	return readSmall(ctx, s.run.calls, s.run.target, s.key, manifest.MaxStatement)
}

// ReadObject reads a small object by one GET of its own, under the options' times and retries.
// Of one longer than most, most+1 bytes are returned.
func ReadObject(ctx context.Context, target target.Reader, o Options, key string, most int64) ([]byte, error) {
	calls := newCaller(o.withDefaults(), ctx.Done())
	calls.endWith(ctx)
	content, err := readSmall(ctx, calls, target, key, most)
	if errors.Is(err, errStopped) {
		err = ctx.Err()
	}
	return content, err
}

func readSmall(ctx context.Context, calls *caller, to target.Reader, key string, most int64) (there []byte, err error) {
	err = calls.idempotent(ctx, call{name: callGet, key: key, payload: most}, func(ctx context.Context) error {
		body, err := get(ctx, to, key, "")
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

// Put writes the marker. One that is there already must be the same, else it is ErrOtherMarker;
// it is looked for before the write, for the store may have no conditional ones, and after
// each one that may have had its effect.
func (s *CommitStore) Put(ctx context.Context, marker []byte, a target.Attributes) error {
	r := s.run
	conditional := r.probe.ConditionalPut || !r.opts.AllowUnconditional
	switch done, err := s.holds(ctx, marker); {
	case done:
		return nil
	case errors.Is(err, ErrOtherMarker), err != nil && !conditional:
		return err
	}
	for attempt := 0; ; attempt++ {
		if err := r.mayCommit(ctx); err != nil {
			return err
		}
		err := r.calls.once(ctx, call{name: callPut, key: s.key, payload: int64(len(marker))}, func(ctx context.Context) error {
			_, err := r.target.Put(ctx, target.PutRequest{Key: s.key, Body: bytes.NewReader(marker), Size: int64(len(marker)), SHA256: crypto.SumSHA256(marker),
				Attributes: a, IfAbsent: conditional})
			return err
		})
		if err == nil || errors.Is(err, errStopped) && !target.IsUnknown(err) {
			return err
		}
		done, lookErr := s.holds(ctx, marker)
		switch {
		case done:
			return nil
		case errors.Is(lookErr, ErrOtherMarker):
			return lookErr
		case lookErr != nil, !r.calls.again(attempt, err):
			return err // the write's own error says more
		}
	}
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

// Look reads the marker so that it can be removed; nil is none. One that GET finds and HEAD
// does not is CodeNotShown.
func (s *CommitStore) Look(ctx context.Context) (*SeenMarker, error) {
	at := s.run.opts.Now()
	obj, err := s.run.headSurely(ctx, s.key, false)
	if err != nil && !target.IsNotFound(err) {
		return nil, err
	}
	content, getErr := s.Read(ctx)
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
// its place, which stays.
func (s *CommitStore) Remove(ctx context.Context, seen *SeenMarker) (replaced bool, err error) {
	r := s.run
	if e := r.haltedBy(); e != nil { // the mark of a cancel is this one's own
		return false, e
	}
	if err := errors.Join(r.ours(), r.calls.look(ctx)); err != nil {
		return false, err
	}
	return r.deleteSeen(ctx, s.key, seen.object, seen.at)
}
