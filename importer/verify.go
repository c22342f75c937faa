package importer

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/sledge-io/sledge/manifest"
)

// VerifyOptions configures VerifyObjects. The zero value asks for checksums.
type VerifyOptions struct {
	ReadBack    bool // read every object and hash it
	Concurrency int  // default 16
	Retries     int  // default 8
	Backoff     time.Duration
	CallTimeout time.Duration
	Progress    func(objects uint64, bytes int64)
	// Difference is called for each finding, one at a time.
	Difference func(*Error)
}

// VerifyReport is what VerifyObjects found.
type VerifyReport struct {
	Lines       uint64
	Objects     uint64 // that the list says are in the store
	Bytes       int64
	Same        uint64
	Proofs      map[Proof]uint64
	Differences uint64
	Unanswered  uint64 // objects that the store gave no answer about
}

// maxLine bounds a line: a record of 64 KiB in base64 and room for the rest.
const maxLine = 256 << 10

// VerifyObjects holds a store against an objects.list, with read rights in the
// store alone: every object that the list calls stored or already there must
// exist with the size and digests of its record. That the list itself is whole
// and signed is checked elsewhere (verify import); here each line must fit its
// own record. A difference is not an error: the report counts and Difference
// names it. An error means that the list or the store could not be read.
func VerifyObjects(ctx context.Context, list io.Reader, target Reader, opts VerifyOptions) (VerifyReport, error) {
	setDefault(&opts.Concurrency, 16)
	setDefault(&opts.Retries, 8)
	setDefault(&opts.Backoff, 200*time.Millisecond)
	setDefault(&opts.CallTimeout, 2*time.Minute)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	v := &verifier{opts: opts, target: target, cancel: cancel, report: VerifyReport{Proofs: map[Proof]uint64{}}}
	v.calls = newCaller(Options{Memory: int64(opts.Concurrency) * perRequest, Concurrency: opts.Concurrency, PartConcurrency: 1,
		Retries: opts.Retries, RetryBudget: defaultRetryBudget, Backoff: opts.Backoff, CallTimeout: opts.CallTimeout}, ctx.Done())
	work := make(chan claim)
	var workers sync.WaitGroup
	for range opts.Concurrency {
		workers.Go(func() {
			for c := range work {
				v.check(ctx, c)
			}
		})
	}
	err := v.read(ctx, list, work)
	close(work)
	workers.Wait()
	if v.fatal != nil {
		err = v.fatal
	}
	return v.report, err
}

// claim is what the list says about one object.
type claim struct {
	line Line
	want expected
}

type verifier struct {
	opts   VerifyOptions
	target Reader
	calls  *caller
	cancel context.CancelFunc

	mu     sync.Mutex
	report VerifyReport
	fatal  error
}

