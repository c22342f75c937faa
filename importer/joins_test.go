package importer

import (
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
)

// joining is a store that joins the parts of an upload for a time, in which it neither answers nor
// shows the object.
type joining struct {
	deleting
	takes   time.Duration
	refuses error // what a Complete is answered with, and nothing is joined
	shows   time.Time
}

func (j *joining) CompleteUpload(ctx context.Context, in target.CompleteRequest) (target.Stored, error) {
	if !ours(in.Key) || j.refuses != nil {
		if j.refuses != nil && ours(in.Key) {
			return target.Stored{}, j.refuses
		}
		return j.deleting.CompleteUpload(ctx, in)
	}
	j.shows = time.Now().Add(j.takes)
	stored, err := j.deleting.CompleteUpload(ctx, in)
	select {
	case <-time.After(j.takes):
		return stored, err
	case <-ctx.Done():
		return target.Stored{}, ctx.Err()
	}
}

func (j *joining) hides(key string) bool { return key == "in/big" && time.Now().Before(j.shows) }

func (j *joining) Head(ctx context.Context, key string) (target.Object, error) {
	if j.hides(key) {
		return target.Object{}, target.NotFound(key)
	}
	return j.deleting.Head(ctx, key)
}

func (j *joining) Get(ctx context.Context, key, version string) (io.ReadCloser, error) {
	if j.hides(key) {
		return nil, target.NotFound(key)
	}
	return j.deleting.Get(ctx, key, version)
}

// TestStopWaitsForJoin: a stop from another terminal waits for the answer to a Complete, minutes
// if need be, and says so; nothing is left that nobody knows of.
func TestStopWaitsForJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, j, o := mixed(), &joining{deleting: deleting{newFake(t)}, takes: 3 * time.Minute}, testOptions(t, memDisk())
		o.StatusEvery = time.Second
		time.AfterFunc(10*time.Second, func() { asks(t, o, status.WantStop) })
		waits := ""
		time.AfterFunc(2*time.Minute, func() { waits = statusTold(t, o).Waits })
		began := time.Now()
		res, err := Run(t.Context(), s, j, o)
		if took := time.Since(began); err != nil || !res.Interrupted || res.Unfinished > 0 || took < 3*time.Minute || took > 4*time.Minute {
			t.Errorf("after %v: %v, %+v", took, err, res)
		}
		if !strings.Contains(waits, request.CompleteMultipartUpload) {
			t.Errorf("the status says %q", waits)
		}
		if is := statusTold(t, o); is.Waits != "" || is.State != request.StateStopped {
			t.Errorf("in the end %q %q", is.State, is.Waits)
		}
		out, err := Cancel(t.Context(), s, j, o, true)
		if err != nil || len(out.Late) > 0 || j.ours() > 0 {
			t.Errorf("%d objects left: %+v, %v", j.ours(), out, err)
		}
	})
}

// TestCancelLateJoin: an object that a Complete without an answer may yet bring is named by the
// cancel; it stays known, and the call after its time finds what has come.
func TestCancelLateJoin(t *testing.T) {
	for _, c := range []struct {
		name    string
		takes   time.Duration
		refuses error
		late    bool // named
		deletes uint64
	}{
		{name: "appears soon", takes: 40 * time.Second, deletes: 1},
		{name: "appears in ten minutes", takes: 10 * time.Minute, late: true},
		{name: "refused", refuses: target.NewError(target.CodeAccessDenied, "", "no", nil)},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, j, disk := newSource(), &joining{deleting: deleting{newFake(t)}, takes: c.takes, refuses: c.refuses}, memDisk()
				s.file("big", pattern(1, 17<<20))
				o := testOptions(t, disk)
				o.StatusEvery, o.Backoff = time.Second, 200*time.Millisecond
				ctx, stop := context.WithCancel(t.Context())
				time.AfterFunc(30*time.Second, stop)
				if res, err := Run(ctx, s, j, o); err == nil && !res.Interrupted {
					t.Fatalf("%+v", res)
				}
				stop()
				out, err := Cancel(t.Context(), s, j, o, true)
				if err != nil || (len(out.Late) == 1) != c.late || out.Deleted != c.deletes {
					t.Fatalf("%+v, %v", out, err)
				}
				if c.late && (out.Late[0].Key != "in/big" || out.Late[0].Call != request.CompleteMultipartUpload || len(canceledLines(t, disk, out.List)) != 1) {
					t.Errorf("%+v", out.Late)
				}
				time.Sleep(5 * time.Minute)
				if out, err = Cancel(t.Context(), s, j, o, true); err != nil || (len(out.Late) == 1) != c.late {
					t.Errorf("five minutes later: %+v, %v", out, err)
				}
				time.Sleep(lateTime)
				if out, err = Cancel(t.Context(), s, j, o, true); err != nil || len(out.Late) > 0 || j.ours() > 0 || out.Deleted == 1 != c.late {
					t.Errorf("in the end %d objects: %+v, %v", j.ours(), out, err)
				}
			})
		})
	}
}
