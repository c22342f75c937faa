package importer

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

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
	DropsPartsMetadata  bool     `json:"drops_parts_metadata,omitempty"` // of CreateMultipartUpload, though it may keep that of PUT
	ReadsBack           bool     `json:"reads_back"`                     // GET is allowed
	AnswersWrites       bool     `json:"answers_writes"`                 // PUT and Complete answer with what HEAD then says
	ConditionalPut      bool     `json:"conditional_put"`
	ConditionalComplete bool     `json:"conditional_complete"`
	ListsUploads        bool     `json:"lists_uploads"`       // our own upload was in its list
	Initiator           string   `json:"initiator,omitempty"` // our id there; some stores give none to anyone
	Renames             []string `json:"renames,omitempty"`   // what a key has that this target keeps under another name
	Left                []string `json:"left,omitempty"`      // probe objects that could not be removed

	// StoreProof is the strongest proof by the store's answers alone, Proof the
	// strongest that an import reaches here at all.
	StoreProof Proof `json:"store_proof"`
	Proof      Proof `json:"proof"`

	since time.Time // of an upload of the probe, by the store's clock
}

// conclude fills what follows from the rest.
func (p *ProbeReport) conclude() {
	p.Checking = p.PutRefused && p.PartRefused && p.KeepsChecksum
	p.StoreProof = ProofNone
	if p.Checking {
		p.StoreProof = ProofSHA256
	}
	if p.Proof = p.StoreProof; p.ReadsBack {
		p.Proof = ProofReadBack
	}
}

// reaches refuses a wish that no object could fulfil, before the first byte.
func (p ProbeReport) reaches(o Options) error {
	want := o.MinProof
	if o.ReadBack {
		want = ProofReadBack
	}
	switch {
	case p.Proof.atLeast(want):
		return nil
	case want == ProofReadBack && p.StoreProof != ProofNone:
		return newError(CodeAccessDenied, "", "objects are to be read back, and GET is not allowed", nil)
	}
	return newError(CodeNotChecking, "", fmt.Sprintf("wanted %q, the target allows %q: %s", want, p.Proof, p), nil)
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
	text := strings.Join([]string{
		yes(p.PutRefused, "refuses a wrong sha256 on PUT"),
		yes(p.PartRefused, "refuses a wrong sha256 on UploadPart"),
		yes(p.KeepsChecksum, "keeps sha256"),
		yes(p.KeepsMetadata, "keeps metadata"),
		yes(p.ReadsBack, "reads back"),
		yes(p.AnswersWrites, "answers writes as HEAD does"),
		yes(p.ConditionalPut, "conditional PUT"),
		yes(p.ConditionalComplete, "conditional Complete"),
	}, ", ")
	if p.KeepsMetadata && p.DropsPartsMetadata {
		text += ", NOT keeps metadata by parts"
	}
	if len(p.Renames) > 0 {
		text += ", RENAMES a key with " + strings.Join(p.Renames, ", ")
	}
	return text + fmt.Sprintf("; strongest proof: %s", proofName(p.Proof))
}

func proofName(p Proof) string {
	if p == ProofNone {
		return "none"
	}
	return string(p)
}

// ProbePrefix is the reserved prefix, below the target's own, of the temporary
// objects that a probe writes and removes. Names repeat from start to start of an
// attempt, so what a crash left is removed by the next probe.
const ProbePrefix = ".sledge-probe/"

type prober struct {
	target  Target
	calls   *caller
	prefix  string
	keys    []string // below the prefix, that may be there
	uploads []Upload // that we began and did not see end
	lost    []string // keys of uploads that we may have begun: the answer was lost
	report  ProbeReport
	seen    map[string]bool // keys whose objects the target has shown, and that were not removed

	own   Attributes // of its objects
	doubt bool       // while attributes were tried, an error told nothing about them
}

