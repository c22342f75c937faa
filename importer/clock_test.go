package importer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/target"
)

// busy counts the requests with payload that are under way.
type busy struct {
	*fakeTarget
	now, most atomic.Int64
}

func (b *busy) Put(ctx context.Context, in target.PutRequest) (target.Stored, error) {
	if n := b.now.Add(1); n > b.most.Load() && ours(in.Key) {
		b.most.Store(n)
	}
	defer b.now.Add(-1)
	return b.fakeTarget.Put(ctx, in)
}

// TestLowBandwidth: under a limit far below what a call must make, objects take their
// time and get through, few at once; the target is not blamed.
func TestLowBandwidth(t *testing.T) {
	s, f := newSource(), &busy{fakeTarget: newFake(t)}
	for i := range 8 {
		s.file(fmt.Sprintf("f%d", i), pattern(byte(i), 32<<10))
	}
	o := testOptions(t, memDisk())
	o.Bandwidth, _ = ParseTimetable("64K")
	o.CallTimeout, o.Concurrency, o.Retries = time.Second, 8, 1
	began := time.Now()
	res := mustRun(t, s, f, o)
	if took := time.Since(began); !res.Complete || res.Retries != 0 || took < 2*time.Second || f.most.Load() > 1 {
		t.Errorf("in %v, at most %d at once: %+v", took, f.most.Load(), res)
	}
	f.check(t, s, "in/")
}

// TestPacedByTheDay: calls that wait for a place go when the limit ends.
func TestPacedByTheDay(t *testing.T) {
	var night atomic.Bool
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.Local)
	table, err := ParseTimetable("00:00,64K 20:00,off")
	if err != nil {
		t.Fatal(err)
	}
	p := newPacer(table, func() time.Time {
		if night.Load() {
			return at.Add(9 * time.Hour)
		}
		return at
	})
	leave, err := p.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second := make(chan error)
	go func() {
		leave, err := p.enter(t.Context())
		if err == nil {
			leave()
		}
		second <- err
	}()
	for waiting := 0; waiting == 0; {
		p.calls.mu.Lock()
		waiting = len(p.calls.waiters)
		p.calls.mu.Unlock()
	}
	night.Store(true)
	if n, err := p.wait(t.Context(), 1<<20); n != pacePiece || err != nil { // of the one under way
		t.Errorf("%d, %v", n, err)
	}
	if err := <-second; err != nil {
		t.Error(err)
	}
	leave()
	night.Store(false)
	if n, err := p.wait(t.Context(), 1<<20); n != 64<<10 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	stopped, cancel := context.WithCancel(t.Context())
	if leave, err = p.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer leave()
	cancel()
	if _, err := p.enter(stopped); !errors.Is(err, errStopped) {
		t.Errorf("a stopped run: %v", err)
	}
}

// hanging answers no PUT of the run's.
type hanging struct{ *fakeTarget }

func (h hanging) Put(ctx context.Context, in target.PutRequest) (target.Stored, error) {
	if !ours(in.Key) {
		return h.fakeTarget.Put(ctx, in)
	}
	<-ctx.Done()
	return target.Stored{}, ctx.Err()
}

// TestNoAnswer: a target that does not answer is named as the reason, whether the
// call's time is over or that of its dial.
func TestNoAnswer(t *testing.T) {
	s := newSource()
	s.file("a", []byte("hello"))
	o := testOptions(t, memDisk())
	o.CallTimeout, o.Retries = time.Second, 0
	var told target.Code
	o.Problem = func(e *target.Error) { told = e.Code }
	if res, err := Run(context.Background(), s, hanging{newFake(t)}, o); err != nil || told != target.CodeConnectionLost || res.Unfinished != 1 {
		t.Errorf("hanging: %v, %q, %+v", err, told, res)
	}
	f := newFake(t)
	f.hook = func(n int, call, key string) (bool, error) {
		if ours(key) {
			dial := &net.OpError{Op: "dial", Net: "tcp", Err: context.DeadlineExceeded} // as net's own error says of itself
			return false, target.NewError(target.CodeTargetAbsent, key, dial.Error(), dial)
		}
		return true, nil
	}
	o.StateDir = memDisk()
	if res, err := Run(context.Background(), s, f, o); !target.HasCode(err, target.CodeTargetAbsent) || res.Halt == nil {
		t.Errorf("unreachable: %v, %+v", err, res)
	}
}

// TestClock: a call's time goes on where it stood.
func TestClock(t *testing.T) {
	ctx, cancel := withClock(t.Context(), 50*time.Millisecond, 0, 0)
	defer cancel()
	goOn := stand(ctx)
	select {
	case <-ctx.Done():
		t.Fatal("it ran while it stood")
	case <-time.After(150 * time.Millisecond):
	}
	goOn()
	<-ctx.Done() // or never
	stand(ctx)() // of a call that is over: nothing
}
