package importer

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestLagUnconditional: a store without conditions says once, or for ever, of another's object
// that HEAD does not find it. GET finds it: nothing is sent.
func TestLagUnconditional(t *testing.T) {
	for key, content := range map[string][]byte{"in/a": []byte("hello"), "in/big": pattern(1, 2<<20)} {
		for looks, code := range map[int]target.Code{1: target.CodeConflict, 1 << 30: target.CodeNotShown} {
			s, f, disk := newSource(), newFake(t), memDisk()
			s.file(strings.TrimPrefix(key, "in/"), content)
			f.noConditions = true
			f.theirs(key, "another's")
			o := testOptions(t, disk)
			o.AllowUnconditional = true
			said := target.Code("")
			o.Problem = func(e *target.Error) { said = e.Code }
			res := mustRun(t, s, newBehind(f, looks, func(k string) bool { return k == key }), o)
			if string(f.objects[key].data) != "another's" || res.Complete || res.Tally.Outcomes[entry.OutcomeConflict] != 1 || said != code {
				t.Errorf("%s, %d looks: %d bytes, %v, %+v", key, looks, len(f.objects[key].data), said, res.Tally)
			}
		}
	}
}

// deletingBehind is behind, for a cancel.
type deletingBehind struct{ *behind }

func (d deletingBehind) Delete(ctx context.Context, key, version string) error {
	return deleting{d.fakeTarget}.Delete(ctx, key, version)
}

// TestLagCancel: a cancel calls nothing gone that was written within the window, and waits as
// long for what a killed process may have sent at its end. What GET finds is not gone at all.
func TestLagCancel(t *testing.T) {
	for name, c := range map[string]struct {
		known   bool
		looks   int
		gets    bool // GET lags, too
		later   time.Duration
		deleted uint64
		failed  uint64
	}{
		"stored 15 s ago":               {known: true, looks: 6, gets: true, later: 15 * time.Second, deleted: 2},
		"stored 19 s ago":               {known: true, looks: 6, gets: true, later: 19 * time.Second, deleted: 2},
		"stored an hour ago":            {known: true, looks: 1, later: time.Hour, deleted: 2},
		"HEAD never shows it":           {known: true, looks: -1, later: time.Hour, deleted: 1, failed: 1},
		"sent 15 s ago":                 {looks: 6, gets: true, later: 15 * time.Second, deleted: 2},
		"sent an hour ago":              {looks: 1, later: time.Hour, deleted: 2},
		"sent, and HEAD never shows it": {looks: -1, later: 15 * time.Second, deleted: 1, failed: 1},
	} {
		s, f, disk := newSource(), newFake(t), vfs.FS(memDisk())
		s.file("a", []byte("hello"))
		s.file("b", []byte("world"))
		o, now := testOptions(t, disk), time.Now().UTC()
		o.Now = func() time.Time { return now }
		if c.known {
			mustRun(t, s, f, o)
		} else {
			disk = killedAt(t, s, f, 2)
			o.StateDir = stateOf(disk)
		}
		text, err := json.Marshal(status.Status{Version: status.Version, State: request.StateRunning, Run: o.RunID, Updated: now, Unsettled: now})
		if err == nil {
			err = status.Replace(disk, status.Name, text)
		}
		if err != nil {
			t.Fatal(err)
		}
		now = now.Add(c.later)
		b := newBehind(f, c.looks, named("in/b"))
		b.gets = c.gets
		out, err := Cancel(t.Context(), s, deletingBehind{b}, o, true)
		if err != nil || out.Deleted != c.deleted || out.Failed != c.failed || out.Gone != 0 {
			t.Errorf("%s: %v, %+v", name, err, out)
		}
	}
}