// probe tries the target before the first object. Refusals that mean "the
// operator has to act" are returned; what the target merely cannot do is in the
// report.
//
// Its objects have attributes; further sets of them are tried, each by one object.
func probe(ctx context.Context, target Target, calls *caller, prefix, id string, own Attributes, sets []Attributes) (ProbeReport, error) {
	p := &prober{target: target, calls: calls, prefix: prefix + ProbePrefix + id + "/", keys: probeNames, own: own}
	if err := p.clean(ctx); err != nil {
		p.report.Left = nil // nothing was begun, and whoever begins cleans
		return p.report, ofChecksumHeaders(err)
	}
	err := p.single(ctx)
	if err == nil {
		err = p.multipart(ctx)
	}
	if err == nil {
		err = p.sets(ctx, sets)
	}
	if cleanErr := p.clean(ctx); err == nil && cleanErr != nil && !isClass(cleanErr, Fixable) {
		err = cleanErr
	}
	if IsNotFound(err) {
		err = newError(CodeMissing, p.prefix, "the target took an object of the probe and does not have it", err)
	}
	if err != nil {
		return p.report, ofChecksumHeaders(err)
	}
	p.report.Done = true
	p.report.conclude()
	return p.report, nil
}

// sweepProbe removes what the probe of a process that was replaced may have left. It
// may still be at work, so the next attempt's own probe takes other names. Left is
// set in the report.
func sweepProbe(ctx context.Context, target Target, calls *caller, prefix, runID string) (ProbeReport, error) {
	p := &prober{target: target, calls: calls, prefix: prefix + ProbePrefix + runID + "/", keys: probeNames}
	err := p.clean(ctx)
	return p.report, err
}

var probeNames = []string{"put", "wrong", "parts"}

// clean removes the probe's own objects and uploads, and names what is left.
func (p *prober) clean(ctx context.Context) error {
	p.report.Left = nil
	for i, name := range p.keys {
		key := p.prefix + name
		if err := p.remove(ctx, key); err != nil {
			if !forbidden(err) {
				for _, name := range p.keys[i:] {
					p.leave(p.prefix + name)
				}
				return err
			}
			p.leave(key)
		}
	}
	return nil
}

// leave names a key of which something may be left.
func (p *prober) leave(key string) {
	if !slices.Contains(p.report.Left, key) {
		p.report.Left = append(p.report.Left, key)
	}
}

// forbidden tells what the operator's rights or the bucket's rules do not allow.
func forbidden(err error) bool {
	return hasCode(err, CodeAccessDenied) || hasCode(err, CodePolicyDenied) || hasCode(err, CodeObjectLocked)
}

// remove takes away the uploads of a key and every version of it that we wrote.
func (p *prober) remove(ctx context.Context, key string) error {
	if err := p.abort(ctx, key); err != nil {
		return err
	}
	for range 4 { // a store without conditions has a version for each write
		seen := p.seen[key]
		var obj Object
		err := p.as(ctx, callHead, func(ctx context.Context) (err error) {
			obj, err = p.target.Head(ctx, key)
			return err
		})
		if IsNotFound(err) && seen {
			p.leave(key) // nobody else removes it: the target shows now this, now that
		}
		if IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := p.as(ctx, callDelete, func(ctx context.Context) error { return p.target.Delete(ctx, key, obj.VersionID) }); err != nil {
			return err
		}
		delete(p.seen, key)
		if obj.VersionID == "" {
			return nil
		}
	}
	return nil
}

// abort ends our uploads of a key: those that we know of, and those that an
// earlier start has left.
func (p *prober) abort(ctx context.Context, key string) error {
	ids := map[string]bool{}
	for _, u := range p.uploads {
		if u.Key == key {
			ids[u.ID] = true
		}
	}
	err := p.as(ctx, callListUploads, func(ctx context.Context) error {
		return p.target.ListUploads(ctx, key, func(u Upload) error {
			ids[u.ID] = true
			return nil
		})
	})
	switch {
	case err == nil:
		p.lost = slices.DeleteFunc(p.lost, func(lost string) bool { return lost == key })
	case !forbidden(err) && !hasCode(err, CodeRefused):
		return err
	case slices.Contains(p.lost, key):
		p.leave(key) // an upload that nobody told us of cannot be found
	}
	for id := range ids {
		if err := p.as(ctx, callAbort, func(ctx context.Context) error { return p.target.AbortUpload(ctx, key, id) }); err != nil {
			return err
		}
	}
	p.uploads = slices.DeleteFunc(p.uploads, func(u Upload) bool { return u.Key == key })
	return nil
}

// begun remembers an upload of a key, or that there may be one.
func (p *prober) begun(key, id string, err error) {
	switch {
	case err == nil:
		p.uploads = append(p.uploads, Upload{Key: key, ID: id})
	case isUnknown(err) && !slices.Contains(p.lost, key):
		p.lost = append(p.lost, key)
	}
}

