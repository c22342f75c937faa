package importer

import (
	"context"
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// lookFresh is how old a look at an object may be before it is deleted.
const lookFresh = time.Second

// deleteSeen removes the object that HEAD has shown at a time, and reports whether another
// one is there in its place, which stays. The object of a version id is that one for good.
// Any other is deleted on condition of its ETag, and only by a fresh look: where the look is
// old, before each repetition, and where the store does not take the condition. One that
// nobody shows any more, before anything was deleted, is not found.
func (r *run) deleteSeen(ctx context.Context, key string, obj target.Object, at time.Time) (replaced bool, err error) {
	if obj.IsVersion() {
		return false, r.calls.Idempotent(ctx, request.Call{Name: request.DeleteObject, Key: key}, func(ctx context.Context) error { return r.target.Delete(ctx, key, obj.VersionID) })
	}
	stale, sent, unmet := r.opts.Now().Sub(at).Abs() > lookFresh, false, false
	for attempt := 0; ; stale = true {
		if stale {
			now, err := r.headSurely(ctx, key, false)
			switch {
			case target.IsNotFound(err) && sent:
				return false, nil // the answer to the delete was lost, or somebody else was first
			case err != nil:
				return false, err
			case !obj.SameObject(now):
				return true, nil
			case unmet:
				r.noSeenDelete.Store(true) // the store takes no such condition
			}
		}
		conditional := r.deletesSeen(obj)
		err := r.calls.Once(ctx, request.Call{Name: request.DeleteObject, Key: key}, func(ctx context.Context) error {
			if conditional {
				return r.target.DeleteSeen(ctx, key, obj.VersionID, obj.ETag)
			}
			return r.target.Delete(ctx, key, obj.VersionID)
		})
		if err == nil || target.IsNotFound(err) {
			return false, nil
		}
		if conditional && target.HasCode(err, target.CodeKeyExists) {
			return true, nil // whatever HEAD shows: a cache may answer it
		}
		if unmet = conditional && target.HasCode(err, target.CodeRefused); unmet {
			continue // nothing was deleted
		}
		sent = true
		if !r.calls.Again(attempt, err) {
			return false, err
		}
		attempt++
	}
}

// deletesSeen reports whether an object is deleted on condition of its ETag.
func (r *run) deletesSeen(obj target.Object) bool {
	return r.target.Capabilities().DeleteSeen && obj.ETag != "" && !r.noSeenDelete.Load()
}
