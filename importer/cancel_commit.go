package importer

import (
	"context"
	"errors"
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// notedMarker is a marker that a run keeps a note of, as a cancel looks for it.
type notedMarker struct {
	commitNote
	wait           *request.Wait
	found, removed bool
}

// uncommit has each marker taken away that the run keeps a note of, and before them the one that
// the options name without one: software that kept no note may have written it. The first error
// is returned once all of them were tried: what keeps one says nothing of the others. What a stop
// keeps it from is named.
func (c *canceler) uncommit(ctx context.Context) error {
	r := c.run
	notes, err := r.commitNotes(ctx)
	if err != nil {
		c.out.NotesUnread = err.Error()
	}
	if err != nil && len(notes.Markers) == 0 {
		return err
	}
	ends := []error{err}
	asked := r.commitStore()
	if len(notes.Markers) == 0 || r.opts.Marker != "" && notes.of(asked.key).At.IsZero() {
		err = r.opts.Uncommit(ctx, asked)
		ends = append(ends, err)
	}
	for i, note := range notes.Markers {
		if errors.Is(err, request.ErrStopped) || target.IsCanceled(err) || ctx.Err() != nil {
			ends = append(ends, c.unasked(ctx, notes.Markers[i:]))
			break
		}
		err = c.takeAway(ctx, note)
		ends = append(ends, err)
	}
	return request.First(ends)
}

// unasked names those that a stop has kept the call from.
func (c *canceler) unasked(ctx context.Context, notes []commitNote) error {
	for _, note := range notes {
		c.out.Unasked = append(c.out.Unasked, note.Key)
	}
	return request.StoppedBy(ctx)
}

// takeAway does so with one, and names it while it may yet come.
func (c *canceler) takeAway(ctx context.Context, note commitNote) error {
	r := c.run
	note, keepErr := r.sentElsewhere(note)
	marker := &notedMarker{commitNote: note, wait: c.lag}
	err := r.opts.Uncommit(ctx, &CommitStore{run: r, key: note.Key, noted: marker})
	if err == nil && marker.removed {
		note.Gone = true
		keepErr = errors.Join(keepErr, r.noteHere(note))
	}
	if r.mayComeLate(note.Open) && (!marker.found || marker.removed) {
		keepErr = errors.Join(keepErr, c.late(note.Key, request.PutObject, note.Open))
	}
	if err == nil {
		err = keepErr
	}
	return err
}

// sentElsewhere dates a write of another host: one that has had no answer may have waited at that
// host's gate until now, and its clock says nothing here. The date is kept, with the note that it
// is of, so that the next call counts from the same time.
func (r *run) sentElsewhere(note commitNote) (commitNote, error) {
	notes, err := r.notedHere()
	here := notes.of(note.Key)
	switch {
	case err != nil || !r.header.Filled || note.there.IsZero():
		return note, err
	case note.there.Equal(here.Seen):
		return here, nil
	}
	here.Seen, here.At, here.Gone = note.there, r.opts.Now().UTC(), false
	if note.openThere {
		here.Open = here.At
	}
	return here, r.noteHere(here)
}

// Noted reports whether the run keeps that it wrote a marker under this key.
func (s *CommitStore) Noted() bool { return s.noted != nil }

// errHidden is of a marker that is not shown, and may be there.
var errHidden = errors.New("the commit marker is not shown")

// Find is Look for a cancel. What was written, or may have been, moments ago by the run's own
// note is waited for before it is nil.
func (s *CommitStore) Find(ctx context.Context) (seen *SeenMarker, err error) {
	if s.noted == nil {
		return s.Look(ctx)
	}
	r := s.run
	err = s.noted.wait.Since(ctx, r.lateSince(s.noted.written(r.opts.Now(), r.opts.CallTimeout)), func(err error) bool { return errors.Is(err, errHidden) }, func() (err error) {
		if seen, err = s.Look(ctx); err == nil && seen == nil {
			err = errHidden
		}
		return err
	})
	if errors.Is(err, errHidden) && !errors.Is(err, request.ErrStopped) {
		err = nil
	}
	s.noted.found = seen != nil
	return seen, err
}

// written is when the marker was written at the latest: one that had no answer was under way for
// the time of a call, or until whoever wrote it was killed.
func (n commitNote) written(now time.Time, call time.Duration) time.Time {
	switch {
	case n.Open.IsZero() && n.Gone:
		return time.Time{}
	case n.Open.IsZero():
		return n.At
	}
	last := n.Open.Add(call)
	if last.After(now) {
		last = now
	}
	return later(n.At, last)
}
