package request

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sledge-io/sledge/importer/target"
)

// The terms of the objects that an import writes for itself in a bucket with default
// retention. The second is for clocks that are apart by as much as S3 allows.
var briefTerms = [...]time.Duration{time.Minute, 20 * time.Minute}

// briefAttempts is how often the bucket is asked.
const briefAttempts = 3

// Brief gives the small objects of the probe, the marker and the journal a retention that
// ends soon, in a bucket that would keep them for years. The zero value has asked nothing.
type Brief struct {
	now  func() time.Time
	tell func(*target.Error)
	note func(text string)

	mu        sync.Mutex
	asked     bool
	retention target.Retention
	lockless  bool   // the bucket says that it has no object lock
	why       string // the bucket could not be asked
	term      int    // of briefTerms; beyond them the bucket's own is all that it takes
	until     time.Time
	before    bool // an earlier start has left objects that were kept
}

// Ask asks the bucket once, before anything is written. What it does not tell stops nothing:
// the objects are then left to the bucket's default, and what cannot be removed is named.
func (c *Caller) Ask(ctx context.Context, to target.Target) {
	b := c.brief
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.asked || !to.Capabilities().DefaultRetention {
		return
	}
	for attempt := range briefAttempts {
		err := c.Once(ctx, Call{Name: GetObjectLockConfiguration, Free: true}, func(ctx context.Context) (err error) {
			b.retention, err = to.DefaultRetention(ctx)
			return err
		})
		b.why = ""
		switch {
		case err == nil || target.IsNotFound(err):
			b.lockless = !b.retention.Lock
		case target.HasCode(err, target.CodeRefused):
			b.why = "the store has no such call"
		case Forbidden(err):
			b.why = "the credentials may not ask (s3:GetBucketObjectLockConfiguration)"
		default:
			if b.why = target.AsError(err).Cause; target.IsClass(err, target.Retryable) && attempt+1 < briefAttempts && c.Again(attempt, err) {
				continue
			}
			c.silence.ended(err)
			return // the next call meets it, too
		}
		break
	}
	b.asked = true
	if b.why != "" && b.note != nil {
		b.note("whether the bucket keeps each object for a time is not known: " + b.why)
	}
}

// active reports whether own objects get a term. b.mu is held.
func (b *Brief) active() bool { return b.retention.Mode != "" && b.term < len(briefTerms) }

// over gives own attributes their term.
func (b *Brief) over(own target.Attributes) target.Attributes {
	own = b.with(own, b.first())
	b.given(own)
	return own
}

// first is the first term that is not known to be refused; beyond briefTerms none is given.
func (b *Brief) first() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.active() {
		return len(briefTerms)
	}
	return b.term
}

func (b *Brief) with(own target.Attributes, term int) target.Attributes {
	if term >= len(briefTerms) {
		return own
	}
	own.LockMode, own.LockUntil = "GOVERNANCE", b.now().Add(briefTerms[term]+time.Second).UTC().Truncate(time.Second)
	return own
}

// given notes until when an object is kept that was, or may have been, written.
func (b *Brief) given(a target.Attributes) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a.LockUntil.After(b.until) {
		b.until = a.LockUntil
	}
}

// doubt says that a write is tried without a term, which it may have been refused for.
func (b *Brief) doubt(err error) {
	if b.note != nil {
		b.note(fmt.Sprintf("a write with a short retention of ours is refused (%s), and tried without: if that is taken, the bucket keeps the object (%s)", target.AsError(err).Cause, b.retention))
	}
}

// took learns from a write that was taken with a term, or beyond them without, and refused
// with the one before: a refusal alone may be of that write's key.
func (b *Brief) took(term int, refusal error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if refusal == nil || !b.active() || term <= b.term {
		return
	}
	if b.term = term; !b.active() && b.tell != nil {
		b.tell(target.NewError(target.CodeKeptByDefault, "", fmt.Sprintf("the bucket keeps each object (%s) and takes no shorter retention of ours: %s", b.retention, target.AsError(refusal).Cause), refusal))
	}
}

