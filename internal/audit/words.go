package audit

import (
	"errors"
	"fmt"
)

// How many of the objects that were to be compared have been, for programs.
const (
	comparedNone   = "none"
	comparedPartly = "partly" // no answer about some, or no end
	comparedSample = "sample"
	comparedAll    = "all"
)

// compared tells how much of the store, or of its listing, was held against the receipts.
// A comparison that broke off has compared what it counted and no more.
func (r *Report) compared() string {
	var seen, silent uint64
	if s := r.Store; s != nil {
		seen, silent = s.Same+s.Missing+s.Different, s.NotCompared
	}
	if l := r.Listing; l != nil {
		seen, silent = seen+l.Same+l.Missing+l.Different, silent+l.NotCompared
	}
	switch {
	case seen == 0:
		return comparedNone
	case silent > 0 || r.broken:
		return comparedPartly
	case r.Sample != nil:
		return comparedSample
	}
	return comparedAll
}

// Conclude says what all of it comes to, for people and for programs, and returns it as an
// error: err, where the comparison did not come to its end, or what End says.
func (r *Report) Conclude(err error) error {
	r.Compared, r.Words = r.compared(), r.words()
	if err != nil {
		return err
	}
	return r.End()
}

// words is the verdict for people. Nothing is called clean that was not looked at.
func (r *Report) words() string {
	receipts := "receipts not checked"
	if r.Verdict != nil {
		receipts = fmt.Sprintf("receipts %v", *r.Verdict)
	}
	compared, err := r.compared(), r.End()
	switch {
	case r.Refused():
		return fmt.Sprintf("%v, objects not compared", *r.Verdict)
	case errors.Is(err, ErrObjects) || compared == comparedPartly && errors.Is(err, ErrTarget):
		return "not everything is in the target or proven"
	case errors.Is(err, ErrOtherTarget):
		return receipts + ", for another target than the job's"
	case compared == comparedNone && r.empty():
		return receipts + ", no objects to compare"
	case compared == comparedNone:
		return receipts + ", objects not compared"
	case compared == comparedPartly:
		return receipts + ", objects compared in part only"
	case errors.Is(err, ErrExtras):
		return "everything is in the target, and more than the receipts name"
	case r.Verdict == nil:
		return receipts
	}
	return fmt.Sprint(*r.Verdict)
}

// empty tells receipts that name no object, with a comparison that came to its end.
func (r *Report) empty() bool {
	return r.By != "" && !r.broken && (r.Store == nil || r.Store.Objects == 0) && (r.Listing == nil || r.Listing.Objects == 0) &&
		(r.Store != nil || r.Listing != nil)
}
