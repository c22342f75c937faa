package importer

import (
	"context"
	"strings"
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// headSurely is head where a wrong "not there" would do harm. What HEAD does not find GET is
// asked for, too; where GET finds it HEAD is asked again for a while, and at last the object
// is CodeNotShown. free looks while the run is halted.
func (r *run) headSurely(ctx context.Context, key string, free bool) (obj target.Object, err error) {
	look := func() error {
		return r.calls.Idempotent(ctx, request.Call{Name: request.HeadObject, Key: key, Free: free}, func(ctx context.Context) (err error) {
			obj, err = r.target.Head(ctx, key)
			return err
		})
	}
	if err = look(); !target.HasCode(err, target.CodeAccessDenied) && !target.IsNotFound(err) {
		return obj, err
	}
	said := request.PresentBy(ctx, r.calls, r.target, request.Call{Name: request.GetObject, Key: key, Free: free})
	switch {
	case said != nil && !target.IsNotFound(said):
		return obj, said
	case said != nil || !target.IsNotFound(err):
		return obj, err
	}
	if err = r.calls.ShownLate(ctx, err, look); target.IsNotFound(err) {
		err = target.NewError(target.CodeNotShown, key, "GET finds the key, and HEAD does not", err)
	}
	return obj, err
}

// headByNow is headSurely, asked again for a while where the object was written moments ago.
func (r *run) headByNow(ctx context.Context, w *request.Wait, key string, written time.Time) (obj target.Object, err error) {
	err = w.Since(ctx, r.lateSince(written), target.IsNotFound, func() (err error) {
		obj, err = r.headSurely(ctx, key, false)
		return err
	})
	return obj, err
}

// lateSince is when something was written that the target may show late. By the word of an
// operator who has emptied the target nothing is there to be shown.
func (r *run) lateSince(written time.Time) time.Time {
	if r.opts.Emptied {
		return time.Time{}
	}
	return written
}

// mirrorNotShown is of an object of the journal in the target that is listed, or was refused
// because it exists, and that GET does not find. Whose the run is, is not known then: it ends.
func mirrorNotShown(key string, err error) *target.Error {
	return target.NewError(target.CodeTargetJournal, key, "the target has it, and says that it is not there: a cache or a proxy may answer from memory", err)
}

// notShown is of a key that the target has by its answer to a write, and has not by its
// answer to a look. unsure: a write of ours had no answer before.
func notShown(path string, unsure bool, err error) *target.Error {
	text := "412 and 404 for the same key: the write was refused because the key exists, and a look finds no such key"
	if unsure {
		text += "; a write before had no answer: whether it was written is not known"
	}
	e := target.NewError(target.CodeNotShown, path, text, err)
	e.Unknown = unsure
	return e
}

// inTheWay names what keeps a store of folders from having this key, so that no look finds it
// and no write can make it; "" is nothing.
func (r *run) inTheWay(ctx context.Context, key string) string {
	if !r.planner.Profile().Folders {
		return ""
	}
	if file, ok := strings.CutSuffix(key, "/"); ok {
		if _, err := r.head(ctx, file); err == nil {
			return "an object where this key is a folder"
		}
		return ""
	}
	if !r.target.Capabilities().List {
		return ""
	}
	var page []target.Listed
	err := r.calls.Idempotent(ctx, request.Call{Name: request.ListObjectsV2, Key: key}, func(ctx context.Context) (err error) {
		page, _, err = r.target.List(ctx, key+"/", "")
		return err
	})
	if err != nil || len(page) == 0 {
		return ""
	}
	return "keys below this one"
}
