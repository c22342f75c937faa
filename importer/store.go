package importer

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sledge-io/sledge/importer/content"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
)

// putFirst is the size up to which an object is sent without looking whether its
// key exists: the condition on the PUT says so at the price of this much payload.
const putFirst = 1 << 20

// object brings one planned object into the target, or finds out that it is
// there, and returns its outcome. Rounds are: look, send, look. The verdict comes
// from HEAD, unless the answer to the write itself is as good.
func (r *run) object(ctx context.Context, t *transfer) (record, error) {
	a := t.action
	if held, err := r.stillHeld(ctx, t); held || err != nil {
		return record{}, err
	}
	if err := r.cutAnew(ctx, t); err != nil {
		return record{}, err
	}
	look := !r.conditionalFor(a) || t.begun || t.hint.Hint || a.Size > putFirst || r.base != "" // a later run finds most objects there
	var refused error                                                                           // because the key exists, by the last write
	waited := false                                                                             // for the key to show
	doubt := false                                                                              // a write without an answer may have stored it
	for attempt := 0; ; attempt++ {
		if look {
			obj, err := r.absent(ctx, a)
			if target.IsNotFound(err) && refused != nil && waited {
				return record{}, notShown(a.Path, t.unsure, refused)
			}
			if target.IsNotFound(err) && refused != nil {
				if why := r.inTheWay(ctx, a.Key); why != "" {
					return record{}, target.NewError(target.CodeConflict, a.Path, "this store keeps keys as folders, and has "+why, refused)
				}
			}
			if target.IsNotFound(err) && (doubt || refused != nil && !waited) {
				waited = waited || refused != nil
				obj, err = r.headLate(ctx, a.Key, err)
			}
			if err == nil {
				return r.judge(ctx, t, obj)
			}
			if !target.IsNotFound(err) {
				return record{}, err
			}
		}
		look = true
		err := r.send(ctx, t)
		if t.unsure && unclassified(err) {
			return r.afterUnclassified(ctx, t, err)
		}
		if refused = nil; target.HasCode(err, target.CodeKeyExists) {
			refused = err
		}
		doubt = target.IsUnknown(err) && !r.conditionalFor(a) || t.unsure && (target.HasCode(err, target.CodeUploadGone) || target.HasCode(err, target.CodeRestart))
		if err == nil {
			if rec, ok := r.answered(a, t.stored); ok {
				return rec, nil
			}
			obj, err := r.head(context.WithoutCancel(ctx), a.Key)
			if target.IsNotFound(err) && !waited {
				waited = true
				obj, err = r.headLate(ctx, a.Key, err)
			}
			if err == nil {
				return r.judge(ctx, t, obj)
			}
			if !target.IsNotFound(err) {
				return record{}, err
			}
			err = target.NewError(target.CodeMissing, a.Path, "the target took the object and does not have it", nil)
			if attempt >= maxRounds {
				return record{}, err
			}
		}
		if done, err := r.afterSend(ctx, t, attempt, err); done {
			return record{}, err
		}
	}
}

// cutAnew reads an object whose parts the target cannot take, proves what it reads
// and hashes the parts that it will be sent in.
func (r *run) cutAnew(ctx context.Context, t *transfer) error {
	a := t.action
	if a.Cut == nil || a.Parts != nil {
		return nil
	}
	bytes, err := r.source.Open(ctx, t.entry.Record)
	if err != nil {
		return content.SourceError(a.Path, err)
	}
	defer bytes.Close() // read only
	a.Parts, err = content.Recut(ctx, bytes, t.entry.Record, *a.Cut)
	return err
}

// maxRounds bounds how often one object is begun anew.
const maxRounds = 5

// maxUploads bounds how many uploads of one object a store may lose.
const maxUploads = 8

// maxPartRounds bounds it where the store does not know parts that it took.
const maxPartRounds = 3

// afterSend decides whether to look and send again.
func (r *run) afterSend(ctx context.Context, t *transfer, attempt int, err error) (done bool, _ error) {
	restart := target.HasCode(err, target.CodeRestart) || target.HasCode(err, target.CodeUploadGone)
	switch {
	case s3.PartGone(err) && attempt+1 >= maxPartRounds:
		return true, target.NewError(target.CodeRefused, t.action.Path, fmt.Sprintf("each part was taken %d times, and not the whole: %s", attempt+1, target.AsError(err).Cause), err)
	case attempt >= max(maxUploads, r.calls.Retries):
		return true, err
	case err == nil, target.HasCode(err, target.CodeKeyExists) && attempt < maxRounds:
		return false, nil
	case restart && attempt < maxUploads:
		// An upload that the store does not know may be there all the same.
		if err := r.abort(context.WithoutCancel(ctx), t); err != nil {
			return true, err
		}
		return attempt > 0 && !r.calls.Rest(attempt), err
	case target.IsUnknown(err) && r.calls.Again(attempt, err):
		return false, nil
	case target.HasCode(err, target.CodeKeyExists):
		return true, notShown(t.action.Path, t.unsure, err)
	case target.HasCode(err, target.CodeRestart):
		return true, target.NewError(target.CodeConflict, t.action.Path, "the key comes and goes: something else writes it", err)
	}
	return true, err
}