// noLock reports whether the bucket says that it has no object lock.
func (b *Brief) noLock() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lockless
}

// kept reports whether own objects may be removed a while after they were written, and when.
func (b *Brief) kept() (until time.Time, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.until, (b.active() || b.before) && !b.until.IsZero()
}

// Kept reports whether own objects may be removed a while after they were written, and when.
func (c *Caller) Kept() (until time.Time, ok bool) { return c.brief.kept() }

// keptEarlier takes up what an earlier start has left.
func (c *Caller) KeptEarlier(until time.Time) { c.brief.earlier(until) }

// Retention tells what was found of the bucket's default; "" is none.
func (c *Caller) Retention() string { return c.brief.String() }

// noLock reports whether the bucket says that it has no object lock.
func (c *Caller) NoLock() bool { return c.brief.noLock() }

// overOwn gives own attributes their term.
func (c *Caller) OverOwn(own target.Attributes) target.Attributes { return c.brief.over(own) }

// String tells what was found of the bucket's default; "" is none.
func (b *Brief) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var parts []string
	if b.retention.Mode != "" {
		parts = append(parts, "keeps each object by default ("+b.retention.String()+")")
	}
	if b.why != "" {
		parts = append(parts, "default retention not known: "+b.why)
	}
	return strings.Join(parts, ", ")
}

// Briefly makes a write of an own object that is to be removed soon: with each term in turn,
// and in the end without one.
func (c *Caller) Briefly(own target.Attributes, write func(target.Attributes) error) error {
	b, refusal := c.brief, error(nil)
	for term := b.first(); ; term++ {
		a := b.with(own, term)
		err := write(a)
		if err == nil || target.IsUnknown(err) {
			b.given(a)
		}
		switch {
		case err == nil:
			b.took(term, refusal)
			return nil
		case term >= len(briefTerms), own.LockMode != "", target.IsUnknown(err):
			return err
		case Forbidden(err):
			term = len(briefTerms) - 1 // another term changes nothing
		case !OfAttributes(err) && !target.HasCode(err, target.CodeNoObjectLock):
			return err
		}
		if refusal = err; term == len(briefTerms)-1 {
			b.doubt(err)
		}
	}
}

// Outlast waits until own objects may be removed, and reports whether they may. One that the
// bucket keeps for longer than the first term is not waited for.
func (c *Caller) Outlast(ctx context.Context) bool {
	if _, ok := c.brief.kept(); !ok {
		return false
	}
	left, waits := c.KeptFor()
	if note := c.brief.note; note != nil && waits {
		note(fmt.Sprintf("waiting %s until the bucket lets the import's own small objects go", left.Round(time.Second)))
	}
	return left <= 0 || waits && c.sleep(ctx, left)
}

// OfAttributes reports whether a store may mean an attribute by this refusal: many have
// no code of their own for one that they do not know.
func OfAttributes(err error) bool {
	return target.HasCode(err, target.CodeRefused) || target.HasCode(err, target.CodeAttributeRefused)
}

// keptFor is how long own objects are still to be waited for, if that is worth it.
func (c *Caller) KeptFor() (left time.Duration, waits bool) {
	until, ok := c.brief.kept()
	left = until.Sub(c.brief.now()) + time.Second
	return left, ok && left > 0 && left <= briefTerms[0]+2*time.Second
}

// earlier notes until when objects of an earlier start are kept, whatever the bucket says now.
func (b *Brief) earlier(until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.before = true
	if until.After(b.until) {
		b.until = until
	}
}

// Forbidden tells what the operator's rights or the bucket's rules do not allow.
func Forbidden(err error) bool {
	return target.HasCode(err, target.CodeAccessDenied) || target.HasCode(err, target.CodePolicyDenied) || target.HasCode(err, target.CodeObjectLocked)
}
