package importer

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/sledge-io/sledge/internal/vfs"
)

// Canceled is what giving a run up has come to. Every object that it leaves, and
// every one that it removes, is a line of the file List.
type Canceled struct {
	Aborted uint64 `json:"aborted"` // uploads of ours that were not finished
	Deleted uint64 `json:"deleted"` // objects of ours
	Left    uint64 `json:"left"`    // objects of ours that stay
	Changed uint64 `json:"changed"` // that are not ours any more, or not what we stored: they stay
	Failed  uint64 `json:"failed"`  // that could not be looked at or removed
	Uploads uint64 `json:"left_uploads"`
	List    string `json:"list"` // in the state folder
}

// CanceledLine is one line of that file.
type CanceledLine struct {
	Key       string `json:"key"`
	VersionID string `json:"version_id,omitempty"`
	What      string `json:"what"` // left, deleted, changed, failed
	Detail    string `json:"detail,omitempty"`
}

const canceledName = "canceled.jsonl"

// Cancel gives a run up for good: its unfinished uploads are aborted, and with
// remove its objects are deleted, each only if HEAD shows that it is ours and has
// the manifest's checksum. Objects that were there before the run are never
// touched. The options are those of Run; calling it again goes on.
func Cancel(ctx context.Context, source Source, target Target, opts Options, remove bool) (*Canceled, error) {
	r, _, err := newRun(ctx, source, target, opts)
	if err != nil {
		return nil, err
	}
	defer r.cancel()
	r.canceling = true
	if err := r.open(); err != nil {
		return nil, err
	}
	c := &canceler{run: r, remove: remove}
	err = c.all(ctx)
	if closeErr := r.journal.close(); err == nil {
		err = closeErr
	}
	c.out.Uploads = r.leftUploads.Load()
	return &c.out, err
}

type canceler struct {
	run    *run
	remove bool
	list   *bufio.Writer
	out    Canceled
}

func (c *canceler) all(ctx context.Context) (err error) {
	r := c.run
	if r.probe, err = probe(ctx, r.target, r.calls, r.opts.Prefix, r.probeName(r.attemptID())); err != nil {
		return err
	}
	r.header.Canceled = true
	if err := r.journal.store(headerKey, r.header, true); err != nil {
		return err
	}
	if r.outlook, err = newOutlook(ctx, r.source, r.planner, r.opts, r.journal); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.outlook.close()) }()
	c.out.List = path.Join(r.base, canceledName)
	if err := r.opts.StateDir.Remove(c.out.List); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return stateError(err)
	}
	file, err := r.opts.StateDir.Create(c.out.List, vfs.CreateOptions{})
	if err != nil {
		return stateError(err)
	}
	c.list = bufio.NewWriter(vfs.NewWriter(file, 0))
	err = c.walk(ctx)
	return errors.Join(err, c.list.Flush(), file.Sync(), file.Close(), r.opts.StateDir.SyncDir(path.Dir(c.out.List)))
}

// walk goes over all entries: only they know their keys.
func (c *canceler) walk(ctx context.Context) (err error) {
	r := c.run
	past, err := r.journal.past(0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, past.close()) }()
	return r.outlook.Entries(ctx, 0, func(e Entry) error {
		if e.Lost != nil {
			r.losePage(e)
			return ctx.Err()
		}
		var rec record
		var up pending
		ok, err := past.outcomes.load(e.place(), &rec)
		begun, otherErr := past.uploads.load(e.place(), &up)
		if err = errors.Join(err, otherErr, ctx.Err()); err != nil || !ok && !begun {
			return err
		}
		a, err := r.planner.plan(e)
		if err != nil || a.Kind == ActionNone {
			return nil
		}
		if begun {
			if err := c.abort(ctx, e, a, up); err != nil {
				return err
			}
		}
		if ok && rec.Outcome == OutcomeStored || begun {
			return c.object(ctx, e, a)
		}
		return nil
	})
}

func (c *canceler) abort(ctx context.Context, e Entry, a *Action, up pending) error {
	r := c.run
	if up.UploadID == "" {
		r.orphan(ctx, a.Key, up.At)
		return r.journal.forgetUpload(e.place())
	}
	left := r.leftUploads.Load()
	if err := r.abort(ctx, &transfer{run: r, at: e.place(), entry: e, action: a, begun: true}); err != nil {
		return err
	}
	if r.leftUploads.Load() == left {
		c.out.Aborted++
	}
	return nil
}

// object names an object of ours, and removes it if that is wished and it is what
// we stored. A wrong answer of HEAD only leaves an object.
func (c *canceler) object(ctx context.Context, e Entry, a *Action) error {
	r := c.run
	obj, err := r.head(ctx, a.Key)
	switch {
	case IsNotFound(err):
		return r.journal.forgetOutcome(e.place())
	case errors.Is(err, errStopped) || isCanceled(err) || isClass(err, Fixable):
		return err
	case err != nil:
		return c.line(a, obj, "failed", asError(err).Cause, &c.out.Failed)
	}
	verdict, _ := a.expected().compare(obj, true)
	if obj.Metadata[metaEntry] != a.EntryID || obj.Metadata[metaRun] != r.opts.RunID || verdict != same {
		return c.line(a, obj, "changed", "it is not what this run stored", &c.out.Changed)
	}
	if !c.remove {
		return c.line(a, obj, "left", "", &c.out.Left)
	}
	err = r.calls.idempotent(ctx, call{name: callDelete, key: a.Key}, func(ctx context.Context) error { return r.target.Delete(ctx, a.Key, obj.VersionID) })
	if err != nil {
		if errors.Is(err, errStopped) || isCanceled(err) || isClass(err, Fixable) && !hasCode(err, CodeAccessDenied) {
			return err
		}
		return c.line(a, obj, "failed", fmt.Sprintf("it could not be deleted: %s", asError(err).Cause), &c.out.Failed)
	}
	return errors.Join(c.line(a, obj, "deleted", "", &c.out.Deleted), r.journal.forgetOutcome(e.place()))
}

func (c *canceler) line(a *Action, obj Object, what, detail string, count *uint64) error {
	*count++
	text, err := json.Marshal(CanceledLine{a.Key, obj.VersionID, what, detail})
	if err != nil {
		return err
	}
	c.list.Write(append(text, '\n')) // a bufio.Writer keeps its error for Flush
	return nil
}
