package importer

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/importer/receipt/sign"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// office is a clock that begins at night, and that is put forward to the day by hand: the
// hours of its runs are at night.
type office struct {
	begun time.Time
	day   atomic.Bool
}

func newOffice() *office { return &office{begun: time.Now()} }

// right is the time that others have.
func (c *office) right() time.Time {
	return time.Date(2026, 3, 4, 23, 0, 0, 0, time.Local).Add(time.Since(c.begun))
}

func (c *office) now() time.Time {
	if c.day.Load() {
		return c.right().Add(12 * time.Hour)
	}
	return c.right()
}

// closing are options of a run with hours, one request at a time, and the clock of it.
func closing(t *testing.T, o Options) (Options, *office) {
	t.Helper()
	c := newOffice()
	o.Now, o.Concurrency, o.PartConcurrency, o.Lanes, o.Memory = c.now, 1, 1, 1, request.LargeRequest
	var err error
	if o.Hours, err = request.ParseHours("19:00-07:00"); err != nil {
		t.Fatal(err)
	}
	return o, c
}

// signedIn reports whether the first run of a state folder has signed something.
func signedIn(disk vfs.FS) bool {
	for _, name := range []string{"log/checkpoint", sign.TotalName} {
		if _, err := disk.Stat(receiptsFolder + "/" + name); err == nil {
			return true
		}
	}
	return false
}

// TestHoursEnd: the hours end while a request is under way, at each of a run's. Until they
// begin again no other request is made and nothing is signed; then the run completes.
func TestHoursEnd(t *testing.T) {
	modes := map[string]func(o *Options){
		"plain":    func(*Options) {},
		"deferred": func(o *Options) { o.DeferComplete = 9 },
		"mirrored": func(o *Options) { o.JournalInTarget = true },
	}
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			total := newFake(t)
			o, _ := closing(t, testOptions(nil, memDisk()))
			mode(&o)
			mustRun(t, mixed(), total, o)
			step := 9
			if os.Getenv("SLEDGE_LONG") != "" {
				step = 1
			}
			for n := total.calls; n > 0; {
				synctest.Test(t, func(t *testing.T) { hoursEndAt(t, n, mode) })
				if t.Failed() {
					t.Fatalf("the hours ended at call %d of %d", n, total.calls)
				}
				if n--; n < total.calls-8 { // of its last ones, when it signs and tidies up, each
					n -= step - 1
				}
			}
		})
	}
}

func hoursEndAt(t *testing.T, n int, mode func(*Options)) {
	s, f, disk := mixed(), newFake(t), memDisk()
	o, clock := closing(t, testOptions(nil, disk))
	mode(&o)
	before := false
	f.hook = func(at int, call, key string) (bool, error) {
		if clock.day.Load() {
			t.Errorf("%s of %q outside of the hours", call, key)
		}
		if at == n {
			before = signedIn(disk)
			clock.day.Store(true)
		}
		return true, nil
	}
	ended := make(chan error, 1)
	go func() {
		res, err := Run(context.Background(), s, f, o)
		if err == nil && !res.Complete {
			err = fmt.Errorf("%+v", res)
		}
		ended <- err
	}()
	time.Sleep(3 * time.Minute)
	done, signed := len(ended) > 0, signedIn(disk)
	clock.day.Store(false)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if done != (f.calls == n) {
		t.Errorf("the run had ended: %v; it made %d calls, %d before the hours' end", done, f.calls, n)
	}
	if signed != before {
		t.Errorf("signed before the hours' end: %v, before they began again: %v", before, signed)
	}
	f.check(t, s, "in/")
}

