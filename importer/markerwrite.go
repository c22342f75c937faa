package importer

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// Put writes the marker. One that is there already must be the same, else it is ErrOtherMarker;
// it is looked for before the write, for the store may have no conditional ones, and after
// each one that may have had its effect. An error after a write whose end nobody knows is
// unknown, whatever has ended the write: the store may yet have the marker.
func (s *CommitStore) Put(ctx context.Context, marker []byte, a target.Attributes) error {
	r := s.run
	w := &markerWrite{at: s, content: marker, attributes: a, conditional: r.probe.ConditionalPut || !r.opts.AllowUnconditional}
	if err := w.recall(ctx); err != nil {
		return err
	}
	defer w.settle(ctx)
	defer r.calls.LookBy(w.allowed)()
	switch done, err := s.holds(ctx, marker); {
	case done:
		w.noting = true
		return nil
	case errors.Is(err, ErrOtherMarker), errors.Is(err, request.ErrStopped), err != nil && !w.conditional:
		return w.told(err)
	}
	for n := 0; ; n++ {
		if last, err := w.attempt(ctx, n); last {
			return w.told(err)
		}
	}
}

// markerWrite is the write of one commit marker, which may take several attempts.
type markerWrite struct {
	at          *CommitStore
	content     []byte
	attributes  target.Attributes
	conditional bool
	denied      bool        // the last attempt was not made, for the run is not seen to be ours
	unsure      bool        // an attempt may have had its effect, or have it later
	noted       commitNotes // before this write
	there       time.Time   // At of the note in the target, as far as this host knows it
	noting      bool        // there is something to note of it
	open        int         // attempts that may have their effect later
}

// allowed asks whose the run is once the write may begin, however long it has waited for that.
func (w *markerWrite) allowed(ctx context.Context) error {
	err := w.intendHere() // first: who takes the run over after the look has the note
	if err == nil {
		err = w.at.run.mayCommit(ctx)
	}
	w.denied = err != nil
	return err
}

// attempt makes one, and reports whether it was the last.
func (w *markerWrite) attempt(ctx context.Context, n int) (last bool, err error) {
	calls := w.at.run.calls
	if err := w.intendThere(ctx); err != nil {
		return true, request.NeverSent(err)
	}
	err = w.send(ctx)
	if err == nil || w.denied || errors.Is(err, request.ErrStopped) && !target.IsUnknown(err) {
		return true, err
	}
	if unclear(err) {
		w.unsure = true
		w.open++
	}
	there, lookErr := w.look(ctx, err)
	if there && w.open > 0 {
		w.open--
	}
	exists := target.HasCode(err, target.CodeKeyExists)
	switch {
	case there:
		return true, nil
	case errors.Is(lookErr, ErrOtherMarker), errors.Is(lookErr, request.ErrStopped), lookErr != nil && exists:
		return true, lookErr
	case exists:
		return true, notShown(w.at.key, w.unsure, err)
	case lookErr == nil && calls.Again(n, err):
		return false, nil
	case target.HasCode(err, target.CodeRestart):
		return true, target.NewError(target.CodeConflict, w.at.key, "the key comes and goes: something else writes it", err)
	case lookErr == nil && calls.Stopped() && target.IsClass(err, target.Retryable):
		return true, request.ErrStopped // before the next attempt
	}
	return true, err // it says more than the look
}

// send makes the request.
func (w *markerWrite) send(ctx context.Context) error {
	size, to := int64(len(w.content)), w.at.run.target
	return w.at.run.calls.Once(ctx, request.Call{Name: request.PutObject, Key: w.at.key, Payload: size}, func(ctx context.Context) error {
		_, err := to.Put(ctx, target.PutRequest{Key: w.at.key, Body: bytes.NewReader(w.content), Size: size, SHA256: crypto.SumSHA256(w.content),
			Attributes: w.attributes, IfAbsent: w.conditional})
		return err
	})
}

// look reports whether the marker is there after a write that has ended with err. It may be
// shown late: that is waited for where the store says that the key exists, and where another
// write would not be refused.
func (w *markerWrite) look(ctx context.Context, err error) (there bool, lookErr error) {
	there, lookErr = w.at.holds(ctx, w.content)
	late := target.HasCode(err, target.CodeKeyExists) || unclear(err) && !w.conditional
	if there || lookErr != nil || !late {
		return there, lookErr
	}
	lookErr = w.at.run.calls.ShownLate(ctx, target.NotFound(w.at.key), func() (err error) {
		if there, err = w.at.holds(ctx, w.content); err == nil && !there {
			return target.NotFound(w.at.key)
		}
		return err
	})
	if target.IsNotFound(lookErr) {
		lookErr = nil
	}
	return there, lookErr
}

// told is what the end of the write means. A stop is why the run was stopped.
func (w *markerWrite) told(err error) error {
	if err == nil {
		return nil
	}
	if lost := w.at.run.lostTo(); lost != nil && errors.Is(err, request.ErrStopped) {
		err = lost
	}
	if !w.unsure {
		return err
	}
	return w.at.inDoubt(err)
}

// notKnown is said of a write without an answer.
const notKnown = "whether the commit marker was written is not known"

// inDoubt marks an error behind which the marker may be there, or show later.
func (s *CommitStore) inDoubt(err error) error {
	e := *target.AsError(err)
	switch {
	case target.HasCode(err, target.CodeNotShown):
		return err // it says so itself
	case isLost(err):
		e = *s.lostMeanwhile(err, notKnown)
	case errors.Is(err, ErrOtherMarker):
		e = *target.NewError(target.CodeConflict, s.key, notKnown+": "+err.Error(), err)
	case errors.Is(err, request.ErrStopped):
		e = *target.NewError(target.CodeConnectionLost, s.key, notKnown+": "+err.Error(), err)
	default:
		e.Cause = notKnown + ": " + e.Cause
	}
	if e.Path == "" {
		e.Path = s.key
	}
	return target.Unknown(&e)
}

// isLost tells an error by which the run is another process's, or nobody's.
func isLost(err error) bool {
	return target.HasCode(err, target.CodeTakenOver) || target.HasCode(err, target.CodeCanceled)
}

// lostMeanwhile is of a run that was taken over, or canceled, while its marker was being
// written: whoever did that may not have found it. fact is what is known of it.
func (s *CommitStore) lostMeanwhile(err error, fact string) *target.Error {
	e := *target.AsError(err)
	e.Path, e.Cause = s.key, "while the commit marker was being written: "+fact+": "+e.Cause
	e.Remedy += "; if the run was canceled, remove the marker, also if it shows later, or cancel the run again with --commit-marker"
	return &e
}
