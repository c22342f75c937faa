package appliance

import "testing"

// TestAtWork: the file that is named is being read, whichever of the workers ends first.
func TestAtWork(t *testing.T) {
	var a atWork
	endA, endB := a.begin("a"), a.begin("b")
	if got := a.oldest(); got != "a" {
		t.Errorf("%q", got)
	}
	endA()
	endC := a.begin("c")
	if got := a.oldest(); got != "b" {
		t.Errorf("a is done: %q", got)
	}
	endB()
	endB()
	if got := a.oldest(); got != "c" {
		t.Errorf("b is done: %q", got)
	}
	if endC(); a.oldest() != "" {
		t.Errorf("all are done: %q", a.oldest())
	}
}

// TestProgressNamesNoDoneFile: once everything is loaded no file is told to be at work.
func TestProgressNamesNoDoneFile(t *testing.T) {
	l := newLoads(t)
	l.write("a", "one")
	l.write("b", "two")
	var last Progress
	l.must(LoadOptions{Progress: func(p Progress) { last = p }})
	if last.Entries != 2 || last.File != "" {
		t.Errorf("%d entries are read, and at work is %q", last.Entries, last.File)
	}
}
