package importer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// patient are options of a run that waits for its operator.
func patient(t *testing.T, disk vfs.FS) Options {
	o := testOptions(t, disk)
	o.HaltWait = time.Minute
	return o
}

// ours tells a call about an entry, not about the probe.
func ours(key string) bool {
	return !strings.Contains(key, probe.Prefix) && !strings.Contains(key, JournalPrefix)
}

// TestWaits: whatever an operator can mend from outside halts the run, is said
// once, and the run goes on by itself when it is mended.
func TestWaits(t *testing.T) {
	for _, code := range []target.Code{target.CodeTargetAbsent, target.CodeTargetUntrusted, target.CodeCredentialsRefused, target.CodeAccessDenied, target.CodeNoSuchBucket,
		target.CodeWrongRegion, target.CodeClockSkew, target.CodeTargetFull} {
		t.Run(string(code), func(t *testing.T) {
			s, f := mixed(), newFake(t)
			o := patient(t, memDisk())
			o.Retries = 1
			said := map[target.Code]int{}
			o.Problem = func(e *target.Error) { said[e.Code]++ }
			var refused atomic.Int64
			broken := false
			f.hook = func(n int, call, key string) (bool, error) {
				if call == "put" && key == "in/dir/d" && refused.Load() == 0 {
					broken = true
				}
				if broken && refused.Add(1) < 40 {
					return false, target.NewError(code, "", "", nil) // even for the probe's keys
				}
				broken = false
				return true, nil
			}
			res := mustRun(t, s, f, o)
			f.check(t, s, "in/")
			if !res.Complete || said[code] != 1 || refused.Load() < 40 {
				t.Errorf("said %v after %d refusals: %+v", said, refused.Load(), res)
			}
		})
	}
}

// TestWaitsNotForever: a halt that nobody mends ends the run as if it did not wait.
func TestWaitsNotForever(t *testing.T) {
	s, f := mixed(), newFake(t)
	o := patient(t, memDisk())
	o.HaltWait = 20 * time.Millisecond
	f.hook = func(n int, call, key string) (bool, error) {
		if ours(key) {
			return false, target.NewError(target.CodeCredentialsRefused, "", "", nil)
		}
		return true, nil
	}
	res, err := Run(context.Background(), s, f, o)
	if !target.HasCode(err, target.CodeCredentialsRefused) || res.ExitClass() != ExitFixable {
		t.Errorf("%v, %+v", err, res)
	}
}

// TestWaitsForOneKey: where a rule forbids one key, only its object is left.
func TestWaitsForOneKey(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	o := patient(t, disk)
	o.HaltWait = 50 * time.Millisecond
	f.hook = func(n int, call, key string) (bool, error) {
		if key == "in/dir/d" {
			return false, target.NewError(target.CodeAccessDenied, "", "", nil)
		}
		return true, nil
	}
	res, err := Run(context.Background(), s, f, o)
	if !target.HasCode(err, target.CodeAccessDenied) || res.Unfinished != 1 || f.ours() != 7 {
		t.Fatalf("%v, %d objects, %+v", err, len(f.objects), res)
	}
	f.hook = nil
	if res := mustRun(t, s, f, o); !res.Complete || res.Tally.Entries() != 9 {
		t.Errorf("resumed: %+v", res)
	}
	f.check(t, s, "in/")
}

// TestWaitsForRoom: a state folder whose disk is full stops nothing for good.
func TestWaitsForRoom(t *testing.T) {
	s, f := mixed(), newFake(t)
	disk := &filling{FS: memDisk()}
	o := patient(t, disk)
	var full atomic.Int64
	disk.free = func() int64 {
		f.mu.Lock()
		stored := len(f.objects)
		f.mu.Unlock()
		if stored > 3 && full.Add(1) < 20 {
			return 0
		}
		return minFree // so that each record looks
	}
	if res := mustRun(t, s, f, o); !res.Complete || full.Load() < 20 {
		t.Errorf("after %d looks: %+v", full.Load(), res)
	}
	f.check(t, s, "in/")
}

