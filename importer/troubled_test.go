package importer

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestTroubledRuns draws runs by seed: how they publish, where their journal is, their hours,
// limits and patience; and what goes wrong at a call of each start: an outage longer than all
// retries, credentials that expire, the end of the hours, a pause, a stop, a fault, a power
// cut, an upload that vanishes, another host that takes over from one that is frozen, paused
// or asleep. After each start the store and the state folder are compared with what may be
// there, and the last start, in quiet, completes. SLEDGE_RUNS sets how many, SLEDGE_SEED where
// they begin.
func TestTroubledRuns(t *testing.T) {
	from, runs := 1, 30
	if n, err := strconv.Atoi(os.Getenv("SLEDGE_RUNS")); err == nil {
		runs = n
	}
	if n, err := strconv.Atoi(os.Getenv("SLEDGE_SEED")); err == nil {
		from = n
	}
	met := map[string]int{}
	for seed := from; seed < from+runs; seed++ {
		synctest.Test(t, func(t *testing.T) {
			x := drawTroubled(t, int64(seed))
			x.live()
			for what, n := range x.met {
				met[what] += n
			}
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if from == 1 && runs >= 30 || runs >= 150 {
		for _, what := range troublesOfRuns {
			if met[what.name] == 0 {
				t.Errorf("%s never happened", what.name)
			}
		}
	}
	t.Logf("figure: %d troubled runs from seed %d: %v", runs, from, met)
}

// troubled is one drawn run.
type troubled struct {
	t        *testing.T
	dice     *rand.Rand
	s        *fakeSource
	f        *fakeTarget
	disk     *vfs.Mem
	clock    *office
	hours    request.Hours
	deferred bool
	inTarget bool
	takes    bool              // the run is another host's
	band     request.Timetable // of bandwidth
	patience time.Duration
	met      map[string]int
	said     []string

	mu    sync.Mutex
	named map[string]bool // keys of which something may be left, by some host's word
}

// name hears what a host says of itself.
func (x *troubled) name(e *target.Error) {
	if e.Code == target.CodeProbeLeft || e.Code == target.CodeOrphanUpload {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.named[e.Path] = true
	}
}

// forgetNamed takes from the store what somebody has named as left.
func (x *troubled) forgetNamed() {
	for id, u := range x.f.uploads {
		if x.named[u.key] {
			delete(x.f.uploads, id)
		}
	}
	for key := range x.f.objects {
		if x.named[key] && !ours(key) {
			delete(x.f.objects, key)
		}
	}
}

func drawTroubled(t *testing.T, seed int64) *troubled {
	dice := newRand(seed)
	x := &troubled{t: t, dice: dice, s: mixed(), f: newFake(t), disk: memDisk(), clock: newOffice(), met: map[string]int{}, named: map[string]bool{}}
	x.deferred, x.inTarget = dice.Intn(3) > 0, dice.Intn(2) == 0
	if dice.Intn(2) == 0 {
		x.hours, _ = request.ParseHours("19:00-07:00")
	}
	if dice.Intn(3) == 0 {
		x.band = request.Timetable{{Minute: 0, Bytes: 1 << 20}}
	}
	if dice.Intn(2) == 0 {
		x.patience = 24 * time.Hour
	}
	if x.f.now = x.clock.right; x.deferred {
		behindCurtain(x.f, x.s)
	}
	return x
}

// options are those of the run on the host at work. With hours one request is made at a
// time: then none is under way when they end.
func (x *troubled) options() Options {
	o := testOptions(nil, x.disk)
	o.Problem = x.name
	o.Backoff, o.Retries, o.StatusEvery, o.Now = 10*time.Millisecond, 3, time.Second, x.clock.now
	o.JournalInTarget, o.Bandwidth, o.HaltWait, o.Hours = x.inTarget, x.band, x.patience, x.hours
	if x.deferred {
		o.DeferComplete = 9
	}
	if x.takes {
		o.TakeOver = time.Nanosecond
	}
	if x.hours != nil {
		o.Concurrency, o.PartConcurrency, o.Lanes, o.Memory = 1, 1, 1, request.LargeRequest
	}
	return o
}

func (x *troubled) live() {
	for range 1 + x.dice.Intn(4) {
		what := troublesOfRuns[x.dice.Intn(len(troublesOfRuns))]
		if what.ofHosts && !x.inTarget || what.ofHours && x.hours == nil {
			continue
		}
		n := 1 + x.dice.Intn(90)
		x.said = append(x.said, fmt.Sprintf("%s at %d", what.name, n))
		x.met[what.name]++
		what.start(x, n)
		x.clock.day.Store(false)
		x.mend()
		if x.t.Failed() {
			break
		}
	}
	x.f.hook = nil
	if res, err := Run(context.Background(), x.s, x.f, x.options()); !x.t.Failed() && (err != nil || !res.Complete) {
		x.t.Errorf("in quiet: %v, %+v", err, res)
	}
	x.forgetNamed()
	if !x.t.Failed() {
		x.f.check(x.t, x.s, "in/")
	}
	if x.t.Failed() {
		x.t.Logf("deferred %v, in the target %v, hours %v, bandwidth %v, patience %v: %v", x.deferred, x.inTarget, x.hours != nil, x.band != nil, x.patience, x.said)
	}
}

// mend ends what was asked of the start before, and lets parts be sent again whose answers
// it may have lost.
func (x *troubled) mend() {
	x.ask(x.disk, status.WantRun)
	for _, u := range x.f.uploads {
		for i, p := range u.parts {
			p.lost = true
			u.parts[i] = p
		}
	}
}

func (x *troubled) ask(disk vfs.FS, w status.Want) {
	if err := status.WriteControl(disk, "", status.Control{Want: w, At: x.clock.now()}); err != nil {
		x.t.Error(err)
	}
}

// run is one start, and what must hold at its end.
func (x *troubled) run(ctx context.Context, target target.Target) (*Result, error) {
	res, err := Run(ctx, x.s, target, x.options())
	x.judge(res, err)
	return res, err
}

// judge: a start is complete, or says what ended it and has signed nothing.
func (x *troubled) judge(res *Result, err error) {
	x.t.Helper()
	x.said = append(x.said, fmt.Sprintf("ended by %v", err))
	switch {
	case err == nil && res.Complete:
		if x.f.ours() != len(x.s.objects("")) {
			x.t.Errorf("complete, with %d objects", x.f.ours())
		}
		return
	case err == nil && !res.Interrupted && res.ExitClass() != ExitFixable:
		x.t.Errorf("neither complete nor named: %+v", res)
	case err != nil && !errors.Is(err, context.Canceled) && !target.IsClass(err, target.Fixable) && !target.IsClass(err, target.Retryable):
		x.t.Errorf("ended by %v", err)
	}
	if res != nil && res.Receipts != "" {
		x.t.Errorf("not complete, and signed: %v, %+v", err, res)
	}
}

// when has f called at the nth call of a start, and answers every later call by what it
// returns.
func (x *troubled) when(n int, answer func(call, key string) error) {
	first := x.f.calls
	x.f.hook = func(at int, call, key string) (bool, error) {
		if at-first < n {
			return true, nil
		}
		err := answer(call, key)
		return err == nil, err
	}
}

type runTrouble struct {
	name             string
	ofHosts, ofHours bool
	start            func(x *troubled, n int)
}

var troublesOfRuns = []runTrouble{
	{name: "outage", start: (*troubled).outage},
	{name: "expired", start: (*troubled).expired},
	{name: "hours end", ofHours: true, start: (*troubled).hoursEnd},
	{name: "pause", start: (*troubled).paused},
	{name: "stop", start: (*troubled).stopped},
	{name: "fault", start: (*troubled).fault},
	{name: "power cut", start: (*troubled).powerCut},
	{name: "upload gone", start: (*troubled).uploadGone},
	{name: "frozen, taken over", ofHosts: true, start: func(x *troubled, n int) { x.takenOver(n, x.freeze) }},
	{name: "paused, taken over", ofHosts: true, start: func(x *troubled, n int) { x.takenOver(n, x.pauseAt) }},
	{name: "asleep, taken over", ofHosts: true, ofHours: true, start: func(x *troubled, n int) { x.takenOver(n, x.sleepAt) }},
}

// outage: the store answers nothing for a time, or nothing but errors of its own.
func (x *troubled) outage(n int) {
	lasts := time.Duration(1+x.dice.Intn(180)) * time.Minute
	code := []target.Code{target.CodeTargetAbsent, target.CodeServerError}[x.dice.Intn(2)]
	x.failsFor(n, lasts, func(string) *target.Error { return target.Unknown(target.NewError(code, "", "gone", nil)) })
}

// expired: no call is allowed until somebody renews the credentials.
func (x *troubled) expired(n int) {
	lasts := time.Duration(1+x.dice.Intn(180)) * time.Minute
	x.failsFor(n, lasts, func(string) *target.Error {
		return target.NewError(target.CodeCredentialsExpired, "", "ExpiredToken", nil)
	})
}

// failsFor: a run that may wait completes by itself; one that may not, ends with the cause.
func (x *troubled) failsFor(n int, lasts time.Duration, fault func(key string) *target.Error) {
	var since time.Time
	x.when(n, func(call, key string) error {
		if since.IsZero() {
			since = time.Now()
		}
		if time.Since(since) >= lasts {
			return nil
		}
		return fault(key)
	})
	res, err := x.run(context.Background(), &renewing{fakeTarget: x.f})
	switch {
	case since.IsZero():
	case err == nil && res.Complete:
	case time.Since(since) >= lasts && x.patience > 0 && res != nil && !res.Started.IsZero() && res.Probe.Done:
		x.t.Errorf("it may wait for %v, and ended after %v by %v", x.patience, time.Since(since), err)
	case err == nil && res.Halt == nil && res.Unfinished == 0:
		x.t.Errorf("the store was away, and nothing was left: %+v", res)
	}
}

// hoursEnd: until they begin again nothing is asked of the store.
func (x *troubled) hoursEnd(n int) {
	x.sleepAt(n, x.f, time.Duration(5+x.dice.Intn(20))*time.Minute)
	x.run(context.Background(), x.f)
}

// underWay is until a pause is heard, and the bandwidth has let through what was begun.
const underWay = 30 * time.Second

func (x *troubled) sleepAt(n int, f *fakeTarget, lasts time.Duration) (target.Target, chan struct{}) {
	begun, since := make(chan struct{}), time.Time{}
	x.when(n, func(call, key string) error {
		switch {
		case x.clock.day.Load() && x.band != nil && time.Since(since) < underWay:
		case x.clock.day.Load():
			x.t.Errorf("%s of %q outside of the hours", call, key)
		case !begunAlready(begun):
			close(begun)
			since = time.Now()
			x.clock.day.Store(true)
			time.AfterFunc(lasts, func() { x.clock.day.Store(false) })
		}
		return nil
	})
	return f, begun
}

func (x *troubled) paused(n int) {
	x.pauseAt(n, x.f, time.Duration(5+x.dice.Intn(20))*time.Minute)
	x.run(context.Background(), x.f)
}

// pauseAt: what is under way ends, and nothing is begun but looks who has the run.
func (x *troubled) pauseAt(n int, f *fakeTarget, lasts time.Duration) (target.Target, chan struct{}) {
	begun, disk, since := make(chan struct{}), x.disk, time.Time{}
	var over atomic.Bool
	x.when(n, func(call, key string) error {
		switch {
		case !begunAlready(begun):
			close(begun)
			since = time.Now()
			x.ask(disk, status.WantPause)
			time.AfterFunc(lasts, func() { over.Store(true); x.ask(disk, status.WantRun) })
		case !over.Load() && f == x.f && time.Since(since) > underWay && !strings.Contains(key, "/leases/") && !x.takes:
			x.t.Errorf("%s of %q %v after the pause", call, key, time.Since(since))
		}
		return nil
	})
	return f, begun
}

func (x *troubled) stopped(n int) {
	done := false
	x.when(n, func(string, string) error {
		if !done {
			done = true
			x.ask(x.disk, status.WantStop)
		}
		return nil
	})
	x.run(context.Background(), x.f)
}

func (x *troubled) fault(n int) {
	done := false
	kinds := []*target.Error{target.Unknown(target.NewError(target.CodeConnectionLost, "", "reset", nil)), target.Unknown(target.NewError(target.CodeServerError, "", "status 500", nil)), target.NewError(target.CodeTargetAbsent, "", "refused", nil)}
	fault := kinds[x.dice.Intn(len(kinds))]
	x.when(n, func(string, string) error {
		if done {
			return nil
		}
		done = true
		return fault
	})
	x.run(context.Background(), x.f)
}

// powerCut kills the host before or after a call; some of what was not synced is kept. Where
// the journal is in the target another host may go on, with an empty folder.
func (x *troubled) powerCut(n int) {
	var after *vfs.Mem
	applied, kept := x.dice.Intn(2) == 0, x.dice.Intn(101)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	first := x.f.calls
	x.f.hook = func(at int, _, _ string) (bool, error) {
		if at-first < n {
			return true, nil
		}
		apply := after == nil && applied
		if after == nil {
			after = x.disk.CrashClone(x.dice, kept)
			cancel()
		}
		return apply, target.Unknown(target.NewError(target.CodeConnectionLost, "", "killed", nil))
	}
	Run(ctx, x.s, x.f, x.options())
	if after == nil {
		return
	}
	if x.disk = after; x.inTarget && x.dice.Intn(2) == 0 {
		x.disk, x.takes, x.f.twoWriters = memDisk(), true, true
	}
}

// uploadGone: a rule of the store ends uploads of ours, all between two starts or one in one.
func (x *troubled) uploadGone(n int) {
	if x.dice.Intn(2) == 0 {
		x.loseUploads(len(x.f.uploads))
		n = 1000
	}
	x.when(n, func(string, string) error {
		if n > 0 {
			n = 0
			x.loseUploads(1)
			if x.f.curtain != nil {
				x.f.curtain.gone = true
			}
		}
		return nil
	})
	x.run(context.Background(), x.f)
}

func (x *troubled) loseUploads(n int) {
	for id, u := range x.f.uploads {
		if n > 0 && ours(u.key) {
			n--
			delete(x.f.uploads, id)
		}
	}
}

func (x *troubled) freeze(n int, f *fakeTarget, lasts time.Duration) (target.Target, chan struct{}) {
	z := newFreezing(f, n, n%2 == 0)
	time.AfterFunc(lasts, func() { close(z.thaw) })
	return freezingAll{z}, z.frozen
}

// takenOver: another host takes the run over from one that is held up at a call, and completes
// it. The first one, when it goes on, finds that out and nothing else happens.
func (x *troubled) takenOver(n int, hold func(n int, f *fakeTarget, lasts time.Duration) (target.Target, chan struct{})) {
	x.f.twoWriters = true
	to, held := hold(n, x.f, time.Hour)
	first := make(chan ended, 1)
	o := x.options()
	go func() {
		res, err := Run(context.Background(), x.s, to, o)
		first <- ended{res, err}
	}()
	select {
	case <-held:
	case was := <-first:
		x.judge(was.res, was.err)
		return
	}
	time.Sleep(time.Minute)
	x.disk, x.takes = memDisk(), true
	x.f.mu.Lock() // the frozen host's calls may still come
	x.f.hook = nil
	x.f.mu.Unlock()
	was := x.hours
	x.hours = nil // the other host's clock is right
	if res, err := x.run(context.Background(), x.f); err != nil || !res.Complete {
		x.t.Errorf("the other host: %v, %+v", err, res)
	}
	x.hours = was
	if was := <-first; was.err != nil && !target.HasCode(was.err, target.CodeTakenOver) && !target.HasCode(was.err, target.CodeStateLocked) {
		x.t.Errorf("the one that was replaced: %v, %+v", was.err, was.res)
	} else if was.err == nil && !was.res.Complete {
		x.t.Errorf("the one that was replaced: %+v", was.res)
	}
}

func begunAlready(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
