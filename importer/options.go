package importer

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/manifest"
)

// Options says what to import where and how. The zero value of each field but
// Bucket, StateDir, RunID and ImporterKey is the default named there.
type Options struct {
	s3.Config

	// The target. They, Profile, the policies, Rules, ReadBack, MinProof,
	// AllowUnconditional, CustomerKey and RunID are stored at the first start and must be the
	// same at every later one.
	Prefix      string // "" or ending in a slash
	Symlinks    entry.Policy
	Directories entry.Policy
	Rules       plan.Rules // their policies count before those above

	// MinProof is what every object must reach, default ProofSHA256. Where the
	// store's answer is worth less, the object is read back.
	MinProof entry.Proof
	ReadBack bool // read back every object

	// AllowUnconditional allows a store without conditional writes. Objects are
	// then looked for before they are written, which is no promise.
	AllowUnconditional bool

	// Uncommit is called by Cancel once all was checked, before any upload or object is
	// given up: so that nobody reads what is not whole any more. It is called for each marker that
	// the run keeps a note of, also after an error, and for that of Marker where it keeps none. The
	// first error ends the cancel then.
	Uncommit func(ctx context.Context, at *CommitStore) error

	// ExclusivePrefix states that nothing else writes below the prefix; only then
	// are uploads that a lost reply to Create may have left aborted.
	ExclusivePrefix bool

	// Marker is the name below the prefix that the caller writes a commit marker
	// under when all is done, "" none: an entry that would have this key fails.
	Marker string

	// Committed tells whether this run's commit marker stands there already: nothing is
	// done then but what a run that has ended in StateDir does; another one is ErrCommitted.
	// It is asked before any other request of a start; an error ends that. nil is no.
	Committed func(ctx context.Context, at *CommitStore) (bool, error)

	// DryRun plans everything and writes nothing, to the target or to StateDir.
	DryRun bool

	Concurrency     int           // objects at once at most, default DefaultConcurrency
	PartConcurrency int           // parts at once of one object, default 4
	Memory          int64         // bound of the buffers, default 256 MiB
	ReadBackLimit   int64         // largest existing object that is read back to compare it, default 1 GiB; None: none
	Retries         int           // attempts of one call beyond the first, default 8; None: none
	Backoff         time.Duration // wait before the second attempt, default 200 ms, doubling with jitter up to 20 s
	CallTimeout     time.Duration // of a call without payload, default 2 minutes
	IdleTimeout     time.Duration // in which a byte of a payload that is under way must move, default 1 minute; None: it is not watched

	// HaltWait is how long a run waits for its operator where an error can be
	// mended from outside, and then goes on by itself; 0 ends it at once. A start waits for
	// nothing until the target has given it one good answer; and until its first entry, for
	// an outage alone.
	HaltWait time.Duration

	// Behind, if given, reports whether other runs wait for the end of this one. It then
	// does not wait for its operator where all that is left are keys that are refused
	// alone.
	Behind func() bool

	// CleanUpLater leaves the removal of what the bucket keeps for a minute to Result.CleanUp,
	// so that several runs wait for it together.
	CleanUpLater bool

	// Retry tells which failures of earlier starts are tried again; nil is all.
	Retry func(target.Code) bool

	RetryBudget int               // retries over the whole run, beside one for ten calls that succeed; default 10,000
	Lanes       int               // parts of the manifest that are walked side by side, default 4
	Bandwidth   request.Timetable // of payload; nil is no limit
	Hours       request.Hours     // in which requests may begin; nil is always

	// DeferComplete publishes all or nothing: up to so many objects are uploaded
	// without being completed, and completed at the end. 0 is off.
	DeferComplete int

	// StatusEvery is how often status.json is written and the control file read,
	// default never.
	StatusEvery time.Duration

	// StateDir holds journal and receipts. Take OpenState for a real folder: it
	// keeps a second process out.
	StateDir StateFolder

	// JournalInTarget keeps what another host needs below the reserved prefix of the
	// target, too, so that it can take the run over with an empty state folder.
	// TakeOver allows that, and is how long the other host is given to see it.
	JournalInTarget bool
	TakeOver        time.Duration

	// Emptied is the operator's word for Cancel that the target was emptied by other means:
	// one that shows nothing of the run is no reason to refuse.
	Emptied bool

	RunID       string             // 1…64 of a–z, 0–9, -
	ImporterKey ed25519.PrivateKey // one of the job's importer keys
	Software    string             // for the receipt

	After       func(time.Duration) <-chan time.Time                   // waits for what the target shows late; default time.After
	Now         func() time.Time                                       // default time.Now
	Rand        io.Reader                                              // of salts; default crypto/rand
	Progress    func(status.Progress)                                  // called about every second and at the end, never at once
	Problem     func(*target.Error)                                    // called for each failed object, warning and halt, never at once
	Silent      func(request.Silence)                                  // called while a call without much payload has no answer, now and then, never at once
	Step        func(what string)                                      // of ProbeTarget: called before each question
	Called      func(request.Attempt)                                  // called after each attempt of a call, at once from many goroutines
	EachPlanned func(key string, size int64, r *manifest.Record) error // of a dry run: called for each object that it would store
}

