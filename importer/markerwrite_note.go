package importer

import (
	"context"
	"fmt"

	"github.com/sledge-io/sledge/importer/request"
)

// recall reads what is known of earlier writes of the marker, here and in the target. One of
// another host may have been sent long after its note.
func (w *markerWrite) recall(ctx context.Context) (err error) {
	r, note := w.at.run, commitNote{}
	if w.noted, err = r.commitNotes(ctx); err == nil {
		note, err = r.sentElsewhere(w.noted.of(w.at.key))
	}
	if err != nil {
		return fmt.Errorf("no commit marker was written: %w", request.NeverSent(err))
	}
	w.noted, w.unsure, w.there = w.noted.with(note), r.mayComeLate(note.Open), note.Seen
	return nil
}

// openEarlier reports whether a write of this host may yet have its effect.
func (s *CommitStore) openEarlier() bool {
	n, err := s.run.notedHere()
	return err != nil || s.run.mayComeLate(n.of(s.key).Open)
}

// intent is the note of a write that is about to be sent: until its answer it is open.
func (w *markerWrite) intent() commitNote {
	now := w.at.run.opts.Now().UTC()
	return commitNote{Key: w.at.key, At: now, Open: now}
}

func (w *markerWrite) intendHere() error {
	note := w.intent()
	note.Seen = w.there
	w.noting = true
	return w.at.run.noteHere(note)
}

// intendThere is asked for outside of the write's own turn: it has one of its own.
func (w *markerWrite) intendThere(ctx context.Context) error {
	note := w.intent()
	err := w.at.run.noteThere(ctx, note)
	if err == nil {
		w.there = note.At
	}
	return err
}

// settle notes how the write has ended. Where it cannot, the write stays open for whoever reads.
func (w *markerWrite) settle(ctx context.Context) {
	if !w.noting {
		return
	}
	r, note := w.at.run, w.intent()
	if w.open == 0 {
		note.Open = w.noted.of(w.at.key).Open
	}
	note.Seen = w.there
	err := r.noteHere(note)
	if err == nil && ctx.Err() == nil && r.lostTo() == nil && !w.denied {
		defer r.calls.LookBy(r.mayCommit)() // however long it waits: a cancel may have cleared the journal there
		if err = r.noteThere(ctx, note); err == nil && r.mirrored() != nil {
			note.Seen = note.At
			err = r.noteHere(note)
		}
	}
	if err != nil {
		r.opts.Log.Debug("the note of the commit marker", "error", err)
	}
}
