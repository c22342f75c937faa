package request

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sledge-io/sledge/importer/target"
)

// Caller makes calls to the target: behind the gate, under the limits, each
// attempt under its own time, and again where that is safe.
type Caller struct {
	Gate    *gate
	limits  *limits
	budget  *budget
	Retries int
	backoff time.Duration
	timeout time.Duration
	Idle    time.Duration   // in which a byte of a payload must move; 0: not watched
	stop    <-chan struct{} // closed: begin nothing new
	called  func(Attempt)
	ours    func() error                // asked before what shows in the target
	looks   func(context.Context) error // the same, of the target itself
	Pacer   *pacer

	joins  *joins          // the Completes that are under way
	cut    context.Context // ends the other calls that are under way, with its cause
	cutNow context.CancelCauseFunc

	silence   silence
	impatient bool

	brief *Brief
	lag   lag
	after func(time.Duration) <-chan time.Time // nil is time.After

	answered  atomic.Bool // a call has succeeded
	retried   atomic.Int64
	throttled atomic.Int64
}

// Settings say how calls are made. What is not needed may be nil or zero: no retries, no
// time in which a payload must move, nobody who is told.
type Settings struct {
	Requests    int    // at once
	Memory      int64  // that they hold at once; 0: not bounded
	Prefix      string // of all keys: limits are learned for what follows it
	Retries     int    // attempts of one call beyond the first
	Backoff     time.Duration
	CallTimeout time.Duration // of a call without payload
	IdleTimeout time.Duration // in which a byte of a payload must move
	RetryBudget int           // retries in all, beside one for ten calls that succeed
	Impatient   bool          // what had no answer in its time is not asked again
	Bandwidth   Timetable
	InHours     func() bool                          // nil is always
	Ours        func() error                         // asked before what shows in the target: an error refuses the call
	After       func(time.Duration) <-chan time.Time // waits for what the target shows late; nil is time.After
	Now         func() time.Time
	Log         *slog.Logger

	Called  func(Attempt)       // after each attempt, at once from many goroutines
	Silent  func(Silence)       // while a call without much payload has no answer
	Problem func(*target.Error) // of what an operator is told once
	Note    func(text string)   // of what is no problem
	WentOn  func()              // at the end of each halt
}

// New makes a caller that begins no call once stop is closed.
func New(s Settings, stop <-chan struct{}) *Caller {
	cut, cutNow := context.WithCancelCause(context.Background())
	c := &Caller{
		cut: cut, cutNow: cutNow, joins: newJoins(), silence: silence{tell: s.Silent}, impatient: s.Impatient,
		Gate: newGate(), limits: newLimits(s.Requests, s.Memory, max(s.Backoff, time.Millisecond), s.Prefix), budget: newBudget(s.RetryBudget), Pacer: newPacer(s.Bandwidth, s.Now),
		Retries: max(0, s.Retries), backoff: s.Backoff, timeout: s.CallTimeout, Idle: max(0, s.IdleTimeout), stop: stop, called: s.Called, after: s.After,
		brief: &Brief{now: s.Now, tell: s.Problem, note: s.Note}, lag: lag{clock: s.Now, log: s.Log},
		ours: func() error { return nil }, looks: func(context.Context) error { return nil },
	}
	if s.Ours != nil {
		c.ours = s.Ours
	}
	if s.WentOn != nil {
		c.Gate.wentOn = s.WentOn
	}
	if s.InHours != nil {
		c.Gate.InTime = s.InHours
	}
	return c
}

// Look asks the target itself whether the run is still ours.
func (c *Caller) Look(ctx context.Context) error { return c.looks(ctx) }

// lookBy has look ask f, until back.
func (c *Caller) LookBy(f func(context.Context) error) (back func()) {
	former := c.looks
	c.looks = f
	return func() { c.looks = former }
}

// stopAt begins no call once done is closed, instead of what the caller was made with.
func (c *Caller) StopAt(done <-chan struct{}) { c.stop = done }

// Awake is the gate's, until the caller is stopped.
func (c *Caller) Awake(ctx context.Context) bool { return c.Gate.awake(ctx, c.stop) }

// Sharing makes c go on with what of has learned of the bucket's retention, and end with it.
func (c *Caller) Sharing(of *Caller) *Caller {
	c.brief, c.cut, c.cutNow = of.brief, of.cut, of.cutNow
	return c
}

// Retried is how many attempts were made again.
func (c *Caller) Retried() int64 { return c.retried.Load() }

// Throttled is how many attempts the target has refused because it was busy.
func (c *Caller) Throttled() int64 { return c.throttled.Load() }

