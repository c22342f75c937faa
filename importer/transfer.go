package importer

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sledge-io/sledge/importer/content"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// transfer is one object on its way. The SDK's uploader cuts the content and
// calls put, or create, part and complete; what they do about resume, checksums,
// journal and retries is decided here.
type transfer struct {
	run     *run
	at      entry.Place
	page    *pageWork
	entry   entry.Entry
	action  *plan.Action
	content entry.Content
	large   bool         // it has one of the places for these
	sent    atomic.Int64 // bytes that progress has counted for it

	stored    target.Stored // the answer to PUT or Complete
	completed bool          // Complete was answered: its upload is no more
	unsure    bool          // a PUT or a Complete had no answer
	written   bool          // one had success, or no answer

	hint record // the outcome that an earlier start, or another host, knew

	begun   bool // the journal holds an upload for it, or what one that is no more may yet bring
	held    bool // which an earlier start has filled, and not completed
	settled bool // its object was seen, or nothing comes of an upload before any more
	vain    bool // nothing can be done about what the journal holds: refused, given back or named
	upload  pending
	have    map[int]target.Part // right parts that the store holds from an earlier start
	listed  listedParts         // those of which it tells no checksum

	mu  sync.Mutex
	err error // the first error, as it was before the uploader wrapped it
}

// failed keeps the first error.
func (t *transfer) failed(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = err
	}
	return err
}

// count tells progress of bytes that are in the store.
func (t *transfer) count(n int64) {
	if t.run.publishing {
		return // it was counted when it was uploaded
	}
	t.sent.Add(n)
	t.run.progress.Bytes.Add(n)
}

// uncount takes them back: the object is begun anew, or given up.
func (t *transfer) uncount() { t.run.progress.Bytes.Add(-t.sent.Swap(0)) }

// put makes the single request. It is repeated only while it is certain that
// nothing was stored.
func (t *transfer) put(ctx context.Context) (stored target.Stored, err error) {
	err = t.send(ctx, request.PutObject, 1, func(ctx context.Context, b *content.Body) error {
		stored, err = t.run.target.Put(ctx, target.PutRequest{
			Key: t.action.Key, Body: b, Size: b.Size(), SHA256: t.action.Parts[0],
			Metadata: t.action.Metadata, Attributes: t.action.Attributes, IfAbsent: t.run.probe.ConditionalPut,
		})
		return err
	})
	if err != nil {
		t.unsure = t.unsure || unclear(err)
		t.written = t.written || t.unsure
		return stored, t.failed(t.run.whyRefused(ctx, request.PutObject, t.action.Attributes, err))
	}
	t.stored, t.written = stored, true
	t.count(t.action.Size)
	return stored, nil
}

// create begins the upload, or gives the id of the one that an earlier start
// began. The intent is durable before Create is sent, the id before any part.
func (t *transfer) create(ctx context.Context) (string, error) {
	r := t.run
	if t.upload.UploadID != "" {
		return t.upload.UploadID, nil
	}
	for attempt := 0; ; attempt++ {
		t.upload, t.begun, t.vain = pending{At: r.opts.Now(), Earlier: t.upload.Earlier}, true, false
		if err := r.keepUpload(ctx, t, t.upload); err != nil {
			t.vain = true // nothing was begun
			return "", t.failed(err)
		}
		err := r.calls.Once(ctx, request.Call{Name: request.CreateMultipartUpload, Key: t.action.Key}, func(ctx context.Context) (err error) {
			t.upload.UploadID, err = r.target.CreateUpload(ctx, target.CreateRequest{Key: t.action.Key, Metadata: t.action.Metadata, Attributes: t.action.Attributes})
			return err
		})
		if err == nil {
			if err := r.keepUpload(ctx, t, t.upload); err != nil {
				r.giveBack(ctx, t.action.Key, t.upload.UploadID) // nobody else knows it
				t.upload, t.vain = pending{Earlier: t.upload.Earlier}, true
				return "", t.failed(err)
			}
			return t.upload.UploadID, nil
		}
		t.upload.UploadID = ""
		if unclear(err) {
			r.orphan(ctx, t.action.Key, t.upload.At)
		}
		t.vain = true
		if err := t.forget(ctx); err != nil {
			return "", t.failed(err)
		}
		err = r.whyRefused(ctx, request.CreateMultipartUpload, t.action.Attributes, err)
		if !r.calls.Again(attempt, err) {
			return "", t.failed(err)
		}
	}
}

