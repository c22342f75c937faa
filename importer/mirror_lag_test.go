package importer

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/lease"
	"github.com/sledge-io/sledge/importer/target"
)

// lagging is a store, or a cache before it, that shows for some reads what a lease was before
// it was written anew.
type lagging struct {
	*fakeTarget
	key  string
	was  atomic.Pointer[[]byte]
	left atomic.Int64
}

func (l *lagging) Put(ctx context.Context, in target.PutRequest) (target.Stored, error) {
	if in.Key == l.key {
		l.mu.Lock()
		was := l.objects[l.key].data
		l.mu.Unlock()
		l.was.Store(&was)
	}
	return l.fakeTarget.Put(ctx, in)
}

func (l *lagging) Get(ctx context.Context, key, version string) (io.ReadCloser, error) {
	if was := l.was.Load(); key == l.key && was != nil && l.left.Add(-1) >= 0 {
		return io.NopCloser(bytes.NewReader(*was)), nil
	}
	return l.fakeTarget.Get(ctx, key, version)
}

// TestMirrorLeaseLags: a start writes its lease anew, and reads what it was before. That is
// no other holder: it asks again, and sends nothing while that goes on.
func TestMirrorLeaseLags(t *testing.T) {
	soon(t, 0)
	for _, reads := range []int64{1, 3, 1 << 30} {
		s, f, disk := mixed(), newFake(t), memDisk()
		o := mirrored(t, disk)
		o.Retries = 5
		halfway(t, s, f, o)
		store := &lagging{fakeTarget: f, key: "in/" + journalName(s.Scope(), o.RunID) + lease.Name(1)}
		store.left.Store(reads)
		res, err := Run(t.Context(), s, store, o)
		if reads < int64(o.Retries) && (err != nil || !res.Complete || res.Attempt != 1) || target.HasCode(err, target.CodeTakenOver) || reads > 100 && res.Complete {
			t.Errorf("%d reads lag: %v, %+v", reads, err, res)
		}
		if _, sent := f.objects["in/dir/f"]; reads > 100 && sent {
			t.Error("an object was stored though the holder was not known")
		}
		if res := mustRun(t, s, f, o); !res.Complete || res.Attempt != 1 {
			t.Errorf("%d reads lag, the next start: %+v", reads, res)
		}
	}
}

// TestMirrorStartLags: a start within moments of the one before is shown the lease as it was
// before that one. It waits, and is not told to be a copy's. A copy is told so, at once where
// its own last start is long ago.
func TestMirrorStartLags(t *testing.T) {
	soon(t, 0)
	for _, c := range []struct {
		reads int64
		later time.Duration
		copy  bool
	}{{1, 0, false}, {3, 0, false}, {1 << 30, 0, true}, {2, time.Hour, true}} {
		s, f, disk := mixed(), newFake(t), memDisk()
		o, now := mirrored(t, disk), time.Now().UTC()
		o.Now = func() time.Time { return now }
		halfway(t, s, f, o)
		store := &lagging{fakeTarget: f, key: "in/" + journalName(s.Scope(), o.RunID) + lease.Name(1)}
		was := f.objects[store.key].data
		halfway(t, s, f, o) // writes the lease anew
		store.was.Store(&was)
		store.left.Store(c.reads)
		now = now.Add(c.later)
		res, err := Run(t.Context(), s, store, o)
		if c.copy != target.HasCode(err, target.CodeStateLocked) || !c.copy && (err != nil || !res.Complete || res.Attempt != 1) {
			t.Errorf("%d reads lag, after %v: %v, %+v", c.reads, c.later, err, res)
		}
		if left := store.left.Load(); c.copy && 1<<30-left > 20 && c.reads > 3 {
			t.Errorf("it was read %d times", 1<<30-left)
		}
	}
}

// TestMirrorListLags: the list of leases is of before this folder took the run over from
// another host. It is asked again before the other host is named.
func TestMirrorListLags(t *testing.T) {
	soon(t, 0)
	for _, lists := range []int{1, 3} {
		s, f, first, disk := mixed(), newFake(t), memDisk(), memDisk()
		halfway(t, s, f, mirrored(t, first))
		halfway(t, s, f, taking(disk))
		store := &oldList{fakeTarget: f, hidden: lease.Name(2), left: lists}
		if res, err := Run(t.Context(), s, store, mirrored(t, disk)); err != nil || !res.Complete || res.Attempt != 2 {
			t.Errorf("%d lists lag: %v, %+v", lists, err, res)
		}
	}
}

// oldList is a store whose lists lack a name for a while.
type oldList struct {
	*fakeTarget
	hidden string
	left   int
}

func (o *oldList) List(ctx context.Context, prefix, after string) ([]target.Listed, string, error) {
	page, next, err := o.fakeTarget.List(ctx, prefix, after)
	if strings.HasSuffix(prefix, mirrorLeases) && o.left > 0 {
		page = slices.DeleteFunc(page, func(l target.Listed) bool { return strings.HasSuffix(l.Key, o.hidden) })
		if next == "" {
			o.left--
		}
	}
	return page, next, err
}
