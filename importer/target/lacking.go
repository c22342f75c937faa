package target

import (
	"slices"
	"time"
)

// lockCompliance is the stricter mode of a lock.
const lockCompliance = "COMPLIANCE"

// Lacks names what an object that was there before does not have of what the rules ask for. A
// lock may be stricter, or end later. One of days from the run's start cannot be that of an
// earlier run, or of another device: while it holds, ends tells when it does, instead.
func (a Attributes) Lacks(s Shown, now time.Time) (names []string, ends time.Time) {
	names = a.Dropped(s)
	strict := s.LockMode == a.LockMode || s.LockMode == lockCompliance
	if a.LockMode == "" || !strict || !slices.Contains(names, AttributeLock) {
		return names, ends
	}
	switch {
	case !s.LockUntil.Before(a.LockUntil.Truncate(time.Second)):
	case a.LockDays && s.LockUntil.After(now):
		ends = s.LockUntil.UTC()
	default:
		return names, ends
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == AttributeLock }), ends
}

// Untold names what is asked for and what no look at an object tells, or tells in part.
func (a Attributes) Untold() (names []string) {
	for _, one := range AttributeTable {
		for _, c := range one.Checks {
			if c.kept == nil && c.Asked(&a) {
				names = append(names, c.Name)
			}
		}
	}
	slices.Sort(names)
	if len(a.Tags) > 0 {
		names = append(names, "the tags' text (only their number is compared)")
	}
	return names
}
