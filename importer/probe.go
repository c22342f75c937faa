package importer

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/sledge-io/sledge/crypto"
)

// ProbeReport is what the target showed it can do, in this run.
type ProbeReport struct {
	Done                bool     `json:"done"`
	Checking            bool     `json:"checking"` // refused a wrong SHA-256 on PUT and on UploadPart
	PutRefused          bool     `json:"put_refused"`
	PartRefused         bool     `json:"part_refused"`
	KeepsChecksum       bool     `json:"keeps_checksum"` // HEAD answers with the SHA-256, single and composite
	KeepsMetadata       bool     `json:"keeps_metadata"`
	AnswersWrites       bool     `json:"answers_writes"` // PUT and Complete answer with what HEAD then says
	ConditionalPut      bool     `json:"conditional_put"`
	ConditionalComplete bool     `json:"conditional_complete"`
	ListsUploads        bool     `json:"lists_uploads"`       // our own upload was in its list
	Initiator           string   `json:"initiator,omitempty"` // our id there; some stores give none to anyone
	Left                []string `json:"left,omitempty"`      // probe objects that could not be removed
}

// Conditional tells whether both kinds of write can be made conditional.
func (p ProbeReport) Conditional() bool { return p.ConditionalPut && p.ConditionalComplete }

// String is the report in a line, for the receipt.
func (p ProbeReport) String() string {
	if !p.Done {
		return "not probed"
	}
	yes := func(b bool, what string) string {
		if b {
			return what
		}
		return "NOT " + what
	}
	return strings.Join([]string{
		yes(p.PutRefused, "refuses a wrong sha256 on PUT"),
		yes(p.PartRefused, "refuses a wrong sha256 on UploadPart"),
		yes(p.KeepsChecksum, "keeps sha256"),
		yes(p.KeepsMetadata, "keeps metadata"),
		yes(p.AnswersWrites, "answers writes as HEAD does"),
		yes(p.ConditionalPut, "conditional PUT"),
		yes(p.ConditionalComplete, "conditional Complete"),
	}, ", ")
}

// ProbePrefix is the reserved prefix, below the target's own, of the temporary
// objects that a probe writes and removes. Names repeat from start to start, so
// what a crash left is removed by the next probe.
const ProbePrefix = ".sledge-probe/"

type prober struct {
	target Target
	calls  *caller
	prefix string
	report ProbeReport
}

// probe tries the target before the first object. Refusals that mean "the
// operator has to act" are returned; what the target merely cannot do is in the
// report.
func probe(ctx context.Context, target Target, calls *caller, prefix, runID string) (ProbeReport, error) {
	p := &prober{target: target, calls: calls, prefix: prefix + ProbePrefix + runID + "/"}
	if err := p.clean(ctx); err != nil {
		return p.report, err
	}
	err := p.single(ctx)
	if err == nil {
		err = p.multipart(ctx)
	}
	if cleanErr := p.clean(ctx); err == nil && cleanErr != nil && !isClass(cleanErr, Fixable) {
		err = cleanErr
	}
	if err != nil {
		return p.report, err
	}
	p.report.Done = true
	p.report.Checking = p.report.PutRefused && p.report.PartRefused && p.report.KeepsChecksum
	return p.report, nil
}

var probeNames = []string{"put", "wrong", "parts"}

// clean removes the probe's own objects and uploads.
func (p *prober) clean(ctx context.Context) error {
	p.report.Left = nil
	for _, name := range probeNames {
		key := p.prefix + name
		if err := p.remove(ctx, key); err != nil {
			if !hasCode(err, CodeAccessDenied) {
				return err
			}
			p.report.Left = append(p.report.Left, key)
		}
	}
	return nil
}

func (p *prober) remove(ctx context.Context, key string) error {
	var uploads []string
	err := p.do(ctx, func(ctx context.Context) error {
		uploads = nil
		return p.target.ListUploads(ctx, key, func(u Upload) error {
			uploads = append(uploads, u.ID)
			return nil
		})
	})
	if err != nil && !hasCode(err, CodeAccessDenied) && !hasCode(err, CodeRefused) {
		return err
	}
	for _, id := range uploads {
		if err := p.do(ctx, func(ctx context.Context) error { return p.target.AbortUpload(ctx, key, id) }); err != nil {
			return err
		}
	}
	var obj Object
	err = p.do(ctx, func(ctx context.Context) (err error) {
		obj, err = p.target.Head(ctx, key)
		return err
	})
	if IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return p.do(ctx, func(ctx context.Context) error { return p.target.Delete(ctx, key, obj.VersionID) })
}

// do makes a probe's call. Repeating is right for all of them: the keys are ours.
func (p *prober) do(ctx context.Context, f func(context.Context) error) error {
	return p.calls.idempotent(ctx, call{name: callPut, key: p.prefix}, f)
}

func (p *prober) put(ctx context.Context, name, content string, sum [32]byte, ifAbsent bool) (stored Stored, err error) {
	err = p.do(ctx, func(ctx context.Context) (err error) {
		stored, err = p.target.Put(ctx, PutRequest{
			Key: p.prefix + name, Body: bytes.NewReader([]byte(content)), Size: int64(len(content)), SHA256: sum,
			Metadata: map[string]string{metaEntry: name}, IfAbsent: ifAbsent,
		})
		return err
	})
	return stored, err
}

