package importer

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// writeThere is the kind of write of an object that was there before the run: another's.
const writeThere = "a write before this run"

// lockCompliance is the stricter mode of a lock.
const lockCompliance = "COMPLIANCE"

// lacks names what an object that was there before does not have of what the rules ask for. A
// lock may be stricter, or end later. One of days from the run's start cannot be that of an
// earlier run, or of another device: while it holds, ends tells when it does, instead.
func (a Attributes) lacks(s Shown, now time.Time) (names []string, ends time.Time) {
	names = a.Dropped(s)
	strict := s.LockMode == a.LockMode || s.LockMode == lockCompliance
	if a.LockMode == "" || !strict || !slices.Contains(names, attributeLock) {
		return names, ends
	}
	switch {
	case !s.LockUntil.Before(a.LockUntil.Truncate(time.Second)):
	case a.lockDays && s.LockUntil.After(now):
		ends = s.LockUntil.UTC()
	default:
		return names, ends
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == attributeLock }), ends
}

// untold names what is asked for and what no look at an object tells, or tells in part.
func (a Attributes) untold() (names []string) {
	for _, one := range attributes {
		for _, c := range one.checks {
			if c.kept == nil && c.asked(&a) {
				names = append(names, c.name)
			}
		}
	}
	slices.Sort(names)
	if len(a.Tags) > 0 {
		names = append(names, "the tags' text (only their number is compared)")
	}
	return names
}

// asAsked holds an object that was there before to what the rules ask for. It was not
// written, and is not: without the lock or the encryption it is an error of its entry.
// What else it lacks is said once, and noted in its outcome.
func (r *run) asAsked(a *Action, obj Object, rec *record) error {
	lacked, ends := a.Attributes.lacks(obj.Shown, r.opts.Now())
	var grave []string
	for _, name := range lacked {
		if protecting(name) {
			grave = append(grave, name)
		}
	}
	if len(grave) > 0 {
		return newError(CodeAttributeMissing, a.Path, strings.Join(grave, ", ")+", of an object that was there before: it was left as it is", nil)
	}
	var notes []string
	if unknown := a.Attributes.untold(); len(unknown) > 0 {
		notes = append(notes, "not known: "+strings.Join(unknown, ", "))
	}
	if len(lacked) > 0 {
		notes = append(notes, "not as the rules ask: "+strings.Join(lacked, ", "))
	}
	if !ends.IsZero() {
		lacked = append(lacked, attributeLock)
		notes = append(notes, "its lock ends already at "+ends.Format(time.RFC3339))
	}
	for _, name := range r.kept.lacks(writeThere, lacked) {
		text := fmt.Sprintf("%s, of an object that was there before; further ones are noted in the receipts only", name)
		if name == attributeLock {
			text = fmt.Sprintf("the lock of an object that was there before ends at %s, earlier than the rules ask; further ones are noted in the receipts only", ends.Format(time.RFC3339))
		}
		r.problem(newError(CodeAttributeDropped, a.Path, text, nil))
	}
	for _, note := range notes {
		rec.Detail += "; " + note
	}
	return nil
}

// lacks notes names that one kind of write has not kept, and returns those that are news.
func (k *keptAttributes) lacks(write string, names []string) (news []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.lacked == nil {
		k.seen, k.lacked = map[string]bool{}, map[string]bool{}
	}
	for _, name := range names {
		if !k.lacked[write+name] {
			k.lacked[write+name] = true
			news = append(news, name)
		}
	}
	return news
}
