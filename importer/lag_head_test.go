package importer

import (
	"context"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/target"
)

// headLagging is a target whose HEAD shows so many times, after each write, what was there
// before it; of the keys that behind tells.
type headLagging struct {
	*fakeTarget
	times  int
	behind func(key string) bool
	left   map[string]int
}

func (l *headLagging) Put(ctx context.Context, in target.PutRequest) (target.Stored, error) {
	_, before := l.objects[in.Key]
	_, err := l.fakeTarget.Put(ctx, in)
	if err == nil && !before && l.behind(in.Key) {
		l.left[in.Key] = l.times
	}
	return target.Stored{}, err // so that it must be looked at
}

func (l *headLagging) Head(ctx context.Context, key string) (target.Object, error) {
	l.mu.Lock()
	left := l.left[key]
	if left > 0 {
		l.left[key]--
	}
	l.mu.Unlock()
	if left > 0 {
		return target.Object{}, target.NotFound(key)
	}
	return l.fakeTarget.Head(ctx, key)
}

// lagSource has a key that is odd, so that the probe looks for its own name.
func lagSource() *fakeSource {
	s := newSource()
	s.file("a", []byte("hello"))
	s.file(`odd\name Q`, []byte("odd"))
	return s
}

func lags(t *testing.T, times int, behind func(string) bool) (*headLagging, Options) {
	o := testOptions(t, memDisk())
	o.Concurrency = 1
	return &headLagging{fakeTarget: newFake(t), times: times, behind: behind, left: map[string]int{}}, o
}

// TestHeadLagsBehind: a HEAD that does not show yet what was written ends neither the
// probe, nor an object, nor the next start; it does not make an odd name a refused one.
func TestHeadLagsBehind(t *testing.T) {
	for name, behind := range map[string]func(string) bool{
		"of the probe":   func(key string) bool { return strings.Contains(key, probe.Prefix) },
		"of the objects": func(key string) bool { return !strings.Contains(key, "/.sledge-") },
	} {
		target, o := lags(t, 3, behind)
		if res := mustRun(t, lagSource(), target, o); res.ExitClass() != ExitComplete {
			t.Errorf("%s: %v, %+v", name, res.ExitClass(), res.Tally)
		}
	}
	target, o := lags(t, 3, func(string) bool { return false })
	mustRun(t, lagSource(), target, o)
	target.left["in/a"] = 3 // a cache has forgotten it
	if res := mustRun(t, lagSource(), target, o); res.ExitClass() != ExitComplete {
		t.Errorf("another start: %v, %v", res.ExitClass(), res.Halt)
	}
}

// TestHeadNeverCatchesUp: the object is named, by what the target says of it.
func TestHeadNeverCatchesUp(t *testing.T) {
	to, o := lags(t, 1<<30, func(key string) bool { return key == "in/a" })
	told := ""
	o.Problem = func(e *target.Error) { told += e.Error() + "\n" }
	res := mustRun(t, lagSource(), to, o)
	if res.ExitClass() != ExitIncomplete || res.Tally.Bad() != 1 || !strings.Contains(told, "412 and 404") {
		t.Errorf("%v: %s", res.ExitClass(), told)
	}
}

// TestMarkerOfLaggingHead: the marker of a complete run is removed though HEAD does not
// show it.
func TestMarkerOfLaggingHead(t *testing.T) {
	target, o := lags(t, 3, func(key string) bool { return strings.Contains(key, JournalPrefix) })
	mustRun(t, lagSource(), target, o)
	for key := range target.objects {
		if strings.Contains(key, JournalPrefix) {
			t.Errorf("%q is left", key)
		}
	}
}
