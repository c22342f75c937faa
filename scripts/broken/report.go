package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// slowest is how many of those that took longest are named in the end.
const slowest = 10

// A report tells how a run comes on and, in the end, what it found.
type report struct {
	out   io.Writer
	began time.Time
	left  int // to be tried

	mu     sync.Mutex
	now    int // tried by this start
	trials []trial
}

// takeNoticed takes what an earlier start noticed in the same tree, and gives the rest.
func (r *report) takeNoticed(breaks []*brk, log map[string]trial, tree string) (left []*brk) {
	for _, b := range breaks {
		if t, ok := log[key(tree, b)]; ok {
			t.b, t.before = b, true
			r.trials = append(r.trials, t)
			continue
		}
		left = append(left, b)
	}
	if n := len(r.trials); n > 0 {
		fmt.Fprintf(r.out, "%d of %d were noticed by an earlier start in this tree; -again tries them, too\n", n, len(breaks))
	}
	return left
}

// tell writes the line of one break. The time that is left follows from those that this
// start has tried: they are mixed, so their mean is that of the others.
func (r *report) tell(t trial) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trials = append(r.trials, t)
	r.now++
	rest := time.Since(r.began) / time.Duration(r.now) * time.Duration(r.left-r.now)
	fmt.Fprintf(r.out, "%3d/%d %-28s %5s  %s", r.now, r.left, t.b.name, t.took.Round(time.Second), t)
	if r.now < r.left {
		fmt.Fprintf(r.out, " (about %s left)", rest.Round(time.Second))
	}
	fmt.Fprintln(r.out)
}

// end tells what was found, and whether each was noticed.
func (r *report) end() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, names := 0, map[string][]string{}
	for _, t := range r.trials {
		names[t.verdict()] = append(names[t.verdict()], t.b.name)
		if t.before {
			before++
		}
	}
	fmt.Fprintln(r.out)
	for _, verdict := range []string{"noticed", "survived", "did not build", "red without it", "could not be tried"} {
		fmt.Fprintf(r.out, "%-19s %3d", verdict, len(names[verdict]))
		switch {
		case verdict != "noticed" && len(names[verdict]) > 0:
			slices.Sort(names[verdict])
			fmt.Fprintf(r.out, "  %s", strings.Join(names[verdict], " "))
		case verdict == "noticed" && before > 0:
			fmt.Fprintf(r.out, "  (%d by an earlier start)", before)
		}
		fmt.Fprintln(r.out)
	}
	if n := r.left - r.now; n > 0 {
		fmt.Fprintf(r.out, "%-19s %3d\n", "not tried", n)
	}
	fmt.Fprintf(r.out, "%-19s %3.0f\n", "seconds", time.Since(r.began).Seconds())
	slices.SortStableFunc(r.trials, func(a, b trial) int { return cmp.Compare(b.took, a.took) })
	for i, t := range r.trials[:min(slowest, len(r.trials))] {
		fmt.Fprintf(r.out, "%-19s %3.0f  %s: %s\n", map[bool]string{true: "slowest, seconds"}[i == 0], t.took.Seconds(), t.b.name, t.by)
	}
	return r.now == r.left && len(names["noticed"]) == len(r.trials)
}