// filling is a disk that says how much of it is free.
type filling struct {
	vfs.FS
	free func() int64
}

func (d *filling) Free() (free, total int64, err error) { return d.free(), 1 << 40, nil }

// TestRetryBudget: a target that fails everything is not asked for ever; once it
// is back, the run has all its patience again.
func TestRetryBudget(t *testing.T) {
	s, f := mixed(), newFake(t)
	o := patient(t, memDisk())
	o.Retries, o.RetryBudget = 100, 25
	var failed atomic.Int64
	f.hook = func(n int, call, key string) (bool, error) {
		if ours(key) && failed.Load() < 200 {
			failed.Add(1)
			return false, target.NewError(target.CodeServerError, "", "", nil)
		}
		return true, nil
	}
	if res := mustRun(t, s, f, o); !res.Complete || res.Retries > 150 {
		t.Errorf("%d retries: %+v", res.Retries, res)
	}
}

// TestWaitRenews: credentials are read anew before each look.
func TestWaitRenews(t *testing.T) {
	s, f := mixed(), newFake(t)
	to, expired := &renewing{fakeTarget: f}, false
	f.hook = func(n int, call, key string) (bool, error) {
		expired = expired || ours(key)
		if expired && to.renewed.Load() < 3 { // whatever the key
			return false, target.NewError(target.CodeCredentialsRefused, "", "expired", nil)
		}
		return true, nil
	}
	var said bytes.Buffer
	o := patient(t, memDisk())
	o.Log = slog.New(slog.NewTextHandler(&said, nil))
	if res := mustRun(t, s, to, o); !res.Complete {
		t.Errorf("%+v", res)
	}
	for _, line := range []string{`level=WARN msg="the run waits for you" code=credentials-refused`, `level=INFO+2 msg="the run goes on"`} {
		if n := strings.Count(said.String(), line); n != 1 {
			t.Errorf("the operator is told %d times: %s\n%s", n, line, &said)
		}
	}
}

// TestWhileWaiting: nobody is sent to start a run again that waits.
func TestWhileWaiting(t *testing.T) {
	for _, info := range target.Codes() {
		e := target.NewError(info.Code, "", "", nil)
		if !waits(e) || e.Code == target.CodeTooManyHeld || e.Code == target.CodeTargetJournal {
			continue // the latter two end each start at once
		}
		text := request.WhileWaiting(e.Remedy)
		if strings.Contains(text, "run the same command again") || !strings.Contains(text, "the run goes on by itself then") {
			t.Errorf("%s: %s", e.Code, text)
		}
		if after := request.AfterWaiting(text); strings.Contains(after, "by itself") || !strings.Contains(after, "then run the same command again") {
			t.Errorf("%s, when nobody waits any more: %s", e.Code, after)
		}
	}
}

type renewing struct {
	*fakeTarget
	renewed atomic.Int64
}

func (r *renewing) Capabilities() target.Capabilities {
	c := r.fakeTarget.Capabilities()
	c.Renew = true
	return c
}

func (r *renewing) Renew(context.Context) error { r.renewed.Add(1); return nil }