// part sends one part, unless the store has it. It may be sent again whatever
// became of it before: a part of one number replaces itself.
func (t *transfer) part(ctx context.Context, number int) (etag string, err error) {
	p, ok := t.have[number]
	if !ok {
		if p, ok, err = t.sameByETag(ctx, number); err != nil {
			return "", t.failed(err)
		}
	}
	if ok {
		t.count(p.Size)
		t.run.partsResumed.Add(1)
		return p.ETag, nil
	}
	err = t.send(ctx, request.UploadPart, number, func(ctx context.Context, b *content.Body) error {
		etag, err = t.run.target.UploadPart(ctx, target.PartRequest{
			Key: t.action.Key, UploadID: t.upload.UploadID, Number: number,
			Body: b, Size: b.Size(), SHA256: t.action.Parts[number-1],
		})
		return err
	})
	if err != nil {
		return "", t.failed(err)
	}
	_, size := t.action.PartSpan(number)
	t.count(size)
	return etag, nil
}

// complete asks once. What its answer is worth is decided by who called.
func (t *transfer) complete(ctx context.Context, parts []target.Part) (stored target.Stored, err error) {
	r := t.run
	if r.holding() {
		t.upload.Held = true
		if err := r.keepUpload(ctx, t, t.upload); err != nil {
			return stored, t.failed(err)
		}
		return stored, t.failed(errHeld)
	}
	before, err := t.intendJoin(ctx)
	if err != nil {
		return stored, t.failed(err)
	}
	for attempt := 0; ; attempt++ {
		err = r.calls.Once(ctx, request.Call{Name: request.CompleteMultipartUpload, Key: t.action.Key, Payload: request.CompleteTime}, func(ctx context.Context) error {
			stored, err = r.target.CompleteUpload(ctx, target.CompleteRequest{
				Key: t.action.Key, UploadID: t.upload.UploadID, Parts: parts,
				Size: t.action.Size, Composite: t.action.Composite(), IfAbsent: r.probe.ConditionalComplete,
			})
			return err
		})
		if err == nil {
			t.stored, t.completed, t.written = stored, true, true
			return stored, nil
		}
		t.unsure = t.unsure || unclear(err)
		t.written = t.written || t.unsure
		if target.IsUnknown(err) || target.HasCode(err, target.CodeRestart) || target.HasCode(err, target.CodeUploadGone) || !r.calls.Again(attempt, err) {
			if err := t.joinRefused(before); err != nil {
				return stored, t.failed(err)
			}
			return stored, t.failed(err)
		}
	}
}

// onePart sends an object of one request as an upload, which can be held. The
// manager would not: it makes one request of what fits into a part.
func (t *transfer) onePart(ctx context.Context) error {
	if _, err := t.create(ctx); err != nil {
		return err
	}
	etag, err := t.part(ctx, 1)
	if err != nil {
		return err
	}
	_, err = t.complete(ctx, []target.Part{{Number: 1, ETag: etag, SHA256: target.Encode64(t.action.Parts[0][:])}})
	return err
}

