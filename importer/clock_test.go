package importer

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/request"
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
	o.Bandwidth, _ = request.ParseTimetable("64K")
	o.CallTimeout, o.Concurrency, o.Retries = time.Second, 8, 1
	began := time.Now()
	res := mustRun(t, s, f, o)
	if took := time.Since(began); !res.Complete || res.Retries != 0 || took < 2*time.Second || f.most.Load() > 1 {
		t.Errorf("in %v, at most %d at once: %+v", took, f.most.Load(), res)
	}
	f.check(t, s, "in/")
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
