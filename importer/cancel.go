package importer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/sledge-io/sledge/internal/vfs"
)

// Canceled is what giving a run up has come to. Every object that it leaves, and
// every one that it removes, is a line of the file List; each call has one of its own.
type Canceled struct {
	Aborted uint64 `json:"aborted"` // uploads of ours that were not finished
	Deleted uint64 `json:"deleted"` // objects of ours
	Left    uint64 `json:"left"`    // objects of ours that stay
	Changed uint64 `json:"changed"` // that are not ours any more, or not what we stored: they stay
	Failed  uint64 `json:"failed"`  // that could not be looked at or removed
	Uploads uint64 `json:"left_uploads"`
	List    string `json:"list"` // in the state folder

	// Journal is the one key that stays of a journal in the target: it tells every
	// other host that the run was given up.
	Journal string `json:"journal,omitempty"`
}

// CanceledLine is one line of that file.
type CanceledLine struct {
	Key       string `json:"key"`
	VersionID string `json:"version_id,omitempty"`
	What      string `json:"what"` // left, deleted, changed, failed
	Detail    string `json:"detail,omitempty"`
}

// canceledName is the list of a call, from 1.
func canceledName(call int) string {
	if call == 1 {
		return "canceled.jsonl"
	}
	return fmt.Sprintf("canceled-%d.jsonl", call)
}

// Cancel gives a run up for good: its unfinished uploads are aborted, and with
// remove its objects are deleted, each only if HEAD shows that it is ours and has
// the manifest's checksum. Objects that were there before the run are never
// touched. The options are those of Run; calling it again goes on. Pages that cannot
// be read are an error (CodePageLost): what is on them is named as a number only.
func Cancel(ctx context.Context, source Source, target Target, opts Options, remove bool) (*Canceled, error) {
	r, runCtx, err := newRun(ctx, source, target, opts)
	if err != nil {
		return nil, err
	}
	defer r.cancel()
	r.canceling = true
	if err := r.open(runCtx); err != nil {
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
	list   io.Writer
	met    uint64 // uploads that the journal knows, whose entries were met
	out    Canceled
}

func (c *canceler) all(ctx context.Context) (err error) {
	r := c.run
	if r.mirror != nil {
		r.header.Lease, r.header.Attempt = r.mirror.number, int(r.mirror.number)
	}
	if err := r.sweepProbes(ctx); err != nil {
		return err
	}
	r.probe, err = probe(ctx, r.target, r.calls, r.opts.Prefix, r.probeName(r.attemptID()))
	r.nameLeft(r.probe)
	if err != nil {
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
	r.tellCanceled()
	uploads, err := r.journal.count('u')
	if err != nil {
		return err
	}
	file, err := c.create()
	if err != nil {
		return err
	}
	c.list = vfs.NewWriter(file, 0)
	err = c.walk(ctx)
	if err == nil {
		err = c.unseen(uploads)
	}
	err = errors.Join(err, stateError(errors.Join(file.Sync(), file.Close(), r.opts.StateDir.SyncDir(path.Dir(c.out.List)))))
	if r.mirror != nil && err == nil && c.out.Failed == 0 {
		c.out.Journal, err = r.cancelMirror(ctx)
	}
	return err
}

// create makes the list of this call.
func (c *canceler) create() (file vfs.File, err error) {
	for n := 1; ; n++ {
		c.out.List = path.Join(c.run.base, canceledName(n))
		file, err = c.run.opts.StateDir.Create(c.out.List, vfs.CreateOptions{})
		if !errors.Is(err, fs.ErrExist) {
			return file, stateError(err)
		}
	}
}

// unseen counts the uploads that no page named. With more disks another call does.
func (c *canceler) unseen(uploads uint64) error {
	r := c.run
	if n := uploads - c.met; n > 0 {
		r.leftUploads.Add(n)
		r.problem(newError(CodeOrphanUpload, "", fmt.Sprintf("%d uploads of entries that cannot be read", n), nil))
	}
	if r.lost > 0 {
		return r.left
	}
	return nil
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
		if err = errors.Join(err, otherErr, ctx.Err()); err != nil || !ok && !begun && !r.header.Filled {
			return err
		}
		if ok && rec.Outcome == OutcomeStored || begun {
			e.clash = clash{} // what collides with it was on a page that was lost then
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
			return c.object(ctx, e, a, rec, true)
		}
		if !ok {
			return c.object(ctx, e, a, rec, false)
		}
		return nil
	})
}

func (c *canceler) abort(ctx context.Context, e Entry, a *Action, up pending) error {
	r := c.run
	c.met++
	if up.UploadID == "" {
		r.orphan(ctx, a.Key, up.At)
		return r.dropUpload(ctx, e.place())
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
// we stored. A wrong answer of HEAD only leaves an object. What another host may have
// stored without our knowing is not ours unless HEAD says so.
func (c *canceler) object(ctx context.Context, e Entry, a *Action, rec record, known bool) error {
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
	if !known && !c.marked(a, obj) {
		return nil
	}
	ours, err := c.stored(ctx, e, a, rec, obj)
	if err != nil {
		return c.line(a, obj, "failed", asError(err).Cause, &c.out.Failed)
	}
	if !ours {
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

// marked tells an object that says of itself that it is this run's.
func (c *canceler) marked(a *Action, obj Object) bool {
	return obj.Metadata[metaEntry] == a.EntryID && obj.Metadata[metaRun] == c.run.opts.RunID
}

// stored tells an object of this run with the checksum that it was sent with. That of
// one that was cut anew is in its outcome; without one its content is read once more.
func (c *canceler) stored(ctx context.Context, e Entry, a *Action, rec record, obj Object) (bool, error) {
	r := c.run
	if !c.marked(a, obj) {
		return false, nil
	}
	if rec.Parts == nil {
		if err := r.cutAnew(ctx, &transfer{run: r, at: e.place(), entry: e, action: a}); err != nil {
			return false, err
		}
	}
	x := a.expected()
	if rec.Parts != nil {
		own, err := x.recut(rec.Parts.Checksum)
		if err != nil {
			return false, err
		}
		x = *own
	}
	verdict, _ := x.compare(obj, true)
	return verdict == same, nil
}

func (c *canceler) line(a *Action, obj Object, what, detail string, count *uint64) error {
	*count++
	text, err := json.Marshal(CanceledLine{a.Key, obj.VersionID, what, detail})
	if err != nil {
		return err
	}
	_, err = c.list.Write(append(text, '\n')) // at once: what ends this process loses no line
	return stateError(err)
}