// TestLagSettled: a start that ends in order, with nothing sent that it does not know of, leaves
// nothing that a cancel would wait for; one whose object failed after it was sent does, and so
// do the starts after it.
func TestLagSettled(t *testing.T) {
	for _, lost := range []bool{false, true} {
		s, f, disk := manyFiles(40), newFake(t), memDisk()
		o, now := testOptions(t, disk), time.Now().UTC()
		o.Now, o.StatusEvery, o.Retries = func() time.Time { return now }, time.Second, 1
		for start := range 2 {
			ctx, stop := context.WithCancel(t.Context())
			puts := 0
			f.hook = func(_ int, call, key string) (bool, error) {
				if !ours(key) || call != "put" {
					return true, when(target.NewError(target.CodeRefused, key, "no", nil), lost && start == 0 && call == "head" && ours(key))
				}
				if puts++; puts == 5 {
					stop()
				}
				return true, when(lostAnswer, lost && start == 0 && puts == 2)
			}
			if res, err := Run(ctx, s, f, o); err == nil || res.Complete {
				t.Fatalf("%v, %+v", err, res)
			}
			stop()
			text, err := vfs.ReadFile(disk, status.Name, 1<<20)
			var was status.Status
			if err == nil {
				err = json.Unmarshal(text, &was)
			}
			if err != nil || was.State != request.StateStopped || lost == was.Unsettled.IsZero() {
				t.Errorf("start %d, lost %v: %v, %+v", start, lost, err, was)
			}
		}
	}
}

// TestLagUnanswered: a PUT is applied and its answer lost, and no look shows the object. It is
// not said that nothing was written, and the entry is no conflict with another's.
func TestLagUnanswered(t *testing.T) {
	s, f := newSource(), newFake(t)
	s.file("a", []byte("hello"))
	o, w := lagOptions(t)
	var told *target.Error
	o.Problem = func(e *target.Error) { told = e }
	o.Backoff = time.Millisecond
	puts := 0
	f.hook = func(_ int, call, key string) (bool, error) {
		if call == "put" && key == "in/a" {
			if puts++; puts == 1 {
				return true, lostAnswer
			}
		}
		return true, nil
	}
	b := newBehind(f, -1, named("in/a"))
	b.gets = true
	res := mustRun(t, s, b, o)
	if told == nil || told.Code != target.CodeNotShown || !strings.Contains(told.Cause, "whether it was written is not known") || strings.Contains(target.InfoOf(target.CodeNotShown).Meaning, "nothing was written") {
		t.Errorf("told %v", told)
	}
	if res.Tally.Outcomes[entry.OutcomeFailed] != 1 || w.total < request.LagTime*o.Backoff {
		t.Errorf("%+v, waited %v", res.Tally, w.total)
	}
}

// TestLagAfterComplete: the answer to a Complete is lost, the upload is gone, and the object is
// shown late: it is waited for, not sent again.
func TestLagAfterComplete(t *testing.T) {
	s, f := newSource(), newFake(t)
	s.file("a", pattern(1, 17<<20))
	o, w := lagOptions(t)
	o.Backoff = time.Millisecond
	parts, lost := 0, false
	f.hook = func(_ int, call, key string) (bool, error) {
		switch {
		case call == "part" && key == "in/a":
			parts++
		case call == "complete" && key == "in/a" && !lost:
			lost = true
			return true, lostAnswer
		}
		return true, nil
	}
	b := newBehind(f, 4, named("in/a"))
	b.gets = true
	if res := mustRun(t, s, b, o); !res.Complete || res.Tally.Outcomes[entry.OutcomeStored] != 1 || parts > 3 || w.total == 0 {
		t.Errorf("%+v, %d parts, waited %v", res.Tally, parts, w.total)
	}
}

// TestLagUnlisted: where the list is refused, or there is none, an odd name that HEAD shows late is
// none that the store renames.
func TestLagUnlisted(t *testing.T) {
	for _, looks := range []int{3, -1} {
		s, f := newSource(), newFake(t)
		s.file(`odd\name Q`, []byte("odd"))
		o, w := lagOptions(t)
		b := newBehind(f, looks, func(key string) bool { return strings.Contains(key, "/names/") })
		res, err := Run(t.Context(), s, unlisting{b}, o)
		if err != nil || (looks > 0) != res.Complete || (looks > 0) != (len(res.Probe.Renames) == 0) || w.total == 0 {
			t.Errorf("%d looks: %v, renames %q, waited %v", looks, err, res.Probe.Renames, w.total)
		}
	}
}

// unlisting refuses every list.
type unlisting struct{ *behind }

func (unlisting) List(_ context.Context, prefix, _ string) ([]target.Listed, string, error) {
	return nil, "", target.NewError(target.CodeAccessDenied, prefix, "no", nil)
}