// TestControl pauses, goes on and stops from another terminal.
func TestControl(t *testing.T) {
	s := newSource()
	for i := range 40 {
		s.file(fmt.Sprintf("f%02d", i), []byte{byte(i)})
	}
	f, disk := newFake(t), memDisk()
	o := testOptions(t, disk)
	o.StatusEvery, o.Concurrency = 5*time.Millisecond, 1
	ask := func(w status.Want) {
		t.Helper()
		if err := status.WriteControl(disk, "", status.Control{Want: w, At: time.Now()}); err != nil {
			t.Error(err)
		}
	}
	told := func() (st status.Status) {
		b, err := vfs.ReadFile(disk, status.Name, 1<<20)
		if err == nil {
			err = json.Unmarshal(b, &st)
		}
		if err != nil {
			return status.Status{}
		}
		return st
	}
	until := func(want request.State) status.Status {
		t.Helper()
		for range 2000 {
			if st := told(); st.State == want {
				return st
			}
			time.Sleep(time.Millisecond)
		}
		t.Fatalf("never %q", want)
		return status.Status{}
	}
	puts, waiting := 0, make(chan struct{})
	f.hook = func(n int, call, key string) (bool, error) {
		if call == "put" && ours(key) {
			if puts++; puts == 10 || puts == 20 {
				close(waiting)
				waiting = make(chan struct{})
			}
			time.Sleep(2 * time.Millisecond)
		}
		return true, nil
	}
	ended := make(chan *Result)
	go func() {
		res, err := Run(context.Background(), s, f, o)
		if err != nil {
			t.Error(err)
		}
		ended <- res
	}()
	count := func() int { f.mu.Lock(); defer f.mu.Unlock(); return puts }
	until(request.StateRunning)
	ask(status.WantPause)
	until(request.StatePaused)
	time.Sleep(10 * time.Millisecond) // what was under way
	was := count()
	time.Sleep(30 * time.Millisecond)
	if n := count(); n != was || n == 40 {
		t.Errorf("%d puts when paused, %d later", was, n)
	}
	ask(status.WantRun)
	until(request.StateRunning)
	ask(status.WantStop)
	res := <-ended
	if st := until(request.StateStopped); st.Progress.Entries != uint64(res.Tally.Entries()) || st.Run != "run-1" {
		t.Errorf("status %+v", st)
	}
	if !res.Interrupted || res.ExitClass() != ExitInterrupted || res.Tally.Entries() == 40 {
		t.Errorf("%+v", res)
	}
	res = mustRun(t, s, f, o) // the stop was for the start before
	if !res.Complete {
		t.Errorf("%+v", res)
	}
	f.check(t, s, "in/")
	history, err := vfs.ReadFile(disk, status.HistoryName, 1<<20)
	if err != nil || !strings.Contains(string(history), `"paused"`) || !strings.Contains(string(history), `"completed"`) {
		t.Errorf("history %s: %v", history, err)
	}
}

