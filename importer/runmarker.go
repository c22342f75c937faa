package importer

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// A run has a marker in the target, from its first object until it is complete or
// canceled: an object with a random text that only this state folder knows. A later
// start that finds it is at the same bucket, and looks at a sample of what it holds for
// stored; so does one that may not look at it. One that finds none looks at every object.
// A journal in the target needs none: its leases are one.
const markerName = "run"

// maxMarker bounds what is read of it.
const maxMarker = 1 << 10

// maxMarkerVersions bounds how many are removed at once.
const maxMarkerVersions = 100

func (r *run) markerKey() string {
	return r.opts.Prefix + journalName(r.source.Scope(), r.opts.RunID) + markerName
}

// mark writes the marker, in place of one that another state folder has left. The
// journal knows it first, durably. A target that takes none costs a run nothing but
// this look.
func (r *run) mark(ctx context.Context, free bool) error {
	if r.mirror != nil || r.ended.Done {
		return nil
	}
	if err := r.intendMarker(); err != nil {
		return err
	}
	err := r.writeMarker(ctx, free)
	if err == nil || !hidesKey(err) || target.IsUnknown(err) {
		return err
	}
	r.opts.Log.Warn("the target takes no marker of the run; later starts look at a sample of its objects alone", "error", err)
	return r.forgetMarker()
}

// intendMarker keeps the text of a marker that is to be written.
func (r *run) intendMarker() error {
	text, err := r.markerText()
	if err != nil {
		return err
	}
	r.header.Earlier = r.header.mayHaveMarker()
	r.header.Marker, r.header.Marked, r.header.MarkerAt = text, r.opts.Now().UTC(), nil
	return r.journal.store(headerKey, r.header, true)
}

// writeMarker writes it, also over another one.
func (r *run) writeMarker(ctx context.Context, free bool) error {
	err := r.putMarker(ctx, free, r.header.Marker, r.probe.ConditionalPut)
	if target.HasCode(err, target.CodeKeyExists) {
		err = r.putMarker(ctx, free, r.header.Marker, false)
	}
	return err
}

// forgetMarker is for one that the target did not take.
func (r *run) forgetMarker() error {
	r.header.Marker, r.header.Marked = "", time.Time{}
	return r.journal.store(headerKey, r.header, true)
}

func (r *run) putMarker(ctx context.Context, free bool, text string, ifAbsent bool) error {
	what := request.Call{Name: request.PutObject, Key: r.markerKey(), Payload: int64(len(text)), Free: free, Inner: true}
	return r.calls.Briefly(r.opts.Rules.Own(), func(own target.Attributes) error {
		return r.calls.Idempotent(ctx, what, func(ctx context.Context) error {
			stored, err := r.target.Put(ctx, target.PutRequest{Key: what.Key, Body: bytes.NewReader([]byte(text)), Size: what.Payload,
				SHA256: crypto.SumSHA256([]byte(text)), Attributes: own, IfAbsent: ifAbsent})
			switch {
			case err == nil:
				r.header.MarkerAt = &stored.VersionID
			case !hidesKey(err), target.IsUnknown(err), target.HasCode(err, target.CodeKeyExists):
				r.header.Earlier = true // whatever the next attempt is answered
			}
			return err
		})
	})
}

// mayHaveMarker reports whether the target may have a marker of this run.
func (h header) mayHaveMarker() bool { return h.Marker != "" || h.Earlier }

func (r *run) markerText() (string, error) {
	source := r.opts.Rand
	if source == nil {
		source = rand.Reader
	}
	var b [16]byte
	_, err := io.ReadFull(source, b[:])
	return hex.EncodeToString(b[:]), err
}

// sight is what a look at the run's marker has shown.
type sight struct {
	there   bool  // it is there, or the run has none
	missing bool  // the target says that there is none under its key
	hidden  error // the target refuses to show it, and tells nothing about it
}

