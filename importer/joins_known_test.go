package importer

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
)

// gateway is a store behind one that gives its Completes up: the parts are joined for a time, in
// which the upload is no more and the object is not shown. No part of a second upload gets through.
type gateway struct {
	joining
	parts  error // of a second upload: nil hangs
	joined int
}

func (g *gateway) CompleteUpload(ctx context.Context, in target.CompleteRequest) (target.Stored, error) {
	if !ours(in.Key) || g.refuses != nil {
		return g.joining.CompleteUpload(ctx, in)
	}
	g.joined++
	g.shows = time.Now().Add(g.takes)
	if _, err := g.deleting.CompleteUpload(ctx, in); err != nil {
		return target.Stored{}, err
	}
	return target.Stored{}, target.Unknown(target.NewError(target.CodeServerError, in.Key, "504 Gateway Timeout", nil))
}

func (g *gateway) UploadPart(ctx context.Context, in target.PartRequest) (string, error) {
	if g.joined == 0 || !ours(in.Key) {
		return g.deleting.UploadPart(ctx, in)
	}
	if g.parts != nil {
		return "", g.parts
	}
	<-ctx.Done()
	return "", ctx.Err()
}

// TestJoinStaysKnown: what a Complete without an answer may yet bring stays known when another
// upload takes the place of its own, when the entry fails, and at later starts here and on another
// host: a cancel names the key, and the one after its time removes what has come.
func TestJoinStaysKnown(t *testing.T) {
	for name, c := range map[string]struct {
		parts  error
		starts int // more than one
		other  bool
	}{
		"a new upload":             {},
		"the entry fails":          {parts: target.NewError(target.CodeRefused, "", "InvalidRequest", nil)},
		"a new upload, two starts": {starts: 1},
		"another host":             {other: true},
		"another host, two starts": {starts: 1, other: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, g := newSource(), &gateway{joining: joining{deleting: deleting{newFake(t)}, takes: 12 * time.Minute}, parts: c.parts}
				s.file("big", pattern(1, 17<<20))
				o := testOptions(t, memDisk())
				o.StatusEvery, o.Backoff, o.JournalInTarget = time.Second, 200*time.Millisecond, c.other
				for range 1 + c.starts {
					ctx, stop := context.WithCancel(t.Context())
					time.AfterFunc(time.Minute, stop)
					if res, err := Run(ctx, s, g, o); res == nil || res.Complete {
						t.Fatalf("%+v, %v", res, err)
					}
					stop()
				}
				if c.other {
					o = taking(memDisk())
					o.Backoff, o.TakeOver = 200*time.Millisecond, time.Second
				}
				for range 2 {
					out, err := Cancel(t.Context(), s, g, o, true)
					if err != nil || len(out.Late) != 1 || g.joined != 1 {
						t.Fatalf("%d Completes: %+v, %v", g.joined, out, err)
					}
				}
				time.Sleep(lateTime + uploadWindow)
				out, err := Cancel(t.Context(), s, g, o, true)
				if err != nil || len(out.Late) > 0 || g.ours() > 0 || out.Deleted != 1 || len(g.uploads) > 0 {
					t.Errorf("%d objects and %d uploads left: %+v, %v", g.ours(), len(g.uploads), out, err)
				}
			})
		})
	}
}

// runFor runs an import that is stopped after a while.
func runFor(t *testing.T, d time.Duration, s entry.Source, to target.Target, o Options) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	time.AfterFunc(d, stop)
	Run(ctx, s, to, o)
}

// TestJoinRefusedLater: that a later start's Complete of the same upload is refused tells nothing of
// the one before, which had no answer.
func TestJoinRefusedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, j := newSource(), &joining{deleting: deleting{newFake(t)}, takes: 12 * time.Minute}
		s.file("big", pattern(1, 17<<20))
		o := testOptions(t, memDisk())
		o.StatusEvery, o.Backoff, o.Retries = time.Second, 200*time.Millisecond, None
		runFor(t, 30*time.Second, s, j, o)
		j.refuses = target.NewError(target.CodeAccessDenied, "", "AccessDenied", nil)
		if res, err := Run(t.Context(), s, j, o); res == nil || res.Complete {
			t.Fatalf("%+v, %v", res, err)
		}
		if out, err := Cancel(t.Context(), s, j, o, true); err != nil || len(out.Late) != 1 {
			t.Errorf("%+v, %v", out, err)
		}
	})
}

// TestJoinSeenForgotten: once the object was seen nothing of it is waited for, and nothing is kept.
func TestJoinSeenForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g, disk := newSource(), &gateway{joining: joining{deleting: deleting{newFake(t)}, takes: 3 * time.Minute}}, memDisk()
		s.file("big", pattern(1, 17<<20))
		o := testOptions(t, disk)
		o.StatusEvery, o.Backoff = time.Second, 200*time.Millisecond
		runFor(t, time.Minute, s, g, o)
		time.Sleep(3 * time.Minute)
		if res := mustRun(t, s, g, o); !res.Complete || g.joined != 1 {
			t.Fatalf("%d Completes: %+v", g.joined, res)
		}
		j, err := openJournal(disk, "")
		if err != nil {
			t.Fatal(err)
		}
		defer j.close()
		if n, err := j.count('u'); n > 0 || err != nil {
			t.Errorf("%d uploads known: %v", n, err)
		}
	})
}

// TestJoinOfOlderLease: the newest host's upload is taken up, and what the Complete of an older
// host's may yet bring stays known.
func TestJoinOfOlderLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, j := newSource(), &joining{deleting: deleting{newFake(t)}, takes: 12 * time.Minute}
		s.file("big", pattern(1, 17<<20))
		o := testOptions(t, memDisk())
		o.StatusEvery, o.Backoff, o.JournalInTarget = time.Second, 200*time.Millisecond, true
		runFor(t, 30*time.Second, s, j, o)
		r, _, err := newRun(t.Context(), s, j, o)
		if err != nil {
			t.Fatal(err)
		}
		defer r.cancel()
		m, err := newMirror(r)
		if err != nil {
			t.Fatal(err)
		}
		sent := time.Now().UTC()
		for lease, p := range map[uint64]pending{0: {At: sent, UploadID: "older", Joins: sent}, 1: {At: sent, UploadID: "newer"}} {
			if err := m.put(t.Context(), uploadName(lease, 0), mirrorUpload{pending: p, Key: "in/big"}, false); err != nil {
				t.Fatal(err)
			}
		}
		o = taking(memDisk())
		o.Backoff, o.TakeOver = 200*time.Millisecond, time.Second
		if out, err := Cancel(t.Context(), s, j, o, true); err != nil || len(out.Late) != 1 {
			t.Errorf("%+v, %v", out, err)
		}
	})
}