// Answered reports whether a call has succeeded.
func (c *Caller) Answered() bool { return c.answered.Load() }

// Counted notes an attempt that was made again by whoever called.
func (c *Caller) Counted() { c.retried.Add(1) }

// Refill gives the whole budget of retries back: the operator has mended something.
func (c *Caller) Refill() { c.budget.fill() }

// retriesLeft is what is left of the budget of retries.
func (c *Caller) RetriesLeft() float64 {
	c.budget.mu.Lock()
	defer c.budget.mu.Unlock()
	return c.budget.left
}

// Bears is how many requests with payload the target bears at once, as far as is known.
func (c *Caller) Bears() int { return c.limits.current() }

// Call is one request to come.
type Call struct {
	Name    string // as S3 calls it
	Key     string
	Payload int64
	Paced   bool // its payload is an object's, which a bandwidth limit holds
	Aside   bool // of a probe or a lease: its keys are those of this attempt alone
	Free    bool // a look at who has the run: it passes limits, pauses and halts, and waits for the hours alone
	Inner   bool // of the journal in the target, which is written with other attributes, below a prefix of its own
}

// writes tells whether its success shows that objects can be written.
func (c Call) writes() bool {
	if c.Inner {
		return false
	}
	switch c.Name {
	case PutObject, CreateMultipartUpload, UploadPart, CompleteMultipartUpload:
		return true
	}
	return false
}

// stores tells whether its success is progress of an object.
func (c Call) stores() bool { return c.writes() && !c.Aside && c.Name != CreateMultipartUpload }

// shows tells whether it changes what others see of the target, so that a process
// which was replaced must not begin it. A part does no harm if it comes late: it is
// the same. A probe removes its own objects until its end.
func (c Call) shows() bool {
	switch c.Name {
	case PutObject, CreateMultipartUpload, CompleteMultipartUpload:
		return !c.Aside
	}
	return false
}

// The calls, by S3's names.
const (
	PutObject                  = "PutObject"
	CreateMultipartUpload      = "CreateMultipartUpload"
	UploadPart                 = "UploadPart"
	CompleteMultipartUpload    = "CompleteMultipartUpload"
	AbortMultipartUpload       = "AbortMultipartUpload"
	ListParts                  = "ListParts"
	ListMultipartUploads       = "ListMultipartUploads"
	HeadObject                 = "HeadObject"
	GetObject                  = "GetObject"
	DeleteObject               = "DeleteObject"
	ListObjectsV2              = "ListObjectsV2"
	GetObjectLockConfiguration = "GetObjectLockConfiguration"
)

// Attempt is what Options.Called is told of every attempt.
type Attempt struct {
	Name    string // as S3 calls it
	Payload int64  // bytes that were to be sent or read
	Took    time.Duration
	Err     error
}

// ErrStopped ends what has not begun when the run is stopped.
var ErrStopped = errors.New("stopped before this call")

// maxBackoff bounds one pause between attempts.
const maxBackoff = 20 * time.Second

// OfObject tells an error that ends one object, and is its outcome: no fault of our own.
func OfObject(err error) bool {
	return target.IsClass(err, target.FatalObject) && !target.HasCode(err, target.CodeInternal)
}

const Slowest = 64 << 10 // bytes a second that a call with payload must make

// CompleteTime, as a call's payload, gives Complete ten minutes more: stores join parts meanwhile.
const CompleteTime = 600 * Slowest

// Once makes one attempt. Cancelling the run's context begins no call and breaks none that has
// begun: its own time ends it, or that of whoever has ended the command (endWith).
func (c *Caller) Once(ctx context.Context, what Call, f func(context.Context) error) error {
	release, err := c.turn(ctx, what)
	if err != nil {
		return err
	}
	timed, cancel := withClock(context.WithoutCancel(ctx), c.timeout, time.Duration(what.Payload/Slowest)*time.Second, c.Idle)
	defer cancel()
	cut, joined := c.cutOf(what)
	defer joined()
	defer context.AfterFunc(cut, func() { ClockOf(timed).cancel(context.Cause(cut)) })()
	heard := c.silence.listen(what)
	defer heard.over()
	ClockOf(timed).heard = heard
	began := time.Now()
	err = f(timed)
	if why := context.Cause(timed); err != nil && why != nil && !OfObject(err) {
		err = target.Unknown(target.NewError(target.CodeConnectionLost, "", why.Error(), why)) // what the transport says of it is that a context was canceled
	}
	ended := time.Now()
	release(err, sampleOf(what, began, ended))
	c.Told(ctx, what, Attempt{what.Name, what.Payload, ended.Sub(began), err})
	return err
}