// TestHours: outside of its hours a run begins nothing, also its probe.
func TestHours(t *testing.T) {
	s, f := mixed(), newFake(t)
	o := testOptions(t, memDisk())
	var late atomic.Bool
	day := time.Date(2026, 3, 4, 12, 0, 0, 0, time.Local)
	o.Now = func() time.Time {
		if late.Load() {
			return day.Add(8 * time.Hour)
		}
		return day
	}
	o.Hours, _ = request.ParseHours("19:00-07:00")
	told := &lockedText{}
	o.Log = slog.New(slog.NewTextHandler(told, nil))
	ended := make(chan *Result)
	go func() {
		res, err := Run(context.Background(), s, f, o)
		if err != nil {
			t.Error(err)
		}
		ended <- res
	}()
	time.Sleep(50 * time.Millisecond)
	f.mu.Lock()
	if f.calls != 0 {
		t.Errorf("%d calls at noon", f.calls)
	}
	f.mu.Unlock()
	late.Store(true)
	if res := <-ended; !res.Complete {
		t.Errorf("%+v", res)
	}
	for _, want := range []string{"no request begins", "until=2026-03-04T19:00:00", "the run's hours have begun"} {
		if text := told.String(); !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
}

// TestHoursNext: when the window opens again, also over midnight and with several windows.
func TestHoursNext(t *testing.T) {
	for _, test := range []struct{ hours, now, want string }{
		{"19:00-07:00", "12:34", "19:00"}, {"19:00-07:00", "07:00", "19:00"}, {"19:00-07:00", "23:00", "23:00"},
		{"01:00-02:00,13:30-14:00", "02:00", "13:30"}, {"01:00-02:00,13:30-14:00", "18:00", "01:00"}, {"00:00-00:01", "00:01", "00:00"},
	} {
		hours, err := request.ParseHours(test.hours)
		if err != nil {
			t.Fatal(err)
		}
		now, err := time.ParseInLocation("2006-01-02 15:04", "2026-03-04 "+test.now, time.Local)
		if err != nil {
			t.Fatal(err)
		}
		if next := hours.Next(now.Add(20 * time.Second)).Format("15:04"); next != test.want {
			t.Errorf("%s at %s: %s, want %s", test.hours, test.now, next, test.want)
		}
	}
}

// TestRetryClass: only the failures that were asked for are tried again.
func TestRetryClass(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	o := testOptions(t, disk)
	f.hook = func(n int, call, key string) (bool, error) {
		switch key {
		case "in/a":
			return false, target.NewError(target.CodeRefused, "", "", nil)
		case "in/dir/d":
			return false, target.NewError(target.CodeTooLarge, "", "", nil)
		}
		return true, nil
	}
	if res := mustRun(t, s, f, o); res.Tally.Outcomes[entry.OutcomeFailed] != 2 {
		t.Fatalf("%+v", res)
	}
	f.hook = nil
	o.Retry = func(c target.Code) bool { return c == target.CodeRefused }
	if res := mustRun(t, s, f, o); res.Tally.Outcomes[entry.OutcomeFailed] != 1 || res.Attempt != 2 {
		t.Fatalf("%+v", res)
	}
	o.Retry = nil
	if res := mustRun(t, s, f, o); !res.Complete || res.Attempt != 3 {
		t.Fatalf("%+v", res)
	}
	f.check(t, s, "in/")
}

// TestDeferred: nothing is visible before all is uploaded, and nothing at all
// where an entry failed; a start that dies while it publishes goes on.
func TestDeferred(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	o := testOptions(t, disk)
	o.DeferComplete = 8
	if _, err := Run(context.Background(), s, f, o); !target.HasCode(err, target.CodeTooManyHeld) {
		t.Errorf("too many: %v", err)
	}
	o.DeferComplete = 9
	visible := func() (n int) {
		for key := range f.objects {
			if ours(key) {
				n++
			}
		}
		return n
	}
	f.hook = func(n int, call, key string) (bool, error) {
		if key == "in/big" && call == "part" {
			return false, target.NewError(target.CodeRefused, "", "", nil)
		}
		return true, nil
	}
	if _, err := Run(context.Background(), s, f, o); !target.HasCode(err, target.CodeNotPublished) || visible() != 0 {
		t.Errorf("with a failure: %v, %d visible", err, visible())
	}
	parts, published := 0, 0
	ctx, cancel := context.WithCancel(context.Background())
	f.hook = func(n int, call, key string) (bool, error) {
		switch {
		case !ours(key):
		case call == "part":
			if parts++; visible() != 0 {
				t.Errorf("%s was published before all parts were there", key)
			}
		case call == "put" && key != "in/b.empty" && key != "in/dir/":
			t.Errorf("%s is published as it is uploaded", key)
		case call == "complete" || call == "put":
			if published++; published == 3 {
				cancel()
			}
		}
		return true, nil
	}
	if _, err := Run(ctx, s, f, o); !errors.Is(err, context.Canceled) {
		t.Errorf("killed: %v", err)
	}
	sent := parts
	res := mustRun(t, s, f, o)
	if !res.Complete || parts != sent {
		t.Errorf("%d parts sent again: %+v", parts-sent, res)
	}
	f.check(t, s, "in/")
}

// TestScoutLosesItsUpload: the store forgets the scout's upload while the run waits.
func TestScoutLosesItsUpload(t *testing.T) {
	s, f := mixed(), newFake(t)
	o := patient(t, memDisk())
	o.Retries = 1
	refused := 0
	f.hook = func(n int, call, key string) (bool, error) {
		if key == "in/big" && call == "part" && refused < 3 {
			refused++
			clear(f.uploads)
			return false, target.NewError(target.CodeTargetFull, "", "", nil)
		}
		return true, nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if res, err := Run(ctx, s, f, o); err != nil || !res.Complete {
		t.Fatalf("%v, %+v", err, res)
	}
	f.check(t, s, "in/")
}

// TestHeadSaysNoWhy: HEAD has no body, so that wrong credentials are a plain 403.
func TestHeadSaysNoWhy(t *testing.T) {
	s, f := mixed(), newFake(t)
	o := patient(t, memDisk())
	said := map[target.Code]int{}
	o.Problem = func(e *target.Error) { said[e.Code]++ }
	heads := 0
	f.hook = func(n int, call, key string) (bool, error) {
		switch {
		case !ours(key) || heads > 12:
		case call == "head":
			heads++
			return false, target.NewError(target.CodeAccessDenied, "", "status 403: Forbidden", nil)
		case call == "get":
			return false, target.NewError(target.CodeCredentialsRefused, "", "status 403: SignatureDoesNotMatch", nil)
		}
		return true, nil
	}
	if res := mustRun(t, s, f, o); !res.Complete || len(said) != 1 || said[target.CodeCredentialsRefused] == 0 { // the first keys are refused alone
		t.Errorf("said %v: %+v", said, res)
	}
	f.check(t, s, "in/")
}

// TestFullAtAnyPut: whichever record finds the state folder's disk full, every entry
// is counted once.
func TestFullAtAnyPut(t *testing.T) {
	for at := int64(1); at < 40; at++ {
		s, f := mixed(), newFake(t)
		disk := &filling{FS: memDisk()}
		o := patient(t, disk)
		var looks atomic.Int64
		disk.free = func() int64 {
			if looks.Add(1) == at {
				return 0
			}
			return minFree // so that each record looks
		}
		res, err := Run(context.Background(), s, f, o)
		for range 2 { // a header has nobody to wait for
			if target.HasCode(err, target.CodeJournalFull) {
				res, err = Run(context.Background(), s, f, o)
			}
		}
		if err != nil || !res.Complete || res.Tally.Entries() != 9 {
			t.Fatalf("full at %d: %v, %+v", at, err, res)
		}
		f.check(t, s, "in/")
	}
}

// TestProbesOfOneRun: whatever is probed in a run has the device's name, for devices
// of a job may be imported side by side.
func TestProbesOfOneRun(t *testing.T) {
	s, f := mixed(), newFake(t)
	o := patient(t, memDisk())
	o.HaltWait = 50 * time.Millisecond
	names := map[string]bool{}
	f.hook = func(n int, call, key string) (bool, error) {
		if rest, ok := strings.CutPrefix(key, "in/"+probe.Prefix); ok && call == "put" {
			name, _, _ := strings.Cut(rest, "/")
			names[name] = true
		}
		if key == "in/dir/d" {
			return false, target.NewError(target.CodeAccessDenied, "", "", nil)
		}
		return true, nil
	}
	if _, err := Run(context.Background(), s, f, o); !target.HasCode(err, target.CodeAccessDenied) || len(names) != 1 {
		t.Errorf("%v, probes %v", err, names)
	}
}

// TestRulesBeforeTheFirstByte: a start that found nothing stored yet may have other
// rules, and then other keys collide.
func TestRulesBeforeTheFirstByte(t *testing.T) {
	const strip, add = `{"version":1,"keys":{"strip":"x/"}}`, `{"version":1,"keys":{"strip":"y/"}}`
	for _, test := range []struct {
		first, then string
		bad         uint64
	}{{strip, add, 0}, {add, strip, 2}} {
		s, f := newSource(), newFake(t)
		for _, path := range []string{"a", "b", "x/a"} {
			s.file(path, []byte(path))
		}
		o := testOptions(t, memDisk())
		f.hook = func(int, string, string) (bool, error) {
			return false, target.NewError(target.CodeCredentialsRefused, "", "", nil)
		}
		o.Rules = parseRules(t, test.first)
		if _, err := Run(context.Background(), s, f, o); !target.HasCode(err, target.CodeCredentialsRefused) {
			t.Fatal(err)
		}
		f.hook = nil
		o.Rules = parseRules(t, test.then)
		if res := mustRun(t, s, f, o); res.Tally.Bad() != test.bad {
			t.Errorf("%s, then %s: %+v", test.first, test.then, res)
		}
	}
}
