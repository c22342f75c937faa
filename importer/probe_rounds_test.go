package importer

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/importer/target"
)

// distant is a target each call of which takes a second: time counts the rounds, and calls that are
// under way together are one.
type distant struct {
	*fakeTarget
	began time.Time
	mu    sync.Mutex
	trail []string
	first time.Duration // until an object is sent
}

func (a *distant) trip(call, key string) {
	a.mu.Lock()
	a.trail = append(a.trail, time.Since(a.began).String()+" "+call+" "+key)
	if a.first == 0 && call == "put" && !strings.Contains(key, ".sledge-") {
		a.first = time.Since(a.began)
	}
	a.mu.Unlock()
	time.Sleep(time.Second)
}

func (a *distant) Put(ctx context.Context, in target.PutRequest) (target.Stored, error) {
	a.trip("put", in.Key)
	return a.fakeTarget.Put(ctx, in)
}

func (a *distant) CreateUpload(ctx context.Context, in target.CreateRequest) (string, error) {
	a.trip("create", in.Key)
	return a.fakeTarget.CreateUpload(ctx, in)
}

func (a *distant) UploadPart(ctx context.Context, in target.PartRequest) (string, error) {
	a.trip("part", in.Key)
	return a.fakeTarget.UploadPart(ctx, in)
}

func (a *distant) CompleteUpload(ctx context.Context, in target.CompleteRequest) (target.Stored, error) {
	a.trip("complete", in.Key)
	return a.fakeTarget.CompleteUpload(ctx, in)
}

func (a *distant) AbortUpload(ctx context.Context, key, id string) error {
	a.trip("abort", key)
	return a.fakeTarget.AbortUpload(ctx, key, id)
}

func (a *distant) ListUploads(ctx context.Context, key string, each func(target.Upload) error) error {
	a.trip("uploads", key)
	return a.fakeTarget.ListUploads(ctx, key, each)
}

func (a *distant) Head(ctx context.Context, key string) (target.Object, error) {
	a.trip("head", key)
	return a.fakeTarget.Head(ctx, key)
}

func (a *distant) Get(ctx context.Context, key, version string) (io.ReadCloser, error) {
	a.trip("get", key)
	return a.fakeTarget.Get(ctx, key, version)
}

func (a *distant) Delete(ctx context.Context, key, version string) error {
	a.trip("delete", key)
	return a.fakeTarget.Delete(ctx, key, version)
}

func (a *distant) List(ctx context.Context, prefix, after string) ([]target.Listed, string, error) {
	a.trip("list", prefix)
	return a.fakeTarget.List(ctx, prefix, after)
}

func (a *distant) Capabilities() target.Capabilities {
	c := a.fakeTarget.Capabilities()
	c.DefaultRetention = true
	return c
}

func (a *distant) DefaultRetention(context.Context) (target.Retention, error) {
	a.trip("retention", "")
	return target.Retention{}, nil
}

// TestRoundsUntilFirstObject: how often a start waits for the store before it sends the first object.
func TestRoundsUntilFirstObject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a := newSource(), &distant{fakeTarget: newFake(t), began: time.Now()}
		s.file("a", []byte("hello"))
		o := testOptions(t, memDisk())
		o.Concurrency = DefaultConcurrency
		mustRun(t, s, a, o)
		if rounds := int(a.first / time.Second); rounds == 0 || rounds > 10 {
			t.Errorf("the first object after %d rounds:\n%s", rounds, strings.Join(a.trail, "\n"))
		}
	})
}
