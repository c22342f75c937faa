package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/sample"
)

// Method is how Objects looks at an object.
type Method string

// The methods. The zero value of ObjectOptions takes ByHead.
const (
	ByHead       Method = "head"       // the store's checksum of the whole
	ByAttributes Method = "attributes" // and those of its parts, where the store tells them
	ByReadBack   Method = "read-back"  // the bytes
)

// ObjectOptions configures Objects. The zero value asks for checksums.
type ObjectOptions struct {
	By          Method
	Prefix      string          // that was asked for: every key of the list must lie below it
	Sample      *sample.Sampler // which objects are looked at; nil: all
	Concurrency int             // default 16
	Retries     int             // default 8
	Backoff     time.Duration
	CallTimeout time.Duration
	IdleTimeout time.Duration // as that of Options
	Progress    func(objects uint64, bytes int64)
	// Difference is called for each finding, one at a time.
	Difference func(*target.Error)
}

// ObjectReport is what Objects found.
type ObjectReport struct {
	Lines       uint64                 `json:"lines"`
	Objects     uint64                 `json:"objects"` // that were looked at
	Bytes       int64                  `json:"bytes"`   // of those that are the same
	Same        uint64                 `json:"same"`
	Missing     uint64                 `json:"missing"`
	Different   uint64                 `json:"different"`
	NotCompared uint64                 `json:"not_compared"` // the store gave no answer about them
	Differences uint64                 `json:"differences"`  // the last three
	Proofs      map[entry.Proof]uint64 `json:"proofs"`
	Parts       uint64                 `json:"parts_compared"` // one by one, by their SHA-256
}

// Add takes another device's report into this one.
func (r *ObjectReport) Add(o ObjectReport) {
	r.Lines, r.Objects, r.Bytes, r.Same = r.Lines+o.Lines, r.Objects+o.Objects, r.Bytes+o.Bytes, r.Same+o.Same
	r.Missing, r.Different, r.NotCompared = r.Missing+o.Missing, r.Different+o.Different, r.NotCompared+o.NotCompared
	r.Differences, r.Parts = r.Differences+o.Differences, r.Parts+o.Parts
	if r.Proofs == nil {
		r.Proofs = map[entry.Proof]uint64{}
	}
	for p, n := range o.Proofs {
		r.Proofs[p] += n
	}
}

// Objects holds a store against an objects.list, with read rights in the
// store alone: every object that the list calls stored or already there must
// exist with the size and digests of its record. That the list itself is whole
// and signed is checked elsewhere (verify import); here each line must fit its
// own record. A difference is not an error: the report counts and Difference
// names it. An error means that the list or the store could not be read, or that ctx
// ended first: then the report is of a part of the list.
func Objects(ctx context.Context, list io.Reader, target target.Reader, opts ObjectOptions) (ObjectReport, error) {
	opts = opts.withDefaults()
	asked := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	v := &verifier{opts: opts, target: target, cancel: cancel, report: ObjectReport{Proofs: map[entry.Proof]uint64{}}}
	v.calls = opts.caller(ctx)
	if opts.By == ByAttributes {
		var ok bool
		if v.attributes, ok = target.(attributesReader); !ok {
			return v.report, errors.New("this target has no attributes")
		}
	}
	work := make(chan claim)
	var workers sync.WaitGroup
	for range opts.Concurrency {
		workers.Go(func() {
			for c := range work {
				v.check(ctx, c)
			}
		})
	}
	err := v.hand(ctx, list, work)
	close(work)
	workers.Wait()
	switch {
	case v.fatal != nil:
		err = v.fatal
	case err == nil:
		err = asked.Err() // workers leave what they have not begun
	}
	return v.report, err
}

func (o ObjectOptions) withDefaults() ObjectOptions {
	o.By, o.Concurrency, o.Retries = cmp.Or(o.By, ByHead), cmp.Or(o.Concurrency, 16), cmp.Or(o.Retries, 8)
	o.Backoff, o.CallTimeout, o.IdleTimeout = cmp.Or(o.Backoff, 200*time.Millisecond), cmp.Or(o.CallTimeout, 2*time.Minute), cmp.Or(o.IdleTimeout, time.Minute)
	return o
}

// retryBudget is how many retries all calls have together, beside one for ten that succeed.
const retryBudget = 10000

// caller makes the calls, until ctx ends.
func (o ObjectOptions) caller(ctx context.Context) *request.Caller {
	calls := request.New(request.Settings{IdleTimeout: o.IdleTimeout, Requests: min(o.Concurrency, 256),
		Retries: o.Retries, RetryBudget: retryBudget, Backoff: o.Backoff, CallTimeout: o.CallTimeout}, ctx.Done())
	calls.EndWith(ctx)
	return calls
}

type verifier struct {
	opts       ObjectOptions
	target     target.Reader
	attributes attributesReader // ByAttributes
	calls      *request.Caller
	cancel     context.CancelFunc

	mu     sync.Mutex
	report ObjectReport
	fatal  error
}