// read parses the list and puts continuation records back into their entries.
func (v *verifier) read(ctx context.Context, list io.Reader, work chan<- claim) error {
	in := bufio.NewReaderSize(list, maxLine)
	var joiner manifest.Joiner
	var first Line
	for n := 1; ; n++ {
		text, err := in.ReadSlice('\n')
		if err == io.EOF && len(text) == 0 {
			break
		}
		if err != nil {
			return fmt.Errorf("objects.list: line %d: %w", n, err)
		}
		line, err := ParseLine(text)
		if err != nil {
			return fmt.Errorf("objects.list: line %d: %w", n, err)
		}
		if !joiner.Pending() {
			first = line
		}
		r, err := joiner.Add(line.Record)
		if err != nil {
			return fmt.Errorf("objects.list: line %d: %w", n, err)
		}
		v.report.Lines++
		if r == nil || first.Outcome != OutcomeStored && first.Outcome != OutcomeAlreadyThere {
			continue
		}
		c, err := newClaim(first, r)
		if err != nil {
			v.different(newError(CodeStoredWrong, r.Path, fmt.Sprintf("line %d: %v", n, err), nil))
			continue
		}
		select {
		case work <- c:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if joiner.Pending() {
		return errors.New("objects.list: ends inside an entry")
	}
	return nil
}

// ParseLine reads one line of objects.list, its newline included.
func ParseLine(text []byte) (Line, error) {
	var line Line
	salt, rest, ok := bytes.Cut(text, []byte(" "))
	if !ok || !bytes.HasSuffix(rest, []byte("\n")) {
		return line, errors.New("is not a salt and an object")
	}
	if _, err := parseSalt(salt); err != nil {
		return line, err
	}
	return line, json.Unmarshal(rest, &line)
}

// newClaim derives what the object must be from the record, and compares the
// list's own words with it.
func newClaim(line Line, r *manifest.Record) (claim, error) {
	p := &planner{profile: Profile{MaxObject: 1 << 62, MaxParts: 1 << 30, MaxPart: 1 << 62, MaxKey: 1 << 20}, symlinks: PolicyObject, directories: PolicyObject}
	action, err := p.plan(Entry{Record: r, Raw: []RawRecord{{}}})
	if err != nil {
		return claim{}, err
	}
	switch {
	case action.Kind == ActionNone:
		return claim{}, fmt.Errorf("%v is said to be an object", r.Kind)
	case line.Size == nil || *line.Size != action.Size:
		return claim{}, errors.New("another size than its record's")
	case line.SHA256 != action.Checksum():
		return claim{}, errors.New("another sha256 than its record's")
	case line.Key == "":
		return claim{}, errors.New("no key")
	}
	return claim{line, action.expected()}, nil
}

func (v *verifier) check(ctx context.Context, c claim) {
	err := v.object(ctx, c)
	if err == nil || errors.Is(err, errStopped) {
		return
	}
	e := *asError(err)
	e.Path = c.line.Key
	switch e.Class {
	case FatalObject:
		v.different(&e)
	case Fixable:
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.fatal == nil {
			v.fatal = &e
		}
		v.cancel()
	default:
		v.mu.Lock()
		v.report.Unanswered++
		v.mu.Unlock()
		v.different(&e)
	}
}

func (v *verifier) object(ctx context.Context, c claim) error {
	var obj Object
	err := v.calls.idempotent(ctx, call{name: callHead, key: c.line.Key}, func(ctx context.Context) (err error) {
		obj, err = v.target.Head(ctx, c.line.Key)
		return err
	})
	if IsNotFound(err) || hasCode(err, CodeAccessDenied) || hasCode(err, CodeRefused) {
		// HEAD has no body to say more.
		if err := present(ctx, v.calls, v.target, c.line.Key); err != nil && !IsNotFound(err) {
			return err
		}
	}
	if IsNotFound(err) {
		return v.counted(c, newError(CodeMissing, "", "the store does not have it", nil), ProofNone)
	}
	if err != nil {
		return err
	}
	verdict, proof := c.want.compare(obj, c.line.Outcome == OutcomeStored)
	if verdict == different {
		return v.counted(c, newError(CodeStoredWrong, "", "size or checksum differ", nil), ProofNone)
	}
	if v.opts.ReadBack || verdict == incomparable {
		if err := readBack(ctx, v.calls, v.target, c.line.Key, obj.VersionID, c.want); err != nil {
			return v.counted(c, err, ProofNone)
		}
		proof = ProofReadBack
	}
	return v.counted(c, nil, proof)
}

func (v *verifier) counted(c claim, err error, proof Proof) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.report.Objects++
	if err == nil {
		v.report.Same++
		v.report.Bytes += c.want.Size
		v.report.Proofs[proof]++
	}
	if v.opts.Progress != nil {
		v.opts.Progress(v.report.Objects, v.report.Bytes)
	}
	return err
}

func (v *verifier) different(e *Error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.report.Differences++
	if v.opts.Difference != nil {
		v.opts.Difference(e)
	}
}