// send opens the content and sends it: small files by one request without the
// upload manager, whose machinery costs as much as the request.
func (r *run) send(ctx context.Context, t *transfer) (err error) {
	if r.calls.Stopped() {
		return request.ErrStopped
	}
	t.err, t.completed, t.stored = nil, false, target.Stored{}
	t.uncount()
	t.content = content.Inline(t.action.Inline)
	if t.action.Inline == nil {
		if t.content, err = r.source.Open(ctx, t.entry.Record); err != nil {
			return content.SourceError(t.action.Path, err)
		}
	}
	defer t.content.Close() // read only
	alone := t.action.Kind != plan.ActionMultipart
	switch {
	case alone && r.holding() && t.action.Size == 0:
		return errHeld // nothing to upload before
	case alone && (r.opts.DeferComplete <= 0 || t.action.Size == 0):
		_, err := t.put(ctx)
		return err
	}
	if err := t.resume(ctx); err != nil {
		return err
	}
	if alone {
		return t.onePart(ctx)
	}
	return upload(ctx, t, r.opts.PartConcurrency)
}

func (r *run) head(ctx context.Context, key string) (obj target.Object, err error) {
	err = r.calls.Idempotent(ctx, request.Call{Name: request.HeadObject, Key: key}, func(ctx context.Context) error {
		obj, err = r.target.Head(ctx, key)
		return err
	})
	if err != nil && !target.IsNotFound(err) {
		err = request.InWords(ctx, r.calls, r.target, key, err)
	}
	return obj, err
}

// absent is a look before a write, which must not replace what is there: where the write has
// no condition a wrong "not there" would.
func (r *run) absent(ctx context.Context, a *plan.Action) (target.Object, error) {
	if r.conditionalFor(a) {
		return r.head(ctx, a.Key)
	}
	return r.headSurely(ctx, a.Key, false)
}

// headLate asks again for a key that the target has, by its answer to a write.
func (r *run) headLate(ctx context.Context, key string, notFound error) (obj target.Object, err error) {
	err = r.calls.ShownLate(ctx, notFound, func() (err error) {
		obj, err = r.head(context.WithoutCancel(ctx), key)
		return err
	})
	return obj, err
}

// answered judges an object by the answer to its own write. That is as good as
// HEAD if the store was seen in this run to refuse wrong checksums and to answer
// writes with what HEAD then says, and if the answer has the manifest's SHA-256:
// size and metadata are those of the write. Otherwise HEAD decides, and so it does
// wherever a write's outcome is not known.
func (r *run) answered(a *plan.Action, s target.Stored) (record, bool) {
	p := r.probe
	if !p.Checking || !p.AnswersWrites || !r.kept.looked(r.writeOf(a), a.Attributes) || !r.keepsMetadata(a) || r.opts.ReadBack || !entry.ProofSHA256.AtLeast(r.opts.MinProof) {
		return record{}, false
	}
	obj := target.Object{Size: a.Size, ETag: s.ETag, VersionID: s.VersionID, SHA256: s.SHA256, ChecksumType: s.ChecksumType}
	verdict, proof := a.Expected().Compare(obj, true)
	if verdict != content.Same || proof != entry.ProofSHA256 {
		return record{}, false
	}
	rec := r.describe(a, obj, true)
	rec.Proof, rec.Verified = proof, r.opts.Now().UTC()
	return rec, true
}

// describe is the record of an object before it is proven.
func (r *run) describe(a *plan.Action, obj target.Object, ours bool) record {
	rec := record{Outcome: entry.OutcomeAlreadyThere, VersionID: obj.VersionID, ETag: obj.ETag, ChecksumType: obj.ChecksumType, HashedBy: a.HashedBy}
	if a.Cut != nil {
		rec.Parts = &ownParts{len(a.Parts), a.PartSize, a.Checksum()}
	}
	if ours {
		rec.Outcome = entry.OutcomeStored
		if !r.probe.Checking {
			rec.HashedBy = entry.ByImporter
		}
		if len(a.LeftOut) > 0 {
			rec.Detail = "not in the object's metadata: " + target.Clip(strings.Join(a.LeftOut, ", "))
		}
	} else {
		rec.Detail = "stored by someone else or an earlier run; its metadata was left as it is"
	}
	return rec
}