// marked looks for the run's marker in the target. A run without one, that has ended or
// was begun by software that wrote none, is taken for marked. A refusal that can be of
// this one key is no error: the caller proves the target by objects.
func (r *run) marked(ctx context.Context, free bool) (sight, error) {
	switch {
	case r.mirror != nil && free:
		return sight{there: true}, r.mirror.look(ctx, r.calls.Once)
	case r.mirror != nil:
		return sight{there: !r.unmarked}, nil
	case r.header.Marker == "" || r.ended.Done:
		return sight{there: true}, nil
	}
	ask := r.calls.Idempotent
	if free {
		ask = r.calls.Once // the next look comes soon
	}
	var text []byte
	key := r.markerKey()
	err := ask(ctx, request.Call{Name: request.GetObject, Key: key, Payload: maxMarker, Free: free}, func(ctx context.Context) error {
		body, err := r.target.Get(ctx, key, "")
		if err != nil {
			return err
		}
		defer body.Close() // read only
		if text, err = io.ReadAll(io.LimitReader(body, maxMarker)); err != nil {
			return target.Unknown(target.NewError(target.CodeConnectionLost, "", err.Error(), err))
		}
		return nil
	})
	switch {
	case target.IsNotFound(err):
		return sight{missing: true}, nil
	case request.Forbidden(err): // stores tell "forbidden" of what is absent, too
		return sight{}, nil
	case hidesKey(err):
		r.opts.Log.Warn("the run's marker cannot be looked at; a sample of the run's objects is looked at instead", "key", key, "error", err)
		return sight{hidden: err}, nil
	case err != nil:
		return sight{}, err
	}
	return sight{there: string(text) == r.header.Marker}, nil
}

// hidesKey reports whether the target has answered, and by that refuses to show this one key:
// a method, a policy, a firewall or a fault of the store may be about it alone.
func hidesKey(err error) bool {
	return request.OfName(err) && !target.HasCode(err, target.CodeConnectionLost) && !target.HasCode(err, target.CodeThrottled)
}

// unmark removes the marker of a run that needs none any more. What cannot be removed
// is named, and tried again at the next start.
func (r *run) unmark(ctx context.Context, end *finished) error {
	if !r.markerGone(ctx) {
		return nil
	}
	end.Cleared = true
	return r.journal.store(finishedKey, end, true)
}

// markerGone removes the marker, or names it, and reports whether it is gone.
func (r *run) markerGone(ctx context.Context) bool {
	err := r.removeMarker(ctx)
	if err != nil {
		r.problem(target.NewError(target.CodeJournalLeft, r.markerKey(), notRemoved(err), err))
	}
	return err == nil
}

// removeMarker removes every version: two are there where the answer to a PUT was lost, or a
// process died between the marker and the journal's line, and the older one would come up.
func (r *run) removeMarker(ctx context.Context) error {
	if !r.header.mayHaveMarker() || r.mirror != nil {
		return nil
	}
	remove := func(version string) error {
		return r.calls.Idempotent(ctx, request.Call{Name: request.DeleteObject, Key: r.markerKey()}, func(ctx context.Context) error {
			return r.target.Delete(ctx, r.markerKey(), version)
		})
	}
	last, deleted := "", false
	for range maxMarkerVersions {
		obj, err := r.head(ctx, r.markerKey())
		switch {
		case target.IsNotFound(err) && !deleted && r.header.MarkerAt != nil:
			return remove(*r.header.MarkerAt) // it may be there, and shown late
		case target.IsNotFound(err):
			return nil
		case err != nil:
			return err
		case obj.VersionID != "" && obj.VersionID == last:
			return fmt.Errorf("version %s was deleted, and is still there", last)
		}
		last = obj.VersionID
		err = remove(last)
		deleted = true
		if err != nil || last == "" {
			return err
		}
	}
	return fmt.Errorf("%d versions were deleted, and there are more", maxMarkerVersions)
}
