package importer

import (
	"bytes"
	"context"
	"io"
	"sync/atomic"
	"testing"
)

// lagging is a store, or a cache before it, that shows for some reads what a lease was before
// it was written anew.
type lagging struct {
	*fakeTarget
	key  string
	was  atomic.Pointer[[]byte]
	left atomic.Int64
}

func (l *lagging) Put(ctx context.Context, in PutRequest) (Stored, error) {
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
		store := &lagging{fakeTarget: f, key: "in/" + journalName(s.Scope(), o.RunID) + leaseName(1)}
		store.left.Store(reads)
		res, err := Run(t.Context(), s, store, o)
		if reads < int64(o.Retries) && (err != nil || !res.Complete || res.Attempt != 1) || hasCode(err, CodeTakenOver) || reads > 100 && res.Complete {
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