// hand gives the objects of the list, or those of the sample, to the workers.
func (v *verifier) hand(ctx context.Context, list io.Reader, work chan<- claim) error {
	lines, err := eachClaim(list, func(c claim, bad *target.Error) error {
		taken := true
		if v.opts.Sample != nil {
			var err error
			if taken, err = v.opts.Sample.Take(); err != nil {
				return err
			}
		}
		if bad != nil {
			v.finding(bad)
			return nil
		}
		if err := c.below(v.opts.Prefix); err != nil || !taken {
			return err
		}
		select {
		case work <- c:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	v.mu.Lock()
	defer v.mu.Unlock()
	v.report.Lines = lines
	return err
}

func (v *verifier) check(ctx context.Context, c claim) {
	err := v.object(ctx, c)
	if err == nil || errors.Is(err, request.ErrStopped) {
		return
	}
	e := *target.AsError(err)
	e.Path = c.line.Key
	if e.Class == target.Fixable {
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.fatal == nil {
			v.fatal = &e
		}
		v.cancel()
		return
	}
	v.finding(&e)
}

func (v *verifier) object(ctx context.Context, c claim) error {
	obj, parts, err := v.describe(ctx, c)
	if err != nil && v.opts.By != ByAttributes || target.IsNotFound(err) {
		err = request.InWords(ctx, v.calls, v.target, c.line.Key, err)
	}
	if target.IsNotFound(err) {
		return target.NewError(target.CodeMissing, "", "the store does not have it", nil)
	}
	if err != nil {
		return err
	}
	proof, differs := c.judge(obj)
	if differs {
		return target.NewError(target.CodeStoredWrong, "", "size or checksum differ", nil)
	}
	compared, err := c.want.compareParts(parts)
	if err != nil {
		return err
	}
	if proof == entry.ProofNone && compared == len(c.want.parts) {
		proof = entry.ProofSHA256
	}
	if v.opts.By == ByReadBack || proof == entry.ProofNone {
		if err := v.readBack(ctx, c, obj.VersionID); err != nil {
			return err
		}
		proof = entry.ProofReadBack
	}
	v.same(c, proof, compared)
	return nil
}

// describe asks the store what it knows of an object, with its parts if they
// are asked for.
func (v *verifier) describe(ctx context.Context, c claim) (obj target.Object, parts []target.Part, err error) {
	err = v.calls.Idempotent(ctx, request.Call{Name: request.HeadObject, Key: c.line.Key}, func(ctx context.Context) (err error) {
		if v.opts.By != ByAttributes {
			obj, err = v.target.Head(ctx, c.line.Key)
			return err
		}
		obj, parts, err = v.attributes.Attributes(ctx, c.line.Key)
		return err
	})
	return obj, parts, err
}

// readBack gets an object and holds its bytes against the record's digests.
func (v *verifier) readBack(ctx context.Context, c claim, version string) error {
	return v.calls.Idempotent(ctx, request.Call{Name: request.GetObject, Key: c.line.Key, Payload: c.want.size}, func(ctx context.Context) error {
		body, err := request.Get(ctx, v.target, c.line.Key, version)
		if err != nil {
			return err
		}
		defer body.Close() // read only
		return c.want.read(body)
	})
}

func (v *verifier) same(c claim, proof entry.Proof, parts int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.report.Same++
	v.report.Bytes += c.want.size
	v.report.Proofs[proof]++
	v.report.Parts += uint64(parts)
	v.looked()
}

// looked counts an object; the lock is held.
func (v *verifier) looked() {
	v.report.Objects++
	if v.opts.Progress != nil {
		v.opts.Progress(v.report.Objects, v.report.Bytes)
	}
}

func (v *verifier) finding(e *target.Error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.report.Differences++
	switch KindOf(e) {
	case KindMissing:
		v.report.Missing++
	case KindDifferent:
		v.report.Different++
	default:
		v.report.NotCompared++
	}
	v.looked()
	if v.opts.Difference != nil {
		v.opts.Difference(e)
	}
}

// DifferenceKind says what a finding of a verification is.
type DifferenceKind string

// The kinds.
const (
	KindMissing     DifferenceKind = "missing"
	KindDifferent   DifferenceKind = "different"
	KindExtra       DifferenceKind = "extra"
	KindNotCompared DifferenceKind = "not-compared"
)

// KindOf tells the kind of a finding from its code.
func KindOf(e *target.Error) DifferenceKind {
	switch e.Code {
	case target.CodeMissing:
		return KindMissing
	case target.CodeStoredWrong, target.CodeChangedSince:
		return KindDifferent
	case target.CodeExtraObject:
		return KindExtra
	}
	return KindNotCompared
}

// ProofText says in words what a count of proofs has proven.
func ProofText(proofs map[entry.Proof]uint64) string {
	text := ""
	for _, p := range []entry.Proof{entry.ProofReadBack, entry.ProofSHA256, entry.ProofCRC} {
		if n := proofs[p]; n > 0 {
			if text != "" {
				text += ", "
			}
			text += fmt.Sprintf("%s: %d", p, n)
		}
	}
	if text == "" {
		return "none"
	}
	return text
}
