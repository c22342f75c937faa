package probe

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/importer/content"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// The stages of a probe, in their order.
const (
	stageSingle = iota
	stageMultipart
	stageSets
)

// shows is what one look at an object in parts decides.
type shows struct {
	keepsChecksum bool          // of objects by one request
	answersWrites bool          // of those, too
	answer        target.Stored // to the Complete
}

// asImport tries what an import needs before its first object, and returns what ended it, and
// in which stage. A run and Examine ask by it alone, so that they give one answer.
func (p *Prober) asImport(ctx context.Context, sets []target.Attributes) (stage int, err error) {
	if stage, err := p.early(ctx); err != nil {
		return stage, err
	}
	if err := p.whole(ctx); err != nil {
		return stageMultipart, err
	}
	return stageSets, p.sets(ctx, sets)
}

const (
	probeText = "sledge probe"
	otherText = "sledge probe, other content"
	partText  = "sledge probe, part"
	putName   = "put"
	wrongName = "wrong"
	takenName = "taken" // an object that conditional writes meet
	partsName = "parts"
)

// A trial is what a part of the probe came to: an error, and of a write that may have been refused
// for its attributes, its kind.
type trial struct {
	kind string
	err  error
}

// early asks all but what an object in parts has kept, in as few rounds as it takes: each key
// has its own chain of calls, and the chains run beside one another.
func (p *Prober) early(ctx context.Context) (stage int, err error) {
	p.shows = shows{}
	p.report.DropsPartsMetadata, p.report.KeepsChecksum, p.report.AnswersWrites = true, false, false
	var put, wrong, taken, parts, wrongPart, takenJoin trial
	there := make(chan bool, 1)
	var all sync.WaitGroup
	for _, chain := range []struct {
		end *trial
		try func(context.Context) trial
	}{
		{&put, p.tryPut},
		{&wrong, p.tryWrong},
		{&taken, func(ctx context.Context) trial { return p.tryTaken(ctx, there) }},
		{&parts, p.tryParts},
		{&wrongPart, p.tryWrongPart},
		{&takenJoin, func(ctx context.Context) trial { return p.tryTakenJoin(ctx, there) }},
	} {
		all.Go(func() { *chain.end = chain.try(ctx) })
	}
	all.Wait()
	for i, t := range []trial{put, taken, wrong, wrongPart, parts, takenJoin} {
		if t.err == nil {
			continue
		}
		if t.kind != "" {
			t.err = p.blame(ctx, t.kind, p.own, target.Attributes{}, t.err)
		}
		if i < 3 {
			return stageSingle, t.err
		}
		return stageMultipart, t.err
	}
	return stageSets, nil
}

// tryPut stores an object by one request, looks at it and reads it.
func (p *Prober) tryPut(ctx context.Context) trial {
	sum := crypto.SumSHA256([]byte(probeText))
	stored, err := p.put(ctx, putName, probeText, sum, false)
	if err != nil {
		return trial{request.PutObject, err}
	}
	obj, err := p.shown(ctx, putName)
	if err != nil {
		return trial{"", err}
	}
	if obj.Size != int64(len(probeText)) {
		return trial{"", target.NewError(target.CodeStoredWrong, p.prefix+putName, fmt.Sprintf("stored %d bytes, the target says %d", len(probeText), obj.Size), nil)}
	}
	p.shows.keepsChecksum, p.shows.answersWrites = obj.SHA256 == target.Encode64(sum[:]), stored == obj.Stored()
	p.report.KeepsMetadata = obj.Metadata[plan.MetaEntry] == putName
	p.report.ReadsBack, err = p.readsBack(ctx, putName, obj.VersionID, probeText)
	return trial{"", err}
}

// tryWrong stores an object with a wrong checksum, which must be refused.
func (p *Prober) tryWrong(ctx context.Context) (t trial) {
	_, err := p.put(ctx, wrongName, probeText, crypto.SumSHA256([]byte(otherText)), false)
	p.report.PutRefused, t.err = refused(err, target.CodeDigestRefused)
	return t
}

// tryTaken stores an object, and another one on condition that it is not there. there is told
// whether it is.
func (p *Prober) tryTaken(ctx context.Context, there chan<- bool) (t trial) {
	_, err := p.put(ctx, takenName, probeText, crypto.SumSHA256([]byte(probeText)), false)
	if there <- err == nil; err != nil {
		return trial{request.PutObject, err}
	}
	_, err = p.put(ctx, takenName, otherText, crypto.SumSHA256([]byte(otherText)), true)
	p.report.ConditionalPut, t.err = refused(err, target.CodeKeyExists)
	return t
}

// tryParts stores an object in parts. What it has kept is looked at by whole.
func (p *Prober) tryParts(ctx context.Context) trial {
	key := p.prefix + partsName
	id, t := p.create(ctx, key)
	if t.err != nil {
		return t
	}
	var listed sync.WaitGroup
	listed.Go(func() { p.initiator(ctx, key, id) })
	etag, err := p.part(ctx, key, id, crypto.SumSHA256([]byte(partText)))
	listed.Wait()
	if err != nil {
		return trial{"", err}
	}
	p.shows.answer, err = p.complete(ctx, key, id, etag, false)
	// After a lost answer the upload is gone and the object is there.
	if target.HasCode(err, target.CodeUploadGone) {
		err = nil
	}
	return trial{"", err}
}

