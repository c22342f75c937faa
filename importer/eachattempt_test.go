package importer

import (
	"bytes"
	"context"
	"io"
	"sync"
	"testing"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/audit"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestConditionOfEachAttempt: another writer's object appears between two attempts at
// the same key. The second attempt is on condition that the key does not exist, as the
// first was: the object stays, and is named.
func TestConditionOfEachAttempt(t *testing.T) {
	for _, test := range []struct{ call, key string }{{"put", "in/a"}, {"complete", "in/big"}} {
		t.Run(test.call, func(t *testing.T) {
			s, f := newSource(), newFake(t)
			s.file("a", []byte("hello"))
			s.file("big", pattern(1, 17<<20))
			theirs := []byte("of another writer")
			tries := 0
			f.hook = func(_ int, call, key string) (bool, error) {
				if call != test.call || key != test.key {
					return true, nil
				}
				if tries++; tries > 1 {
					return true, nil
				}
				f.objects[key] = fakeObject{data: theirs, sha256: target.Encode64(sum(theirs)), kind: "FULL_OBJECT"}
				return false, target.NewError(target.CodeThrottled, key, "by a test", nil)
			}
			o := testOptions(t, memDisk())
			o.Retries = 3
			res, err := Run(context.Background(), s, f, o)
			if err != nil || res.Complete || res.Tally.Outcomes[entry.OutcomeConflict] != 1 || tries < 2 {
				t.Errorf("%v, %d attempts, %+v", err, tries, res)
			}
			if !bytes.Equal(f.objects[test.key].data, theirs) {
				t.Error("another writer's object was replaced")
			}
		})
	}
}

// versions is a store in which somebody replaces every object as soon as it was looked
// at: a read that names no version gets his content.
type versions struct {
	*fakeTarget
	mu    sync.Mutex
	asked map[string]string
}

func (v *versions) Head(ctx context.Context, key string) (target.Object, error) {
	obj, err := v.fakeTarget.Head(ctx, key)
	obj.VersionID = "ours"
	return obj, err
}

func (v *versions) Get(ctx context.Context, key, version string) (io.ReadCloser, error) {
	v.mu.Lock()
	v.asked[key] = version
	v.mu.Unlock()
	return v.fakeTarget.Get(ctx, key, version)
}

// TestReadBackOfThatVersion: what is read back is the version that HEAD has told of, in
// an import and in a check of its receipts: another version proves nothing.
func TestReadBackOfThatVersion(t *testing.T) {
	s, disk := newSource(), memDisk()
	s.file("a", []byte("hello"))
	s.file("b", pattern(1, 17<<20))
	v := &versions{fakeTarget: newFake(t), asked: map[string]string{}}
	o := testOptions(t, disk)
	o.ReadBack = true
	mustRun(t, s, v, o)
	check := func(what string) {
		t.Helper()
		for _, key := range []string{"in/a", "in/b"} {
			if got, ok := v.asked[key]; !ok || got != "ours" {
				t.Errorf("%s: of %s version %q was read, want %q", what, key, got, "ours")
			}
		}
		clear(v.asked)
	}
	check("import")
	list, err := disk.Open("receipts/objects.list", vfs.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	size, _ := list.Size()
	rep, err := audit.Objects(context.Background(), io.NewSectionReader(list, 0, size), v, audit.ObjectOptions{By: audit.ByReadBack, Backoff: 1, Difference: func(e *target.Error) { t.Error(e) }})
	if err != nil || rep.Same != 2 {
		t.Fatalf("%v, %+v", err, rep)
	}
	check("verify")
}

// TestPageTally: entries of one page end in many goroutines at once; none is lost from
// the sums that the journal keeps.
func TestPageTally(t *testing.T) {
	s := newSource()
	s.file("a", []byte("hello"))
	p := (&run{}).newPage(1)
	const workers, each = 8, 100_000
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for range each {
				p.begin()
				if err := p.end(context.Background(), s.entries[0], record{Outcome: entry.OutcomeStored}, true); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if n := p.tally.Outcomes[entry.OutcomeStored]; n != workers*each || p.tally.Entries() != n {
		t.Errorf("%d of %d entries are in the tally", n, workers*each)
	}
}