// TestTurnBeforeLease: outside of its hours, and while it is paused, a start asks the target
// for nothing and takes no lease there. One that is told to stop meanwhile has begun nothing.
func TestTurnBeforeLease(t *testing.T) {
	for name, waits := range map[string]func(c *office, o *Options, yes bool){
		"hours": func(c *office, o *Options, yes bool) { c.day.Store(yes) },
		"pause": func(c *office, o *Options, yes bool) {
			if err := status.WriteControl(o.StateDir, "", status.Control{Want: map[bool]status.Want{true: status.WantPause, false: status.WantRun}[yes], At: o.Now()}); err != nil {
				t.Error(err)
			}
		},
	} {
		for _, stop := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				s, f := mixed(), newFake(t)
				o, clock := closing(t, testOptions(nil, memDisk()))
				o.JournalInTarget, o.StatusEvery = true, time.Second
				waits(clock, &o, true)
				end := make(chan *Result, 1)
				go func() {
					res, err := Run(context.Background(), s, f, o)
					if err != nil {
						t.Error(err)
					}
					end <- res
				}()
				time.Sleep(2 * time.Minute)
				if f.calls > 0 {
					t.Errorf("%s: %d calls", name, f.calls)
				}
				if stop {
					if err := status.WriteControl(o.StateDir, "", status.Control{Want: status.WantStop, At: o.Now()}); err != nil {
						t.Error(err)
					}
					if res := <-end; !res.Interrupted || f.calls > 0 {
						t.Errorf("%s: %d calls, %+v", name, f.calls, res)
					}
					return
				}
				waits(clock, &o, false)
				if res := <-end; !res.Complete {
					t.Errorf("%s: %+v", name, res)
				}
			})
		}
	}
}

// TestHoursEndHalted: a run that waits for its operator, too, looks at nothing outside of
// its hours: it neither reads credentials anew nor asks the target.
func TestHoursEndHalted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := mixed(), newFake(t)
		to := &renewing{fakeTarget: f}
		o, clock := closing(t, patient(nil, memDisk()))
		o.HaltWait, o.Backoff = 24*time.Hour, 200*time.Millisecond
		looks := 0
		f.hook = func(_ int, call, key string) (bool, error) {
			if clock.day.Load() {
				t.Errorf("%s of %q outside of the hours", call, key)
			}
			if looks == 0 && key != "in/dir/d" {
				return true, nil
			}
			if looks++; looks == 10 {
				clock.day.Store(true)
			}
			if looks < 20 {
				return false, target.NewError(target.CodeCredentialsExpired, "", "", nil)
			}
			return true, nil
		}
		ended := make(chan *Result, 1)
		go func() {
			res, err := Run(context.Background(), s, to, o)
			if err != nil {
				t.Error(err)
			}
			ended <- res
		}()
		for !clock.day.Load() {
			time.Sleep(time.Second)
		}
		renewed := to.renewed.Load()
		time.Sleep(10 * time.Minute)
		if n := to.renewed.Load(); n != renewed || renewed == 0 {
			t.Errorf("credentials were read %d times, and %d times outside of the hours", renewed, n-renewed)
		}
		clock.day.Store(false)
		if res := <-ended; !res.Complete {
			t.Errorf("%+v", res)
		}
	})
}

// TestPauseUnderLimit: requests that wait for the bandwidth when the operator pauses the run
// have not begun, and do not before he lets it go on.
func TestPauseUnderLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f, disk := newSource(), newFake(t), memDisk()
		for i := range 8 {
			s.file(fmt.Sprintf("f%d", i), pattern(byte(i), 1<<20))
		}
		o := testOptions(nil, disk)
		o.Concurrency, o.StatusEvery, o.Bandwidth = 8, time.Second, request.Timetable{{Minute: 0, Bytes: request.Slowest}}
		ask := func(w status.Want) {
			if err := status.WriteControl(disk, "", status.Control{Want: w, At: time.Now()}); err != nil {
				t.Error(err)
			}
		}
		ended := make(chan *Result, 1)
		go func() {
			res, err := Run(context.Background(), s, f, o)
			if err != nil {
				t.Error(err)
			}
			ended <- res
		}()
		time.Sleep(2 * time.Second) // one of them is under way, the others wait
		ask(status.WantPause)
		time.Sleep(time.Minute)
		if n := f.ours(); n > 1 {
			t.Errorf("%d objects were stored of a run that was paused during its first", n)
		}
		ask(status.WantRun)
		if res := <-ended; !res.Complete {
			t.Errorf("%+v", res)
		}
		f.check(t, s, "in/")
	})
}
