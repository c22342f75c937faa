package simulator

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Options say which lives are lived.
type Options struct {
	Seed   uint64 // of the first life; the next has the next
	Lives  int
	Faults []Trouble // what may go wrong; nil is all
	Only   []int     // of each life, the events that happen; nil is all
	Each   func(*Result)
}

// Summary is what many lives came to.
type Summary struct {
	Seed     uint64          `json:"seed"`
	Lives    int             `json:"lives"`
	Events   int             `json:"events"` // that took effect
	Entries  int             `json:"entries"`
	Met      map[Trouble]int `json:"met"`
	Wire     map[Fault]int   `json:"wire"`
	Findings []Finding       `json:"findings"`
	Took     time.Duration   `json:"took"`
}

// Finding is a life in which an invariant did not hold.
type Finding struct {
	Seed   uint64   `json:"seed"`
	Text   string   `json:"text"`
	Replay string   `json:"replay"` // the shortest command that shows it
	Plan   Plan     `json:"plan"`   // the same, to be kept in testdata
	Events []string `json:"events"`
	Log    []string `json:"log"`
}

// maxFindings ends a run: more would say nothing new.
const maxFindings = 10

// Run lives lives one after another. A finding is shrunk: troubles that it does not
// need are left out of its replay. It ends early when ctx does.
func Run(ctx context.Context, o Options) *Summary {
	s := &Summary{Seed: o.Seed, Met: map[Trouble]int{}, Wire: map[Fault]int{}}
	begun := time.Now()
	for i := range o.Lives {
		p := NewPlan(o.Seed+uint64(i), o.Faults)
		p.Only = o.Only
		res := Live(ctx, p)
		if ctx.Err() != nil {
			break
		}
		s.count(res)
		if res.Finding != nil {
			s.Findings = append(s.Findings, describe(Shrink(ctx, res)))
		}
		if o.Each != nil {
			o.Each(res)
		}
		if len(s.Findings) == maxFindings {
			break
		}
	}
	s.Took = time.Since(begun)
	return s
}

func (s *Summary) count(r *Result) {
	s.Lives++
	s.Entries += r.Entries
	for what, n := range r.Met {
		s.Met[what] += n
		if slices.Contains(Troubles(), what) { // else it is an aspect of one
			s.Events += n
		}
	}
	for fault, n := range r.Wire {
		s.Wire[fault] += n
		s.Events += n
	}
}

func describe(r *Result) Finding {
	f := Finding{Seed: r.Plan.Seed, Text: r.Finding.Error(), Replay: r.Plan.Command(), Plan: r.Plan.Alone(), Log: r.Log}
	for _, i := range r.Plan.indices() {
		f.Events = append(f.Events, string(r.Plan.Events[i].What))
	}
	return f
}

// Shrink leaves out one event after another, as long as something is still found.
// It gives the last life with a finding.
func Shrink(ctx context.Context, r *Result) *Result {
	for again := true; again; {
		again = false
		for _, i := range r.Plan.indices() {
			p := r.Plan
			p.Only = slices.DeleteFunc(slices.Clone(r.Plan.indices()), func(n int) bool { return n == i })
			if p.Only == nil {
				p.Only = []int{}
			}
			if smaller := Live(ctx, p); smaller.Finding != nil && ctx.Err() == nil {
				r, again = smaller, true
				break
			}
		}
	}
	return r
}

// Print writes the summary as a table; the last line has the figures.
func (s *Summary) Print(w io.Writer, commit string) {
	for _, t := range Troubles() {
		fmt.Fprintf(w, "  %-20s %-7s %6d\n", t, t.phase(), s.Met[t])
	}
	for _, t := range slices.Sorted(maps.Keys(s.Met)) {
		if !slices.Contains(Troubles(), t) {
			fmt.Fprintf(w, "  %-28s %6d\n", "of these: "+string(t), s.Met[t])
		}
	}
	for _, f := range WireFaults() {
		fmt.Fprintf(w, "  %-28s %6d\n", "wire: "+string(f), s.Wire[f])
	}
	for _, f := range s.Findings {
		fmt.Fprintf(w, "\nFINDING  seed %d, %v\n  %s\n  replay: %s\n", f.Seed, f.Events, printable(f.Text), f.Replay)
		for _, line := range f.Log {
			fmt.Fprintf(w, "    %s\n", printable(line))
		}
	}
	rate := float64(s.Lives) / max(s.Took.Hours(), 1e-9)
	fmt.Fprintf(w, "seed %d, commit %s: %d lives in %s (%.0f an hour), %d entries, %d faults, %d findings\n", s.Seed, commit, s.Lives, s.Took.Round(time.Second), rate, s.Entries, s.Events, len(s.Findings))
}

// printable takes out what a terminal would obey: the lives have hostile names.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}
