package importer

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
)

// halfConditional is a store that honours If-None-Match on one kind of write alone.
type halfConditional struct {
	*fakeTarget
	put, complete bool

	mu   sync.Mutex
	bare []string // keys of objects that were written without a condition
}

func (h *halfConditional) saw(key string, ifAbsent bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !ifAbsent && ours(key) && !strings.Contains(key, JournalPrefix) {
		h.bare = append(h.bare, key)
	}
}

func (h *halfConditional) Put(ctx context.Context, in target.PutRequest) (target.Stored, error) {
	h.saw(in.Key, in.IfAbsent)
	in.IfAbsent = in.IfAbsent && h.put
	return h.fakeTarget.Put(ctx, in)
}

func (h *halfConditional) CompleteUpload(ctx context.Context, in target.CompleteRequest) (target.Stored, error) {
	h.saw(in.Key, in.IfAbsent)
	in.IfAbsent = in.IfAbsent && h.complete
	return h.fakeTarget.CompleteUpload(ctx, in)
}

// TestConditionsByKind: a store without one kind of condition keeps the other one. The
// write that has none is made after a look.
func TestConditionsByKind(t *testing.T) {
	for name, test := range map[string]struct {
		put, complete bool
		bare          string
		deferred      int
	}{
		"PUT alone":             {put: true, bare: "in/big"},
		"Complete alone":        {complete: true, bare: "in/a in/b.empty in/dir/ in/dir/c in/dir/d in/dir/e in/dir/f"},
		"PUT alone, held":       {put: true, bare: "in/a in/big in/dir/c in/dir/d in/dir/e in/dir/f", deferred: 100},
		"Complete alone, held":  {complete: true, bare: "in/b.empty in/dir/", deferred: 100},
		"neither":               {bare: "in/a in/b.empty in/big in/dir/ in/dir/c in/dir/d in/dir/e in/dir/f"},
		"both, and not allowed": {put: true, complete: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := mixed()
			h := &halfConditional{fakeTarget: newFake(t), put: test.put, complete: test.complete}
			o := testOptions(t, memDisk())
			o.Concurrency, o.Lanes, o.DeferComplete = 1, 1, test.deferred
			o.AllowUnconditional = test.bare != ""
			if theirs := strings.Fields(test.bare + " in/a")[0]; test.deferred == 0 {
				h.objects[theirs] = fakeObject{data: []byte("theirs"), sha256: target.Encode64(sum([]byte("theirs"))), kind: "FULL_OBJECT"}
				res := mustRun(t, s, h, o)
				if res.Tally.Outcomes[entry.OutcomeConflict] != 1 || string(h.objects[theirs].data) != "theirs" {
					t.Errorf("%+v", res.Tally)
				}
			}
			h.bare = nil
			s, h.fakeTarget, o.StateDir = mixed(), newFake(t), memDisk()
			if res := mustRun(t, s, h, o); !res.Complete {
				t.Fatalf("%+v", res)
			}
			if got := strings.Join(h.bare, " "); got != test.bare {
				t.Errorf("without a condition: %s", got)
			}
			h.check(t, s, "in/")
		})
	}
}

// TestConditionsHeld: where Complete has no condition, what was held is completed after a look,
// so that an object of others that has come meanwhile stays. What PUT still writes has its
// condition.
func TestConditionsHeld(t *testing.T) {
	s := newSource()
	s.file("a", []byte("hello"))
	s.file("b.empty", nil)
	s.file("c", []byte("content"))
	h := &halfConditional{fakeTarget: newFake(t), put: true}
	o := testOptions(t, memDisk())
	o.Concurrency, o.Lanes, o.DeferComplete, o.AllowUnconditional = 1, 1, 10, true
	h.hook = func(_ int, call, key string) (bool, error) {
		if call == "complete" && key == "in/a" { // the publish pass has begun
			h.theirs("in/b.empty", "theirs")
			h.theirs("in/c", "theirs")
		}
		return true, nil
	}
	res, err := Run(t.Context(), s, h, o)
	if err != nil || res.Tally.Outcomes[entry.OutcomeStored] != 1 || res.Tally.Outcomes[entry.OutcomeConflict] != 2 {
		t.Fatalf("%v, %+v", err, res)
	}
	for _, key := range []string{"in/b.empty", "in/c"} {
		if string(h.objects[key].data) != "theirs" {
			t.Errorf("%s was overwritten", key)
		}
	}
	if len(h.uploads) > 0 {
		t.Errorf("%d uploads are left", len(h.uploads))
	}
}

// TestConditionsJournal: a journal in the target rests on the condition of PUT alone.
func TestConditionsJournal(t *testing.T) {
	for _, test := range []struct {
		put, complete bool
	}{{true, false}, {false, true}} {
		s := newSource()
		s.file("a", []byte("hello"))
		h := &halfConditional{fakeTarget: newFake(t), put: test.put, complete: test.complete}
		o := testOptions(t, memDisk())
		o.AllowUnconditional, o.JournalInTarget = true, true
		res, err := Run(t.Context(), s, h, o)
		if test.put && (err != nil || !res.Complete) || !test.put && !target.HasCode(err, target.CodeNoConditions) {
			t.Errorf("%+v: %v", test, err)
		}
	}
}