// turn waits until a call may begin now: the gate may have shut while it waited for its
// place, or looked who has the run.
func (c *Caller) turn(ctx context.Context, what Call) (release func(error, sample), err error) {
	for {
		if release, err = c.enter(ctx, what); err != nil {
			return nil, err
		}
		if what.shows() {
			if err = c.ours(); err == nil {
				err = c.Look(ctx)
			}
			if err != nil {
				release(nil, sample{})
				return nil, NeverSent(err)
			}
		}
		if what.Free || c.Stopped() || !c.Gate.holds(ctx) {
			return release, nil
		}
		release(ErrStopped, sample{})
	}
}

// NeverSent is an error in front of a call: whatever became of a look, the call itself
// has had no effect.
func NeverSent(err error) error {
	if e := (*target.Error)(nil); errors.As(err, &e) && e.Unknown {
		sure := *e
		sure.Unknown = false
		return &sure
	}
	return err
}

// enter waits until a call may begin.
func (c *Caller) enter(ctx context.Context, what Call) (release func(error, sample), err error) {
	switch {
	case ctx.Err() != nil, c.cut.Err() != nil:
		return nil, ErrStopped
	case what.Free:
		if !c.Gate.within(ctx, c.stop) {
			return nil, ErrStopped
		}
		return func(error, sample) {}, nil
	case c.Gate.Pass(ctx, c.stop) != nil:
		return nil, ErrStopped
	}
	leave := func() {}
	if what.Paced {
		if leave, err = c.Pacer.enter(ctx); err != nil {
			return nil, err
		}
	}
	place, err := c.limits.acquire(ctx, what)
	if err != nil {
		leave()
		return nil, ErrStopped
	}
	return func(err error, s sample) { place(err, s); leave() }, nil
}

// Told learns from a call's end.
func (c *Caller) Told(ctx context.Context, what Call, done Attempt) {
	switch {
	case done.Err == nil:
		c.answered.Store(true)
		if !what.Free {
			c.budget.earn()
		}
		if scout := ScoutOf(ctx); scout != 0 && c.Gate.mended(scout, what) {
			c.budget.fill()
		}
		if what.stores() {
			c.Gate.Move()
		}
	case target.HasCode(done.Err, target.CodeThrottled):
		c.throttled.Add(1)
	}
	if c.called != nil {
		c.called(done)
	}
}

// Again waits before the next attempt and tells whether there is one. A target
// that cannot be reached is worth the same patience as one that is busy.
func (c *Caller) Again(attempt int, err error) bool {
	if late := (*TimeOut)(nil); c.impatient && errors.As(err, &late) {
		return false
	}
	if attempt >= c.Retries || !target.IsClass(err, target.Retryable) && !target.HasCode(err, target.CodeTargetAbsent) || !c.budget.spend() {
		return false
	}
	c.retried.Add(1)
	return c.Rest(attempt)
}

// Rest waits before the next attempt; false ends the run.
func (c *Caller) Rest(attempt int) bool {
	wait := min(maxBackoff, c.backoff<<min(attempt, 10))
	if wait > 0 {
		wait = wait/2 + rand.N(wait/2+1)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.stop:
		return false
	}
}

func (c *Caller) Stopped() bool {
	select {
	case <-c.stop:
		return true
	default:
		return false
	}
}

// LooksForGone is how often an upload is asked for that the store calls unknown: it does not
// come back, and each of many would cost all attempts and the run's budget of them.
const LooksForGone = 2

// Idempotent makes a call that may be repeated whatever its outcome was: reads,
// parts, aborts.
func (c *Caller) Idempotent(ctx context.Context, what Call, f func(context.Context) error) error {
	for attempt := 0; ; attempt++ {
		err := c.Once(ctx, what, f)
		if err == nil || attempt+1 >= LooksForGone && target.HasCode(err, target.CodeUploadGone) || !c.Again(attempt, err) {
			c.silence.ended(err)
			return err
		}
	}
}

// budget bounds retries over the whole run: a full purse, and a tenth of a retry
// for each call that succeeds. A target that fails more often than that is not
// helped by asking more often.
type budget struct {
	mu    sync.Mutex
	left  float64
	whole float64
}

func newBudget(whole int) *budget { return &budget{left: float64(whole), whole: float64(whole)} }

func (b *budget) spend() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

func (b *budget) earn() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left = min(b.whole, b.left+0.1)
}

func (b *budget) fill() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left = b.whole
}
