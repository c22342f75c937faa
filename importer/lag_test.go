package importer

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/manifest"
)

// behind is a store behind a cache that keeps for a while that a key was not there: HEAD and
// GET ask it for key, and say so for the first looks after the key was written.
type behind struct {
	*fakeTarget
	keys  func(key string) bool
	looks int // that lag, for each key; negative: all
	seen  map[string]int
	gets  bool // GET lags, too
}

func newBehind(f *fakeTarget, looks int, keys func(string) bool) *behind {
	return &behind{fakeTarget: f, keys: keys, looks: looks, seen: map[string]int{}}
}

func (b *behind) hides(key string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.objects[key]; !ok || !b.keys(key) {
		return false
	}
	b.seen[key]++
	return b.looks < 0 || b.seen[key] <= b.looks
}

func (b *behind) Head(ctx context.Context, key string) (target.Object, error) {
	if b.hides(key) {
		return target.Object{}, target.NotFound(key)
	}
	return b.fakeTarget.Head(ctx, key)
}

func (b *behind) Get(ctx context.Context, key, version string) (io.ReadCloser, error) {
	if b.gets && b.hides(key) {
		return nil, target.NotFound(key)
	}
	return b.fakeTarget.Get(ctx, key, version)
}

// waiting is a clock on which pauses pass at once, and are counted.
type waiting struct{ total time.Duration }

func (w *waiting) after(d time.Duration) <-chan time.Time {
	w.total += d
	c := make(chan time.Time, 1)
	c <- time.Time{}
	return c
}

func lagOptions(t *testing.T) (Options, *waiting) {
	o, w := testOptions(t, memDisk()), &waiting{}
	o.Backoff, o.After, o.Concurrency, o.PartConcurrency = time.Second, w.after, 1, 1 // HEAD finds nothing: no retry, no real pause
	return o, w
}

func named(keys ...string) func(string) bool {
	return func(key string) bool { return strings.HasSuffix(key, keys[0]) && !strings.Contains(key, probe.Prefix) }
}

func (f *fakeTarget) theirs(key, text string) {
	f.objects[key] = fakeObject{data: []byte(text), sha256: target.Encode64(sum([]byte(text))), kind: "FULL_OBJECT", key: key}
}

// TestLag: a key that is refused because it exists, and that no look finds, is waited for. Once
// it shows it is judged as any other; else it is named, and neither overwritten nor proven.
func TestLag(t *testing.T) {
	for name, test := range map[string]struct {
		there   string // under in/a before; "" nothing
		looks   int
		outcome entry.Outcome
		code    target.Code
	}{
		"the same, shown late":    {"hello", 4, entry.OutcomeAlreadyThere, ""},
		"another, shown late":     {"other", 4, entry.OutcomeConflict, target.CodeConflict},
		"the same, never shown":   {"hello", -1, entry.OutcomeConflict, target.CodeNotShown},
		"another, never shown":    {"other", -1, entry.OutcomeConflict, target.CodeNotShown},
		"our own, shown late":     {"", 4, entry.OutcomeStored, ""},
		"our own, never shown":    {"", -1, entry.OutcomeConflict, target.CodeNotShown},
		"held, shown late":        {"hello", 4, entry.OutcomeAlreadyThere, ""},
		"held, never shown":       {"other", -1, entry.OutcomeConflict, target.CodeNotShown},
		"by parts, shown late":    {"big", 4, entry.OutcomeAlreadyThere, ""},
		"by parts, never shown":   {"parts", -1, entry.OutcomeConflict, target.CodeNotShown},
		"our own parts are shown": {"", 4, entry.OutcomeStored, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, f := newSource(), newFake(t)
			content := []byte("hello")
			if strings.Contains(name, "parts") {
				content = pattern(1, 17<<20)
			}
			s.file("a", content)
			f.silent = true // each write needs a look
			switch test.there {
			case "":
			case "big":
				f.theirs("in/a", string(content))
			default:
				f.theirs("in/a", test.there)
			}
			there := f.objects["in/a"]
			o, w := lagOptions(t)
			var told *target.Error
			o.Problem = func(e *target.Error) { told = e }
			if strings.HasPrefix(name, "held") {
				o.DeferComplete = 10
			}
			res, err := Run(t.Context(), s, newBehind(f, test.looks, named("in/a")), o)
			if o.DeferComplete > 0 && test.code != "" && err == nil {
				t.Log("held")
			}
			if err != nil || res.Tally.Outcomes[test.outcome] != 1 || res.Complete != (test.code == "") {
				t.Fatalf("%v, %+v", err, res)
			}
			if test.code != "" && (told == nil || told.Code != test.code) {
				t.Errorf("told %v", told)
			}
			if test.code == target.CodeNotShown && (!strings.Contains(told.Cause, "412 and 404 for the same key") || !strings.Contains(told.Remedy, "cache")) {
				t.Errorf("told %v: %s", told, told.Remedy)
			}
			if now := f.objects["in/a"]; test.there != "" && string(now.data) != string(there.data) {
				t.Error("it was overwritten")
			}
			if w.total == 0 || w.total > request.LagTime*o.Backoff {
				t.Errorf("waited %v", w.total)
			}
			if n := f.byCall["complete"] + f.byCall["put"]; n > 12 {
				t.Errorf("%d writes", n)
			}
			if len(f.uploads) != 0 {
				t.Errorf("%d uploads are left", len(f.uploads))
			}
		})
	}
}