// send makes one request with payload. A refused digest is never answered by
// sending again blindly: the content is read anew, and only if it is what the
// manifest says the wire is given one more chance.
func (t *transfer) send(ctx context.Context, name string, number int, req func(context.Context, *content.Body) error) error {
	repeatable := name == request.UploadPart
	calls, path := t.run.calls, t.action.Path
	from, size := t.action.PartSpan(number)
	recheck := func() error { return content.HashSpan(ctx, t.content, path, from, size, t.action.Parts[number-1]) }
	if !t.run.probe.Checking {
		if err := recheck(); err != nil {
			return err
		}
	}
	refused := false
	for attempt := 0; ; attempt++ {
		var source error
		err := calls.Once(ctx, request.Call{Name: name, Key: t.action.Key, Payload: size, Paced: true}, func(ctx context.Context) error {
			b := content.NewBody(t.content, from, size).Paced(calls.Pacer.Of(ctx)).Watched(request.ClockOf(ctx))
			err := req(ctx, b)
			source = b.Detach()
			return err
		})
		switch {
		case err == nil:
			return nil
		case source != nil:
			return content.SourceError(path, source)
		case target.HasCode(err, target.CodeDigestRefused):
			if err := recheck(); err != nil {
				return err
			}
			if refused {
				return err
			}
			refused = true
			calls.Counted()
			continue
		case target.HasCode(err, target.CodeUploadGone), target.IsUnknown(err) && !repeatable, !calls.Again(attempt, err):
			return err // an upload that is gone is begun anew by whoever called
		}
	}
}

// resume takes up an earlier start's upload: its id, and the parts that the
// store holds with our size and SHA-256. Those that it tells no checksum of are looked at
// when their turn comes (sameByETag).
func (t *transfer) resume(ctx context.Context) error {
	r := t.run
	t.upload, t.have, t.listed = pending{}, nil, listedParts{}
	p, ok, err := r.journal.upload(t.at)
	if err != nil || !ok {
		return err
	}
	if p.UploadID == "" || p.Left {
		t.upload.Earlier = p.open()
		if err := r.abortPending(ctx, t, p); target.HasCode(err, target.CodeTakenOver) {
			return err
		}
		return t.forget(ctx) // a new one takes its place
	}
	have, listed := map[int]target.Part{}, map[int]target.Part{}
	err = r.calls.Idempotent(ctx, request.Call{Name: request.ListParts, Key: t.action.Key}, func(ctx context.Context) error {
		clear(have)
		clear(listed)
		return r.target.ListParts(ctx, t.action.Key, p.UploadID, func(part target.Part) error {
			if part.Number < 1 || part.Number > len(t.action.Parts) {
				return nil
			}
			_, size := t.action.PartSpan(part.Number)
			if part.Size == size && part.SHA256 == target.Encode64(t.action.Parts[part.Number-1][:]) {
				have[part.Number] = part
			}
			if part.Size == size && part.SHA256 == "" {
				listed[part.Number] = part
			}
			return nil
		})
	})
	switch {
	case request.Forbidden(err) || target.HasCode(err, target.CodeRefused):
		clear(have) // parts that are not told are sent again, which is right
		r.opts.Log.Log(ctx, request.LevelNotice, "the target does not tell the parts of an interrupted upload: all are sent again", "error", err)
	case err != nil:
		return err
	}
	t.upload, t.have, t.listed.parts = p, have, listed
	if r.mirror != nil {
		return r.keepUpload(ctx, t, p) // the start before may not have come so far
	}
	return nil
}

// abort forgets the entry's upload, in the store first. One that cannot be aborted
// now is named and stays in the journal, not to be taken up again: the next attempt
// at the entry, or Cancel, aborts it.
func (r *run) abort(ctx context.Context, t *transfer) error {
	if !t.begun {
		return nil
	}
	p, ok, err := r.journal.upload(t.at)
	if err != nil || !ok {
		return err
	}
	if p.Left && t.vain {
		return nil // named
	}
	err = r.abortPending(ctx, t, p)
	switch {
	case err == nil:
		return t.forget(ctx)
	case target.HasCode(err, target.CodeTakenOver):
		return err // the upload goes on without us
	}
	p.Left, p.Held, t.vain = true, false, true
	return r.keepLeft(ctx, t, p)
}

