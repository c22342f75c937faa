package probe

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// Report is what the target showed it can do, in this run.
type Report struct {
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
	ListsUploads        bool     `json:"lists_uploads"`              // our own upload was in its list
	UploadsUnlisted     string   `json:"uploads_unlisted,omitempty"` // why not
	Initiator           string   `json:"initiator,omitempty"`        // our id there; some stores give none to anyone
	Renames             []string `json:"renames,omitempty"`          // what a key has that this target keeps under another name
	Left                []string `json:"left,omitempty"`             // probe objects that could not be removed

	// StoreProof is the strongest proof by the store's answers alone, Proof the
	// strongest that an import reaches here at all.
	StoreProof entry.Proof `json:"store_proof"`
	Proof      entry.Proof `json:"proof"`

	Retention string `json:"retention,omitempty"` // the bucket's default, or why it is not known

	NoLock bool `json:"no_lock,omitempty"` // the bucket says that it has no object lock

	Kept  []string  `json:"-"` // probe objects that cannot be removed before their own retention is over
	Since time.Time `json:"-"` // of an upload of the probe, by the store's clock
}

// conclude fills what follows from the rest.
func (p *Report) conclude() {
	p.Checking = p.PutRefused && p.PartRefused && p.KeepsChecksum
	p.StoreProof = entry.ProofNone
	if p.Checking {
		p.StoreProof = entry.ProofSHA256
	}
	if p.Proof = p.StoreProof; p.ReadsBack {
		p.Proof = entry.ProofReadBack
	}
}

// Wish is what an import asks of its target.
type Wish struct {
	Rules              plan.Rules
	MinProof           entry.Proof
	ReadBack           bool // every object
	AllowUnconditional bool
	JournalInTarget    bool
}

// reaches refuses a wish that no object could fulfil, before the first byte.
func (p Report) reaches(o Wish) error {
	want := o.MinProof
	if o.ReadBack {
		want = entry.ProofReadBack
	}
	switch {
	case p.Proof.AtLeast(want) && !p.StoreProof.AtLeast(want):
		if err := o.Rules.CheckReadBack(); err != nil { // the store's answers are not proof enough
			return target.NewError(target.CodeNotChecking, "", fmt.Sprintf("%s, which the proof %q needs here: %s", err, want, p), nil)
		}
		return nil
	case p.Proof.AtLeast(want):
		return nil
	case want == entry.ProofReadBack && p.StoreProof != entry.ProofNone:
		return target.NewError(target.CodeAccessDenied, "", "objects are to be read back, and GET is not allowed", nil)
	}
	return target.NewError(target.CodeNotChecking, "", fmt.Sprintf("wanted %q, the target allows %q: %s", want, p.Proof, p), nil)
}

// Conditional tells whether both kinds of write can be made conditional.
func (p Report) Conditional() bool { return p.ConditionalPut && p.ConditionalComplete }

// String is the report in a line, for the receipt.
func (p Report) String() string {
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
	if p.UploadsUnlisted != "" {
		text += ", NOT lists uploads (" + p.UploadsUnlisted + ")"
	}
	if p.Retention != "" {
		text += ", " + p.Retention
	}
	if len(p.Renames) > 0 {
		text += ", RENAMES a key with " + strings.Join(p.Renames, ", ")
	}
	return text + fmt.Sprintf("; strongest proof: %s", proofName(p.Proof))
}

func proofName(p entry.Proof) string {
	if p == entry.ProofNone {
		return "none"
	}
	return string(p)
}

// Prefix is the reserved prefix, below the target's own, of the temporary
// objects that a probe writes and removes. Names repeat from start to start of an
// attempt, so what a crash left is removed by the next probe.
const Prefix = ".sledge-probe/"

type Prober struct {
	target target.Target
	calls  *request.Caller
	prefix string
	keys   []string // below the prefix, that may be there
	report Report
	Trail

	mu sync.Mutex // of the trail, and of what is left, while stages run beside one another

	shows shows
	own   target.Attributes // of its objects
	doubt bool              // while attributes were tried, an error told nothing about them
}