// TestLagBounded: a target that shows no key costs a start a bounded time, not each object.
func TestLagBounded(t *testing.T) {
	s, f := newSource(), newFake(t)
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} {
		s.file(name, []byte(name))
		f.theirs("in/"+name, name)
	}
	o, w := lagOptions(t)
	res := mustRun(t, s, newBehind(f, -1, func(key string) bool { return ours(key) && !strings.Contains(key, probe.Prefix) }), o)
	if res.Tally.Outcomes[entry.OutcomeConflict] != 10 || w.total > (request.LagTotal+request.LagTime)*o.Backoff || w.total < request.LagTotal*o.Backoff {
		t.Errorf("%+v after %v", res.Tally, w.total)
	}
}

// TestLagStopped: the wait for a key ends with the run's context, and the entry has no outcome.
func TestLagStopped(t *testing.T) {
	s, f := newSource(), newFake(t)
	s.file("a", []byte("hello"))
	f.theirs("in/a", "hello")
	o, _ := lagOptions(t)
	ctx, cancel := context.WithCancel(t.Context())
	o.After = func(time.Duration) <-chan time.Time { cancel(); return nil }
	res, err := Run(ctx, s, newBehind(f, -1, named("in/a")), o)
	if !errors.Is(err, context.Canceled) || res.Unfinished != 1 || len(res.Tally.Outcomes) != 0 && res.Tally.Bad() != 0 {
		t.Errorf("%v, %+v", err, res)
	}
}

// TestLagProbe: the probe, the marker and the journal in the target wait likewise, and leave
// nothing behind that a look does not show.
func TestLagProbe(t *testing.T) {
	for name, keys := range map[string]func(string) bool{
		"probe":   func(key string) bool { return strings.Contains(key, probe.Prefix) },
		"marker":  func(key string) bool { return strings.HasSuffix(key, "/"+markerName) },
		"journal": func(key string) bool { return strings.Contains(key, JournalPrefix) },
	} {
		for _, looks := range []int{3, -1} {
			s, f := newSource(), newFake(t)
			s.file("a", []byte("hello"))
			s.file("b?c", []byte("odd"))
			o, w := lagOptions(t)
			o.JournalInTarget = name == "journal"
			b := newBehind(f, looks, keys)
			b.gets = name != "probe"
			res, err := Run(t.Context(), s, b, o)
			switch {
			case looks > 0 || name == "marker":
				if err != nil || !res.Complete {
					t.Errorf("%s, %d looks: %v, %+v", name, looks, err, res)
				}
				f.check(t, s, "in/")
			case err == nil || !strings.Contains(err.Error(), "cache"):
				t.Errorf("%s never shows: %v", name, err)
			}
			for key := range f.objects {
				if strings.Contains(key, probe.Prefix) || strings.HasSuffix(key, "/"+markerName) {
					t.Errorf("%s, %d looks: %s is left", name, looks, key)
				}
			}
			if w.total == 0 && name != "marker" {
				t.Errorf("%s, %d looks: nothing was waited for", name, looks)
			}
		}
	}
}

// TestLagFolder: in a store of folders a key that others begin with, and a folder where an object
// is, are named as what they are, at once.
func TestLagFolder(t *testing.T) {
	for _, dir := range []bool{false, true} {
		s, f := newSource(), newFake(t)
		key := "in/a"
		if dir {
			key = "in/a/"
			s.add(&manifest.Record{Kind: manifest.KindDir, Path: "a", Mode: 0o755})
			f.theirs("in/a", "an object")
		} else {
			s.file("a", []byte("hello"))
			f.theirs("in/a/b", "below")
		}
		f.theirs(key, "the folder")
		o, w := lagOptions(t)
		o.Profile = "versitygw"
		var told *target.Error
		o.Problem = func(e *target.Error) { told = e }
		res := mustRun(t, s, newBehind(f, -1, named(key)), o)
		if res.Tally.Outcomes[entry.OutcomeConflict] != 1 || told.Code != target.CodeConflict || !strings.Contains(told.Cause, "folder") || w.total > 0 {
			t.Errorf("%s: %+v, %v, after %v", key, res.Tally, told, w.total)
		}
	}
}