// single probes what an import by one request needs.
func (p *prober) single(ctx context.Context) error {
	const content, other = "sledge probe", "sledge probe, other content"
	sum, otherSum := crypto.SumSHA256([]byte(content)), crypto.SumSHA256([]byte(other))
	stored, err := p.put(ctx, "put", content, sum, false)
	if err != nil {
		return err
	}
	obj, err := p.head(ctx, "put")
	if err != nil {
		return err
	}
	if obj.Size != int64(len(content)) {
		return newError(CodeStoredWrong, p.prefix+"put", fmt.Sprintf("stored %d bytes, the target says %d", len(content), obj.Size), nil)
	}
	p.report.KeepsChecksum = obj.SHA256 == encode64(sum[:])
	p.report.KeepsMetadata = obj.Metadata[metaEntry] == "put"
	p.report.AnswersWrites = stored == obj.stored()
	_, err = p.put(ctx, "put", other, otherSum, true)
	if p.report.ConditionalPut, err = refused(err, codeKeyExists); err != nil {
		return err
	}
	_, err = p.put(ctx, "wrong", content, otherSum, false)
	p.report.PutRefused, err = refused(err, CodeDigestRefused)
	return err
}

func (p *prober) head(ctx context.Context, name string) (obj Object, err error) {
	err = p.do(ctx, func(ctx context.Context) (err error) {
		obj, err = p.target.Head(ctx, p.prefix+name)
		return err
	})
	return obj, err
}

// multipart probes the same for objects in parts.
func (p *prober) multipart(ctx context.Context) error {
	key, content := p.prefix+"parts", "sledge probe, part"
	sum := crypto.SumSHA256([]byte(content))
	wrong := crypto.SumSHA256([]byte("something else"))
	parts := [][32]byte{sum}
	upload := func(sum [32]byte) (id, etag string, err error) {
		err = p.do(ctx, func(ctx context.Context) (err error) {
			id, err = p.target.CreateUpload(ctx, CreateRequest{Key: key, Metadata: map[string]string{metaEntry: "parts"}})
			return err
		})
		if err != nil {
			return "", "", err
		}
		err = p.do(ctx, func(ctx context.Context) (err error) {
			etag, err = p.target.UploadPart(ctx, PartRequest{Key: key, UploadID: id, Number: 1,
				Body: bytes.NewReader([]byte(content)), Size: int64(len(content)), SHA256: sum})
			return err
		})
		return id, etag, err
	}
	complete := func(id, etag string, ifAbsent bool) (stored Stored, err error) {
		err = p.do(ctx, func(ctx context.Context) (err error) {
			stored, err = p.target.CompleteUpload(ctx, CompleteRequest{Key: key, UploadID: id, Size: int64(len(content)),
				Parts:     []Part{{Number: 1, ETag: etag, SHA256: encode64(sum[:])}},
				Composite: composite(parts), IfAbsent: ifAbsent})
			return err
		})
		return stored, err
	}
	_, _, err := upload(wrong)
	if p.report.PartRefused, err = refused(err, CodeDigestRefused); err != nil {
		return err
	}
	id, etag, err := upload(sum)
	if err != nil {
		return err
	}
	p.initiator(ctx, key, id)
	stored, err := complete(id, etag, false)
	// After a lost answer the upload is gone and the object is there.
	if err != nil && !hasCode(err, CodeUploadGone) {
		return err
	}
	obj, err := p.head(ctx, "parts")
	if err != nil {
		return err
	}
	x := expected{Size: int64(len(content)), Parts: parts, Composite: composite(parts), SHA256: &sum}
	verdict, proof := x.compare(obj, true)
	p.report.KeepsChecksum = p.report.KeepsChecksum && verdict == same && proof == ProofSHA256
	p.report.AnswersWrites = p.report.AnswersWrites && stored == obj.stored()
	if id, etag, err = upload(sum); err != nil {
		return err
	}
	if _, err = complete(id, etag, true); hasCode(err, CodeUploadGone) {
		err = nil // it was done, and the answer was lost
	}
	p.report.ConditionalComplete, err = refused(err, codeKeyExists)
	return err
}

// initiator learns how the target calls us.
func (p *prober) initiator(ctx context.Context, key, id string) {
	// Not knowing it only means that uploads after a lost reply are left and named.
	_ = p.do(ctx, func(ctx context.Context) error {
		return p.target.ListUploads(ctx, key, func(u Upload) error {
			if u.ID == id {
				p.report.ListsUploads, p.report.Initiator = true, u.Initiator
			}
			return nil
		})
	})
}

// refused tells whether a call that must be refused was, by this code. Success
// and "not implemented" mean that it was not; everything else is an error.
func refused(err error, code Code) (bool, error) {
	switch {
	case err == nil, hasCode(err, CodeRefused):
		return false, nil
	case hasCode(err, code):
		return true, nil
	}
	return false, err
}