// New is a probe below a prefix, which ends in a slash. Its objects have these attributes.
func New(to target.Target, calls *request.Caller, prefix string, own target.Attributes) *Prober {
	return &Prober{target: to, calls: calls, prefix: prefix, keys: slices.Clone(probeNames), own: own}
}

// Probe tries the target before the first object. Refusals that mean "the
// operator has to act" are returned; what the target merely cannot do is in the
// report.
//
// Its objects have attributes; further sets of them are tried, each by one object.
func (p *Prober) Probe(ctx context.Context, sets []target.Attributes) (Report, error) {
	var asked sync.WaitGroup
	asked.Go(func() { p.calls.Ask(ctx, p.target) })
	err := p.cleanBefore(ctx)
	asked.Wait()
	p.report.Retention, p.report.NoLock = p.calls.Retention(), p.calls.NoLock()
	if err != nil {
		p.report.Left, p.report.Kept = nil, nil // nothing was begun, and whoever begins cleans
		return p.report, ofChecksumHeaders(err)
	}
	_, err = p.asImport(ctx, sets)
	if cleanErr := p.clean(ctx); err == nil && cleanErr != nil && !target.IsClass(cleanErr, target.Fixable) {
		err = cleanErr
	}
	if err = p.said(err); err != nil {
		return p.report, err
	}
	p.report.Done = true
	p.report.conclude()
	return p.report, nil
}

// said is an error of these in the words of a run.
func (p *Prober) said(err error) error {
	if target.IsNotFound(err) {
		err = target.NewError(target.CodeMissing, p.prefix, "the target took an object of the probe, and no look finds it: look for a cache or a proxy that answers from memory", err)
	}
	if err != nil {
		return ofChecksumHeaders(err)
	}
	return nil
}

// Verdict is why a run that wishes this does not begin at what the probe has found.
func (p Report) Verdict(o Wish) error {
	if err := p.reaches(o); err != nil {
		return err
	}
	switch {
	case p.NoLock && o.Rules.Locks():
		return target.NewError(target.CodeNoObjectLock, "", "the rules ask for a lock, and the bucket has no object lock", nil)
	case o.JournalInTarget && !p.ConditionalPut, !p.Conditional() && !o.AllowUnconditional:
		return target.NewError(target.CodeNoConditions, "", p.String(), nil)
	}
	return nil
}

// Found is what the probe has found until now, and what it has left.
func (p *Prober) Found() Report { return p.report }

// Sweep removes what the probe of a process that was replaced may have left. It may still be at
// work, so the next attempt's own probe takes other names. Left is set in the report.
func (p *Prober) Sweep(ctx context.Context) error { return p.clean(ctx) }

var probeNames = []string{"put", "wrong", "taken", "parts"}

// maxVersions bounds how many versions of a key are removed at once.
const maxVersions = 100