// judge decides what an object in the target is, from what HEAD says and, where
// that is not enough, from its bytes.
func (r *run) judge(ctx context.Context, t *transfer, obj target.Object) (record, error) {
	a := t.action
	ours := obj.Metadata[plan.MetaEntry] == a.EntryID && obj.Metadata[plan.MetaRun] == r.opts.RunID || t.wrote(obj)
	if err := r.anothers(a, obj); err != nil {
		return record{}, err
	}
	rec, x := r.describe(a, obj, ours), a.Expected()
	verdict, proof := x.Compare(obj, ours)
	if verdict == content.Different {
		return record{}, r.wrong(a, ours, "size or checksum differ")
	}
	if !r.probe.Checking {
		proof = entry.ProofNone // the store repeats what it was told
	}
	seen := time.Time{}
	switch {
	case !r.opts.ReadBack && verdict != content.Incomparable && proof.AtLeast(r.opts.MinProof):
	case t.hint.readBack(obj):
		proof, seen = entry.ProofReadBack, t.hint.Verified
	default:
		if most := max(0, r.opts.ReadBackLimit); !ours && !r.opts.ReadBack && a.Size > most {
			return record{}, target.NewError(target.CodeCannotCompare, a.Path, fmt.Sprintf("%d bytes, read back is allowed up to %d", a.Size, most), nil)
		}
		if err := r.readBack(ctx, a.Key, obj.VersionID, x); err != nil {
			switch {
			case target.HasCode(err, target.CodeStoredWrong):
				return record{}, r.wrong(a, ours, target.AsError(err).Cause)
			case target.IsNotFound(err):
				return record{}, target.NewError(target.CodeMissing, a.Path, "HEAD shows it, and GET does not find it", err)
			}
			return record{}, err
		}
		proof = entry.ProofReadBack
	}
	held := r.asAsked
	if ours || r.mayBeOurs(a, obj) {
		held = r.keeps
	}
	if err := held(a, obj, &rec); err != nil {
		return record{}, err
	}
	if !proof.AtLeast(r.opts.MinProof) {
		return record{}, target.NewError(target.CodeNotProven, a.Path, fmt.Sprintf("reached %q, wanted %q", proof, r.opts.MinProof), nil)
	}
	if rec.Proof, rec.Verified = proof, seen; seen.IsZero() {
		rec.Verified = r.opts.Now().UTC()
	}
	return rec, nil
}

// readBack is readBack of an object that HEAD shows: GET may find it later.
func (r *run) readBack(ctx context.Context, key, version string, x content.Expected) error {
	read := func() error { return readBack(ctx, r.calls, r.target, key, version, x) }
	err := read()
	if target.IsNotFound(err) {
		err = r.calls.ShownLate(ctx, err, read)
	}
	return err
}

// anothers refuses an object that this run has stored for another entry: the target takes
// the two keys for one, and one object proves one entry.
func (r *run) anothers(a *plan.Action, obj target.Object) error {
	if obj.Metadata[plan.MetaRun] != r.opts.RunID || obj.Metadata[plan.MetaEntry] == a.EntryID || !strings.HasPrefix(obj.Metadata[plan.MetaEntry], plan.ScopeID(r.source.Scope())) {
		return nil
	}
	return target.NewError(target.CodeKeyCollision, a.Path, "the target has another entry's object under this key, that of "+strings.TrimPrefix(obj.Metadata[plan.MetaEntry], plan.ScopeID(r.source.Scope())), nil)
}

// readBack tells whether another host has read back this very object: the store's words
// for it are still those of then. The proof keeps its time.
func (r record) readBack(obj target.Object) bool {
	return r.Hint && r.Proof == entry.ProofReadBack && r.ETag != "" && r.ETag == obj.ETag && r.VersionID == obj.VersionID
}

func (r *run) wrong(a *plan.Action, ours bool, cause string) error {
	if ours {
		return target.NewError(target.CodeStoredWrong, a.Path, cause, nil)
	}
	return target.NewError(target.CodeConflict, a.Path, cause, nil)
}

// readBack gets an object and holds its bytes against the manifest's digests.
// Other content is CodeStoredWrong.
func readBack(ctx context.Context, calls *request.Caller, target target.Reader, key, version string, x content.Expected) error {
	return request.Read(ctx, calls, target, key, version, x.Size, x.Check)
}