// abortPending aborts what the journal knows of an upload, or names it and returns why
// it may be there still.
func (r *run) abortPending(ctx context.Context, t *transfer, p pending) error {
	if err := r.ours(); err != nil {
		return err
	}
	switch {
	case t.vain, p.spent():
		return nil
	case p.UploadID == "":
		r.orphan(ctx, t.action.Key, p.At)
		return nil
	}
	return r.giveBack(ctx, t.action.Key, p.UploadID)
}

// late tidies up after parts that came when another process had already completed
// their upload: some stores keep them. Where the object is not there yet, the upload
// is that process's.
func (r *run) late(ctx context.Context, t *transfer) {
	if t.upload.UploadID == "" || !target.HasCode(r.ours(), target.CodeTakenOver) {
		return
	}
	ctx = context.WithoutCancel(ctx)
	if obj, err := r.head(ctx, t.action.Key); err != nil || obj.Metadata[plan.MetaRun] != r.opts.RunID {
		return
	}
	r.giveBack(ctx, t.action.Key, t.upload.UploadID)
}

// giveBack aborts an upload, or names it, once in a start, and returns why.
func (r *run) giveBack(ctx context.Context, key, id string) error {
	err := r.calls.Idempotent(context.WithoutCancel(ctx), request.Call{Name: request.AbortMultipartUpload, Key: key}, func(ctx context.Context) error {
		return r.target.AbortUpload(ctx, key, id)
	})
	switch {
	case err == nil:
		r.uploadsLeft.gone(id)
	case r.uploadsLeft.named(id):
		r.problem(target.NewError(target.CodeOrphanUpload, key, "upload "+id+" could not be aborted: "+target.AsError(err).Cause, err))
	}
	return err
}

// uploadWindow is how far the target's clock may be from ours: S3 refuses
// requests that are further off.
const uploadWindow = 15 * time.Minute

// orphan looks after a Create whose answer was lost. An upload is ours only if
// nothing else writes below the prefix, and it is for this key, by our initiator
// and of that time; all others are left, and named. It returns how many it has aborted.
func (r *run) orphan(ctx context.Context, key string, since time.Time) (aborted uint64) {
	leave := func(text string) {
		r.uploadsLeft.add(1)
		r.problem(target.NewError(target.CodeOrphanUpload, key, text, nil))
	}
	if err := errors.Join(r.ours(), r.calls.Look(ctx)); err != nil {
		leave("the answer to a Create was lost: " + target.AsError(err).Cause)
		return 0
	}
	if r.opts.ExclusivePrefix && !r.probe.Done {
		leave("the answer to a Create was lost, and the target could not be probed: uploads of this run are not told from those of others")
		return 0
	}
	if !r.opts.ExclusivePrefix || !r.probe.ListsUploads {
		leave("the answer to a Create was lost and the prefix is not known to be ours alone")
		return 0
	}
	var ours []string
	others := 0
	err := r.calls.Idempotent(ctx, request.Call{Name: request.ListMultipartUploads, Key: key}, func(ctx context.Context) error {
		ours, others = nil, 0
		return r.target.ListUploads(ctx, key, func(u target.Upload) error {
			if u.Initiator == r.probe.Initiator && !u.Initiated.Before(since.Add(-uploadWindow)) && !u.Initiated.After(r.opts.Now().Add(uploadWindow)) {
				ours = append(ours, u.ID)
			} else {
				others++
			}
			return nil
		})
	})
	for _, id := range ours {
		if err == nil {
			err = r.ours() // a process that has taken the run over has uploads for this key, too
		}
		if err == nil && r.giveBack(ctx, key, id) == nil {
			aborted++
		}
	}
	switch {
	case err != nil:
		leave("the answer to a Create was lost: " + target.AsError(err).Cause)
	case others > 0:
		leave("uploads of others are under way for this key")
	}
	return aborted
}