// whole looks at the object in parts.
func (p *Prober) whole(ctx context.Context) error {
	obj, err := p.shown(ctx, partsName)
	if err != nil {
		return err
	}
	sum := crypto.SumSHA256([]byte(partText))
	x := content.Expected{Size: int64(len(partText)), Parts: [][32]byte{sum}, Composite: content.Composite([][32]byte{sum}), SHA256: &sum}
	verdict, proof := x.Compare(obj, true)
	p.report.DropsPartsMetadata = obj.Metadata[plan.MetaEntry] != partsName
	p.report.KeepsChecksum = p.shows.keepsChecksum && verdict == content.Same && proof == entry.ProofSHA256
	p.report.AnswersWrites = p.shows.answersWrites && p.shows.answer == obj.Stored()
	return nil
}

// tryWrongPart sends a part with a wrong checksum, which must be refused.
func (p *Prober) tryWrongPart(ctx context.Context) trial {
	key := p.prefix + partsName
	id, t := p.create(ctx, key)
	if t.err != nil {
		return t
	}
	_, err := p.part(ctx, key, id, crypto.SumSHA256([]byte("something else")))
	p.report.PartRefused, err = refused(err, target.CodeDigestRefused)
	return trial{"", err}
}

// tryTakenJoin completes an upload on condition that its key is not there, once it is.
func (p *Prober) tryTakenJoin(ctx context.Context, there <-chan bool) trial {
	key := p.prefix + takenName
	id, t := p.create(ctx, key)
	if t.err != nil {
		return t
	}
	etag, err := p.part(ctx, key, id, crypto.SumSHA256([]byte(partText)))
	if err != nil || !<-there {
		return trial{"", err}
	}
	if _, err = p.complete(ctx, key, id, etag, true); target.HasCode(err, target.CodeUploadGone) {
		err = nil // it was done, and the answer was lost
	}
	p.report.ConditionalComplete, err = refused(err, target.CodeKeyExists)
	return trial{"", err}
}

// create begins an upload of the probe's.
func (p *Prober) create(ctx context.Context, key string) (id string, t trial) {
	err := p.calls.Briefly(p.own, func(own target.Attributes) error {
		return p.as(ctx, request.CreateMultipartUpload, func(ctx context.Context) (err error) {
			id, err = p.target.CreateUpload(ctx, target.CreateRequest{Key: key, Metadata: map[string]string{plan.MetaEntry: partsName}, Attributes: own})
			p.begun(key, id, err)
			return err
		})
	})
	return id, trial{request.CreateMultipartUpload, err}
}

// part sends the only part of one.
func (p *Prober) part(ctx context.Context, key, id string, sum [32]byte) (etag string, err error) {
	err = p.as(ctx, request.UploadPart, func(ctx context.Context) (err error) {
		etag, err = p.target.UploadPart(ctx, target.PartRequest{Key: key, UploadID: id, Number: 1,
			Body: bytes.NewReader([]byte(partText)), Size: int64(len(partText)), SHA256: sum})
		return err
	})
	return etag, err
}

func (p *Prober) complete(ctx context.Context, key, id, etag string, ifAbsent bool) (stored target.Stored, err error) {
	sum := crypto.SumSHA256([]byte(partText))
	err = p.as(ctx, request.CompleteMultipartUpload, func(ctx context.Context) (err error) {
		stored, err = p.target.CompleteUpload(ctx, target.CompleteRequest{Key: key, UploadID: id, Size: int64(len(partText)),
			Parts:     []target.Part{{Number: 1, ETag: etag, SHA256: target.Encode64(sum[:])}},
			Composite: content.Composite([][32]byte{sum}), IfAbsent: ifAbsent})
		return err
	})
	if err == nil {
		p.wrote(key, stored)
	}
	return stored, err
}

// initiator learns how the target calls us.
func (p *Prober) initiator(ctx context.Context, key, id string) {
	// Not knowing it only means that uploads after a lost reply are left and named.
	err := p.as(ctx, request.ListMultipartUploads, func(ctx context.Context) error {
		return p.target.ListUploads(ctx, key, func(u target.Upload) error {
			if u.ID == id {
				p.report.ListsUploads, p.report.Initiator, p.report.Since = true, u.Initiator, u.Initiated
			}
			return nil
		})
	})
	switch {
	case p.report.ListsUploads:
		p.report.UploadsUnlisted = ""
	case err != nil:
		p.report.UploadsUnlisted = target.Clip(target.AsError(err).Cause)
	default:
		p.report.UploadsUnlisted = "its list has not the upload that was just begun"
	}
}

// refused tells whether a call that must be refused was, by this code. Success
// and "not implemented" mean that it was not; everything else is an error.
func refused(err error, code target.Code) (bool, error) {
	switch {
	case err == nil, target.HasCode(err, target.CodeRefused):
		return false, nil
	case target.HasCode(err, code):
		return true, nil
	}
	return false, err
}
