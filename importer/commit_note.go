package importer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"time"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// What a run keeps of its commit markers, so that a cancel finds each by its name: in a file of
// the run's folder and, where its journal is in the target, too, in an object there. Both are
// durable before the first request that may store a marker. A run of software that kept none
// has neither.
const (
	commitNotesName    = "commit.json"
	mirrorCommit       = "commit"
	commitNotesVersion = 1
)

type commitNotes struct {
	Version int          `json:"version"`
	Run     string       `json:"run"`
	Markers []commitNote `json:"markers"` // each key once
}

// commitNote is what is known of the writes of one marker.
type commitNote struct {
	Key  string    `json:"key"`            // in the bucket
	At   time.Time `json:"at"`             // of the last write, or of the intent
	Open time.Time `json:"open,omitzero"`  // of the last write that was to be sent and has had no answer
	Gone bool      `json:"gone,omitempty"` // a cancel has removed it since

	// Seen is At of the note in the target that this one has taken in: a name of that note, by the
	// clock of the host that wrote it. Clocks of two hosts order nothing.
	Seen      time.Time `json:"seen,omitzero"`
	there     time.Time // At of the note in the target
	openThere bool      // it tells of a write without an answer
}

// of is the note of a key; one without times if there is none.
func (n commitNotes) of(key string) commitNote {
	for _, note := range n.Markers {
		if note.Key == key {
			return note
		}
	}
	return commitNote{Key: key}
}

// with has a note in place of that of its key.
func (n commitNotes) with(note commitNote) commitNotes {
	others := slices.DeleteFunc(slices.Clone(n.Markers), func(o commitNote) bool { return o.Key == note.Key })
	n.Markers = append(others, note)
	return n
}

// and adds what the target keeps of the same run, where this host alone has written it: what is
// known here counts where it is as new. Of another host's notes it only says which they are (there).
func (n commitNotes) and(others commitNotes) commitNotes {
	for _, theirs := range others.Markers {
		ours := n.of(theirs.Key)
		switch {
		case ours.At.IsZero():
			ours = commitNote{Key: theirs.Key, At: theirs.At, Open: theirs.Open}
		case theirs.At.After(ours.At):
			ours.At, ours.Open = theirs.At, later(ours.Open, theirs.Open)
		case !ours.At.After(theirs.Open.Add(lateTime)): // our clock may be ahead
			ours.Open = later(ours.Open, theirs.Open)
		}
		ours.there, ours.openThere = theirs.At, !theirs.Open.IsZero()
		n = n.with(ours)
	}
	return n
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// check refuses what a newer sledge has written, and what is of another run.
func (n commitNotes) check(runID string) error {
	switch {
	case n.Version > commitNotesVersion:
		return fmt.Errorf("%w: %d", manifest.ErrUnsupportedVersion, n.Version)
	case n.Run != runID:
		return fmt.Errorf("%w: it is of run %s", manifest.ErrCorrupt, n.Run)
	}
	return nil
}

// notedHere is what the run's folder keeps.
func (r *run) notedHere() (n commitNotes, err error) {
	name := path.Join(r.base, commitNotesName)
	text, err := vfs.ReadFile(r.opts.StateDir, name, maxMirrorSmall)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return r.noNotes(), nil
	case err != nil:
		return n, stateError(err)
	}
	if err = json.Unmarshal(text, &n); err == nil {
		err = n.check(r.opts.RunID)
	}
	if err != nil {
		return n, fmt.Errorf("state folder: %s: %w", name, err)
	}
	return n, nil
}

func (r *run) noNotes() commitNotes {
	return commitNotes{Version: commitNotesVersion, Run: r.opts.RunID}
}

// noteHere keeps a note in the run's folder. It is durable.
func (r *run) noteHere(note commitNote) error {
	n, err := r.notedHere()
	if err != nil {
		return err
	}
	text, err := json.Marshal(n.with(note))
	if err != nil {
		return err
	}
	return stateError(durable.WriteFile(r.opts.StateDir, path.Join(r.base, commitNotesName), append(text, '\n')))
}

// mirrored is the run's journal in the target, also of a run that has ended and cleared it.
func (r *run) mirrored() *mirror {
	if r.mirror != nil {
		return r.mirror
	}
	return r.former
}

// commitNotes is what the journal in the target keeps.
func (m *mirror) commitNotes(ctx context.Context, r *run) (n commitNotes, err error) {
	err = m.get(ctx, mirrorCommit, maxMirrorSmall, &n)
	if target.IsNotFound(err) {
		return r.noNotes(), nil
	}
	if err == nil {
		if bad := n.check(r.opts.RunID); bad != nil {
			err = m.bad(mirrorCommit, bad)
		}
	}
	return n, err
}

// noteThere keeps a note in the target, where the run has a journal there.
func (r *run) noteThere(ctx context.Context, note commitNote) error {
	m := r.mirrored()
	if m == nil {
		return nil
	}
	n, err := m.commitNotes(ctx, r)
	if err != nil {
		return err
	}
	note.Seen = time.Time{} // of this host
	return m.put(ctx, mirrorCommit, n.with(note), false)
}

// commitNotes is what is kept here and in the target.
func (r *run) commitNotes(ctx context.Context) (commitNotes, error) {
	n, err := r.notedHere()
	m := r.mirrored()
	if err != nil || m == nil {
		return n, err
	}
	theirs, err := m.commitNotes(ctx, r)
	return n.and(theirs), err
}