// None as Retries or ReadBackLimit is none at all, where 0 is the default.
const None = -1

// DefaultConcurrency is how many objects are worked on at once at most where Options do
// not say. So many are only where the store is far.
const DefaultConcurrency = 512

// fewObjects is how many objects are worked on at once that have parts of their own, or
// fill memory: they are many requests each, and an end leaves each unfinished.
const fewObjects = 16

const defaultRetryBudget = 10000

var runIDPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

// withDefaults fills in the documented defaults.
func (o Options) withDefaults() Options {
	o.Config = o.Config.WithDefaults()
	for policy, rule := range map[*entry.Policy]entry.Policy{&o.Symlinks: o.Rules.Symlinks, &o.Directories: o.Rules.Directories} {
		if rule != "" {
			*policy = rule
		}
		setDefault(policy, entry.PolicyObject)
	}
	setDefault(&o.MinProof, entry.ProofSHA256)
	setDefault(&o.Concurrency, DefaultConcurrency)
	setDefault(&o.PartConcurrency, 4)
	setDefault(&o.Memory, 256*target.MiB)
	setDefault(&o.ReadBackLimit, target.GiB)
	setDefault(&o.Retries, 8)
	setDefault(&o.Backoff, 200*time.Millisecond)
	setDefault(&o.CallTimeout, 2*time.Minute)
	setDefault(&o.IdleTimeout, time.Minute)
	setDefault(&o.Lanes, 4)
	setDefault(&o.RetryBudget, defaultRetryBudget)
	setDefault(&o.Software, "sledge")
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func setDefault[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}

// Validate checks all that an operator chooses, before there are state folder and
// key. Run checks it, too.
func (o Options) Validate() error { return o.withDefaults().checkChoices() }

// validate checks what withDefaults has filled.
func (o Options) validate() error {
	problems := []error{o.checkChoices()}
	if !o.DryRun && o.StateDir == nil {
		problems = append(problems, errors.New("no state folder"))
	}
	if !o.DryRun && len(o.ImporterKey) != ed25519.PrivateKeySize {
		problems = append(problems, errors.New("no importer key"))
	}
	return errors.Join(problems...)
}

func (o Options) checkChoices() error {
	var problems []error
	bad := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if err := target.CheckBucket(o.Bucket); err != nil {
		problems = append(problems, err)
	}
	if err := target.CheckPrefix(o.Prefix); err != nil {
		problems = append(problems, err)
	}
	profile, err := o.TargetProfile()
	if err == nil {
		err = o.Rules.CheckMetadata(profile)
	}
	if err != nil {
		problems = append(problems, err)
	}
	if err := o.CheckConnection(); err != nil {
		problems = append(problems, err)
	}
	for name, p := range map[string]entry.Policy{"symlinks": o.Symlinks, "directories": o.Directories} {
		if p != entry.PolicyObject && p != entry.PolicySkip && !(p == entry.PolicyEmpty && name == "directories") {
			bad("policy for %s is %q, must be object or skip", name, p)
		}
	}
	problems = append(problems, o.Rules.Validate(), o.checkCustomerKey())
	if o.ReadBack || o.MinProof == entry.ProofReadBack {
		problems = append(problems, o.Rules.CheckReadBack())
	}
	if !o.MinProof.Known() || o.MinProof == entry.ProofNone {
		bad("proof %q is not known", o.MinProof)
	}
	if o.Concurrency < 1 || o.Concurrency > 1024 || o.PartConcurrency < 1 || o.PartConcurrency > 256 {
		bad("concurrency of %d objects (--concurrency) and %d parts: must be 1…1024 and 1…256", o.Concurrency, o.PartConcurrency)
	}
	if o.Memory < request.LargeRequest {
		bad("memory of %d bytes (--memory): must be at least %d", o.Memory, request.LargeRequest)
	}
	if o.Retries < None || o.Retries > 100 || o.Backoff < 0 || o.CallTimeout < time.Second {
		bad("%d retries (--retries) after %v, calls of %v: at most 100 retries, calls of at least a second", o.Retries, o.Backoff, o.CallTimeout)
	}
	if o.IdleTimeout != None && o.IdleTimeout < time.Second {
		bad("idle timeout of %v (--idle-timeout): must be at least a second", o.IdleTimeout)
	}
	if !runIDPattern.MatchString(o.RunID) {
		bad("run id %q (--run-id): must be 1 to 64 of a-z, 0-9 and -", o.RunID)
	}
	return errors.Join(problems...)
}

// requests is the bound of requests at once.
func (o Options) requests() int {
	return int(max(1, min(o.Memory/request.SmallRequest, int64(o.Concurrency)*int64(o.PartConcurrency), int64(max(o.Concurrency, 256)))))
}

// manyParts is how many objects in parts are worked on at once: as many as keep the memory full.
func (o Options) manyParts() int {
	return min(o.Concurrency, max(fewObjects, int(o.Memory/request.LargeRequest)/o.PartConcurrency))
}

// calls are the settings of the calls to the target.
func (o Options) calls() request.Settings {
	return request.Settings{Requests: o.requests(), Memory: o.Memory, Prefix: o.Prefix, Retries: o.Retries, Backoff: o.Backoff, CallTimeout: o.CallTimeout, IdleTimeout: o.IdleTimeout, RetryBudget: o.RetryBudget,
		After: o.After, Now: o.Now, Log: o.Log, Called: o.Called, Silent: o.Silent, Problem: o.Problem}
}

// TargetURL names the target in receipts: s3://bucket/prefix.
func (o Options) TargetURL() string { return target.URL(o.Bucket, o.Prefix) }

// planner is the planner of a run that starts now; one that goes on gets the first start
// from its journal.
func (o Options) planner(scope manifest.Scope) (*plan.Planner, error) {
	profile, err := o.TargetProfile()
	if err != nil {
		return nil, err
	}
	s := plan.Settings{Profile: profile, Prefix: o.Prefix, Rules: o.Rules, Symlinks: o.Symlinks, Directories: o.Directories, RunID: o.RunID, CustomerKey: o.CustomerKey.MD5()}
	if o.Now != nil {
		s.Started = o.Now()
	}
	return plan.New(s, scope)
}

// checkCustomerKey refuses what cannot go together with the key.
func (o Options) checkCustomerKey() error {
	if o.CustomerKey == nil {
		return nil
	}
	for i, rule := range o.Rules.Objects {
		if rule.SSE != "" {
			return o.Rules.OfRule(i, &target.Misgiven{Name: "sse", Err: fmt.Errorf("%s: goes without a key of the customer's (--sse-c-key)", rule.SSE)})
		}
	}
	return nil
}

// NewS3 makes a client of the options' bucket. It makes no request, unless the
// SDK's own credential chain needs one.
func NewS3(ctx context.Context, o Options) (*s3.Bucket, error) {
	o = o.withDefaults()
	o.Config.Requests = o.requests()
	return s3.Open(ctx, o.Config)
}

// endpointOf is what a target says of its endpoint, else what the options say: of the
// targets only S3's client reads a configuration of its own.
func endpointOf(target target.Target, o Options) string {
	if target.Capabilities().Endpoint {
		return target.Endpoint()
	}
	return s3.SameEndpoint(o.Endpoint)
}