// as makes a probe's call under S3's name. Repeating is right for all of them: the
// keys are ours.
func (p *prober) as(ctx context.Context, name string, f func(context.Context) error) error {
	return p.calls.idempotent(ctx, call{name: name, key: p.prefix, aside: true}, f)
}

// do makes one of a target's examination, which nobody counts by name.
func (p *prober) do(ctx context.Context, f func(context.Context) error) error {
	return p.as(ctx, callPut, f)
}

func (p *prober) put(ctx context.Context, name, content string, sum [32]byte, ifAbsent bool) (stored Stored, err error) {
	kind, _, _ := strings.Cut(name, "/") // the rest may be odd
	err = p.as(ctx, callPut, func(ctx context.Context) (err error) {
		stored, err = p.target.Put(ctx, PutRequest{
			Key: p.prefix + name, Body: bytes.NewReader([]byte(content)), Size: int64(len(content)), SHA256: sum,
			Metadata: map[string]string{metaEntry: kind}, Attributes: p.own, IfAbsent: ifAbsent,
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
		return p.blame(ctx, callPut, p.own, Attributes{}, err)
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
	if p.report.ReadsBack, err = p.readsBack(ctx, "put", obj.VersionID, content); err != nil {
		return err
	}
	_, err = p.put(ctx, "put", other, otherSum, true)
	if p.report.ConditionalPut, err = refused(err, codeKeyExists); err != nil {
		return err
	}
	_, err = p.put(ctx, "wrong", content, otherSum, false)
	p.report.PutRefused, err = refused(err, CodeDigestRefused)
	return err
}

// readsBack tells whether objects may be read, as a run reads them: by their version, where
// the bucket has versions. Whether the bytes are right is judged object by object.
func (p *prober) readsBack(ctx context.Context, name, version, content string) (bool, error) {
	x := expected{Size: int64(len(content)), Parts: [][32]byte{crypto.SumSHA256([]byte(content))}}
	err := readBack(ctx, p.calls, p.target, p.prefix+name, version, x)
	switch {
	case forbidden(err):
		return false, nil
	case hasCode(err, CodeStoredWrong):
		return true, nil
	}
	return err == nil, err
}

func (p *prober) head(ctx context.Context, name string) (obj Object, err error) {
	err = p.as(ctx, callHead, func(ctx context.Context) (err error) {
		obj, err = p.target.Head(ctx, p.prefix+name)
		return err
	})
	if err == nil {
		p.saw(p.prefix + name)
	}
	return obj, err
}

// saw remembers that the target has shown an object of the probe.
func (p *prober) saw(key string) {
	if p.seen == nil {
		p.seen = map[string]bool{}
	}
	p.seen[key] = true
}

// multipart probes the same for objects in parts.
func (p *prober) multipart(ctx context.Context) error {
	key, content := p.prefix+"parts", "sledge probe, part"
	sum := crypto.SumSHA256([]byte(content))
	wrong := crypto.SumSHA256([]byte("something else"))
	parts := [][32]byte{sum}
	upload := func(sum [32]byte) (id, etag string, err error) {
		err = p.as(ctx, callCreate, func(ctx context.Context) (err error) {
			id, err = p.target.CreateUpload(ctx, CreateRequest{Key: key, Metadata: map[string]string{metaEntry: "parts"}, Attributes: p.own})
			p.begun(key, id, err)
			return err
		})
		if err != nil {
			return "", "", p.blame(ctx, callCreate, p.own, Attributes{}, err)
		}
		err = p.as(ctx, callPart, func(ctx context.Context) (err error) {
			etag, err = p.target.UploadPart(ctx, PartRequest{Key: key, UploadID: id, Number: 1,
				Body: bytes.NewReader([]byte(content)), Size: int64(len(content)), SHA256: sum})
			return err
		})
		return id, etag, err
	}
	complete := func(id, etag string, ifAbsent bool) (stored Stored, err error) {
		err = p.as(ctx, callComplete, func(ctx context.Context) (err error) {
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
	p.report.DropsPartsMetadata = obj.Metadata[metaEntry] != "parts"
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
	_ = p.as(ctx, callListUploads, func(ctx context.Context) error {
		return p.target.ListUploads(ctx, key, func(u Upload) error {
			if u.ID == id {
				p.report.ListsUploads, p.report.Initiator, p.report.since = true, u.Initiator, u.Initiated
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