// keep notes a key that may not be removed now: it is left, unless its retention soon ends.
func (p *Prober) keep(key string) {
	if _, ok := p.calls.Kept(); !ok {
		p.Leave(key)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Contains(p.report.Kept, key) {
		p.report.Kept = append(p.report.Kept, key)
	}
}

// Leave names a key of which something may be left.
func (p *Prober) Leave(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Contains(p.report.Left, key) {
		p.report.Left = append(p.report.Left, key)
	}
}

// Remove takes away the uploads of a key and every version of it that we wrote.
func (p *Prober) Remove(ctx context.Context, key string) error {
	if err := p.abort(ctx, key); err != nil {
		return err
	}
	return p.removeObjects(ctx, key)
}

// removeObjects takes away every version of a key that we wrote.
func (p *Prober) removeObjects(ctx context.Context, key string) error {
	rounds := 0
	for ; rounds < maxVersions; rounds++ { // a store without conditions has a version for each write
		seen := p.seen[key]
		var obj target.Object
		err := p.as(ctx, request.HeadObject, func(ctx context.Context) (err error) {
			obj, err = p.target.Head(ctx, key)
			return err
		})
		if target.IsNotFound(err) && seen {
			p.Leave(key) // nobody else removes it: the target shows now this, now that
		}
		if target.IsNotFound(err) {
			break
		}
		if err != nil {
			return err
		}
		p.versions = p.versions || obj.VersionID != ""
		if err := p.delete(ctx, key, obj.VersionID); err != nil {
			return err
		}
		delete(p.seen, key)
		if obj.VersionID == "" {
			return nil
		}
	}
	if rounds == maxVersions {
		return target.NewError(target.CodeProbeLeft, key, fmt.Sprintf("%d versions were deleted, and there are more", rounds), nil)
	}
	for len(p.written[key]) > 0 { // HEAD does not show them
		version := p.written[key][0]
		if p.versions && version == "" {
			return nil // without its version a delete marker would hide it
		}
		if err := p.delete(ctx, key, version); err != nil {
			return err
		}
	}
	return nil
}

func (p *Prober) delete(ctx context.Context, key, version string) error {
	err := p.as(ctx, request.DeleteObject, func(ctx context.Context) error { return p.target.Delete(ctx, key, version) })
	if err == nil && p.written != nil {
		p.written[key] = slices.DeleteFunc(p.written[key], func(v string) bool { return v == version })
	}
	return err
}

// abort ends our uploads of a key: those that we know of, and those that an
// earlier start has left.
func (p *Prober) abort(ctx context.Context, key string) error {
	ids := map[string]bool{}
	for _, u := range p.uploads {
		if u.Key == key {
			ids[u.ID] = true
		}
	}
	err := p.as(ctx, request.ListMultipartUploads, func(ctx context.Context) error {
		return p.target.ListUploads(ctx, key, func(u target.Upload) error {
			ids[u.ID] = true
			return nil
		})
	})
	switch {
	case err == nil:
		p.lost = slices.DeleteFunc(p.lost, func(lost string) bool { return lost == key })
	case !listsNone(err):
		return err
	case slices.Contains(p.lost, key):
		p.Leave(key) // an upload that nobody told us of cannot be found
	}
	if err := p.abortAll(ctx, key, slices.Collect(maps.Keys(ids))); err != nil {
		return err
	}
	p.uploads = slices.DeleteFunc(p.uploads, func(u target.Upload) bool { return u.Key == key })
	return nil
}

// listsNone reports whether an error tells of a target that lists no uploads: it has no such
// call, or the credentials may not make it. Nothing that is proven rests on such a list.
func listsNone(err error) bool {
	return request.Forbidden(err) || target.HasCode(err, target.CodeRefused) || target.HasCode(err, target.CodeUploadGone) || target.IsNotFound(err)
}

// as makes a probe's call under S3's name. Repeating is right for all of them: the
// keys are ours.
func (p *Prober) as(ctx context.Context, name string, f func(context.Context) error) error {
	return p.calls.Idempotent(ctx, request.Call{Name: name, Key: p.prefix, Aside: true}, f)
}

// do makes one of a target's examination, which nobody counts by name.
func (p *Prober) do(ctx context.Context, f func(context.Context) error) error {
	return p.as(ctx, request.PutObject, f)
}

// TakesAnother stores, looks at and removes one object, and reads it back if reads are made.
func (p *Prober) TakesAnother(ctx context.Context, reads bool) bool {
	const name, content = "put", "sledge probe of another key"
	p.keys = []string{name}
	_, err := p.put(ctx, name, content, crypto.SumSHA256([]byte(content)), false)
	if err != nil && !target.IsUnknown(err) {
		return false // nothing is there to be removed
	}
	var obj target.Object
	if err == nil {
		obj, err = p.shown(ctx, name)
	}
	takes := err == nil
	if takes && reads {
		takes, err = p.readsBack(ctx, name, obj.VersionID, content)
	}
	if cleanErr := p.clean(ctx); err == nil {
		err = cleanErr
	}
	return err == nil && takes
}
