package importer

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// retaining is a bucket with object lock: every write makes a version, which is kept until its
// retention is over.
type retaining struct {
	*fakeTarget
	byDefault target.Retention
	now       time.Time
	wall      bool          // the clock of the test's bubble is the store's
	asks      error         // the answer to the question
	refuses   error         // the answer to a write with a retention of its own
	ahead     time.Duration // of the store's clock

	lk       sync.Mutex
	versions map[string][]version
	n        int
	bare     []string // keys that were left to the default
}

type version struct {
	id    string
	until time.Time
}

func newRetaining(t *testing.T, byDefault target.Retention) *retaining {
	return &retaining{fakeTarget: newFake(t), byDefault: byDefault, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), versions: map[string][]version{}}
}

func (b *retaining) Capabilities() target.Capabilities {
	c := b.fakeTarget.Capabilities()
	c.DefaultRetention = true
	return c
}

func (b *retaining) DefaultRetention(context.Context) (target.Retention, error) {
	return b.byDefault, b.asks
}

// after is the test's clock: waiting for it moves it.
func (b *retaining) after(d time.Duration) <-chan time.Time {
	b.lk.Lock()
	defer b.lk.Unlock()
	b.now = b.now.Add(d)
	c := make(chan time.Time, 1)
	c <- b.now
	return c
}

func (b *retaining) clock() time.Time {
	b.lk.Lock()
	defer b.lk.Unlock()
	return b.tell()
}

// tell is clock for who has the lock.
func (b *retaining) tell() time.Time {
	if b.wall {
		b.now = time.Now()
	}
	return b.now
}

// check refuses a retention, or says until when an object is kept.
func (b *retaining) check(key string, a target.Attributes) (until time.Time, err error) {
	b.lk.Lock()
	defer b.lk.Unlock()
	switch {
	case a.LockMode == "":
		b.bare = append(b.bare, key)
		return b.tell().AddDate(int(b.byDefault.Years), 0, int(b.byDefault.Days)), nil
	case b.refuses != nil:
		return until, b.refuses
	case !a.LockUntil.After(b.tell().Add(b.ahead)):
		return until, target.NewError(target.CodeRefused, key, "InvalidArgument: the retain until date must be in the future", nil)
	}
	return a.LockUntil, nil
}

func (b *retaining) stored(key string, until time.Time, s target.Stored) target.Stored {
	b.lk.Lock()
	defer b.lk.Unlock()
	b.n++
	s.VersionID = fmt.Sprint("v", b.n)
	b.versions[key] = append(b.versions[key], version{s.VersionID, until})
	return s
}

func (b *retaining) Put(ctx context.Context, in target.PutRequest) (target.Stored, error) {
	until, err := b.check(in.Key, in.Attributes)
	if err != nil {
		return target.Stored{}, err
	}
	s, err := b.fakeTarget.Put(ctx, in)
	if err != nil {
		return s, err
	}
	return b.stored(in.Key, until, s), nil
}

func (b *retaining) CreateUpload(ctx context.Context, in target.CreateRequest) (string, error) {
	if _, err := b.check(in.Key, in.Attributes); err != nil {
		return "", err
	}
	return b.fakeTarget.CreateUpload(ctx, in)
}

func (b *retaining) CompleteUpload(ctx context.Context, in target.CompleteRequest) (target.Stored, error) {
	b.mu.Lock()
	var asked target.Attributes
	if u := b.uploads[in.UploadID]; u != nil {
		asked = u.asked
	}
	b.mu.Unlock()
	s, err := b.fakeTarget.CompleteUpload(ctx, in)
	if err != nil {
		return s, err
	}
	until := asked.LockUntil
	if asked.LockMode == "" {
		until = b.clock().AddDate(1, 0, 0)
	}
	return b.stored(in.Key, until, s), nil
}

func (b *retaining) Head(ctx context.Context, key string) (target.Object, error) {
	obj, err := b.fakeTarget.Head(ctx, key)
	b.lk.Lock()
	defer b.lk.Unlock()
	if all := b.versions[key]; err == nil && len(all) > 0 {
		obj.VersionID = all[len(all)-1].id
	}
	return obj, err
}

func (b *retaining) Delete(ctx context.Context, key, id string) error {
	b.lk.Lock()
	all := b.versions[key]
	at := slices.IndexFunc(all, func(v version) bool { return v.id == id })
	switch {
	case id == "":
		b.lk.Unlock()
		return b.fakeTarget.Delete(ctx, key, id) // a delete marker
	case at >= 0 && b.tell().Before(all[at].until):
		b.lk.Unlock()
		return target.NewError(target.CodeObjectLocked, key, "object is locked", nil)
	case at >= 0:
		b.versions[key] = slices.Delete(all, at, at+1)
	}
	left := len(b.versions[key])
	b.lk.Unlock()
	if left > 0 {
		return nil
	}
	return b.fakeTarget.Delete(ctx, key, id)
}

// small are the keys of the import's own objects that are in the bucket.
func (b *retaining) small() (keys []string) {
	for key, all := range b.versions {
		if strings.Contains(key, "/.sledge-") && len(all) > 0 {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

func retentionOptions(t *testing.T, b *retaining) (Options, *[]*target.Error) {
	o, told := testOptions(t, memDisk()), &[]*target.Error{}
	o.Now, o.After = b.clock, b.after
	o.Problem = func(e *target.Error) { *told = append(*told, e) }
	return o, told
}

// TestDefaultRetention: in a bucket that keeps every object for years the small objects of the
// import have a retention of a minute, are removed when that is over, and the objects of the
// import keep the bucket's own.
func TestDefaultRetention(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"clocks agree": 0, "the store's is ahead": 10 * time.Minute} {
		for _, cancel := range []bool{false, true} {
			b := newRetaining(t, target.Retention{Mode: "COMPLIANCE", Days: 0, Years: 7, Lock: true})
			b.ahead = ahead
			s := newSource()
			s.file("a", []byte("hello"))
			o, told := retentionOptions(t, b)
			if cancel {
				b.hook = func(_ int, call, key string) (bool, error) {
					return true, when(target.NewError(target.CodeCredentialsRefused, key, "no", nil), key == "in/a")
				}
			}
			res, err := Run(t.Context(), s, b, o)
			if !strings.Contains(res.Probe.String(), "keeps each object by default (COMPLIANCE for 7 years)") {
				t.Errorf("%s: %s", name, res.Probe)
			}
			if cancel {
				b.hook = nil
				*told = nil
				if _, err := Cancel(t.Context(), s, b, o, false); err != nil {
					t.Error(err)
				}
			} else if err != nil || !res.Complete || !slices.Equal(b.bare, []string{"in/a"}) {
				t.Errorf("%s: %v, %+v, left to the default: %q", name, err, res, b.bare)
			}
			if small := b.small(); ahead == 0 && (len(small) > 0 || len(*told) > 0) {
				t.Errorf("%s: left %q, told %v", name, small, *told)
			} else if ahead > 0 && (len(small) == 0 || !toldOf(*told, target.CodeProbeLeft)) {
				t.Errorf("%s: left %q, told %v", name, small, *told)
			}
			if ahead == 0 || cancel {
				continue
			}
			b.now, *told = b.now.Add(time.Hour), nil // the next run's probe takes them away
			o.StateDir = memDisk()
			if res := mustRun(t, s, b, o); !res.Complete {
				t.Errorf("%+v", res)
			}
		}
	}
}

func toldOf(told []*target.Error, code target.Code) bool {
	return slices.ContainsFunc(told, func(e *target.Error) bool { return e.Code == code })
}

// TestDefaultRetentionRefused: where no shorter retention is taken, what will stay for years is
// said before it is written.
func TestDefaultRetentionRefused(t *testing.T) {
	for _, code := range []target.Code{target.CodeRefused, target.CodeAccessDenied} {
		for _, mirrored := range []bool{false, true} {
			b := newRetaining(t, target.Retention{Mode: "GOVERNANCE", Days: 30, Years: 0, Lock: true})
			b.refuses = target.NewError(code, "", "no retention of yours", nil)
			s := newSource()
			s.file("a", []byte("hello"))
			o, told := retentionOptions(t, b)
			o.JournalInTarget = mirrored
			first, log := "", &lockedText{}
			o.Log = slog.New(slog.NewTextHandler(log, nil))
			b.hook = func(_ int, call, key string) (bool, error) {
				if call == "put" && !strings.Contains(log.String(), "is refused (no retention of yours), and tried without") {
					first = "written before it was said"
				}
				return true, nil
			}
			res := mustRun(t, s, b, o)
			if !res.Complete || len(*told) == 0 || (*told)[0].Code != target.CodeKeptByDefault || !strings.Contains((*told)[0].Cause, "GOVERNANCE for 30 days") || first != "" {
				t.Errorf("%s, %v: %+v, told %v %s", code, mirrored, res, *told, first)
			}
			if res.Named[target.CodeKeptByDefault] != 1 || !toldOf(*told, target.CodeProbeLeft) {
				t.Errorf("%s, %v: told %v", code, mirrored, *told)
			}
		}
	}
}

// TestDefaultRetentionUnknown: a store without the call, or without the right to it, takes the
// import, and the receipt says that it is not known.
func TestDefaultRetentionUnknown(t *testing.T) {
	for code, want := range map[target.Code]string{target.CodeRefused: "no such call", target.CodeAccessDenied: "s3:GetBucketObjectLockConfiguration", target.CodeNotFound: "", target.CodeServerError: "InternalError"} {
		b := newRetaining(t, target.Retention{})
		b.asks = target.NewError(code, "", "InternalError", nil)
		s := newSource()
		s.file("a", []byte("hello"))
		o, _ := retentionOptions(t, b)
		res := mustRun(t, s, b, o)
		if !res.Complete || !strings.Contains(res.Probe.String(), want) || want == "" && res.Probe.Retention != "" {
			t.Errorf("%s: %+v, %s", code, res, res.Probe)
		}
	}
}

// TestJournalVersionsRemoved: in a bucket with versions a journal in the target is removed by
// its versions, and not hidden.
func TestJournalVersionsRemoved(t *testing.T) {
	b := newRetaining(t, target.Retention{Mode: "COMPLIANCE", Days: 0, Years: 7, Lock: true})
	s := newSource()
	s.file("a", []byte("hello"))
	o, _ := retentionOptions(t, b)
	o.JournalInTarget = true
	b.hook = func(_ int, call, key string) (bool, error) {
		if key == "in/a" {
			return true, target.NewError(target.CodeCredentialsRefused, key, "no", nil)
		}
		return true, nil
	}
	if _, err := Run(t.Context(), s, b, o); err == nil {
		t.Fatal("the run was not refused")
	}
	b.hook = nil
	out, err := Cancel(t.Context(), s, b, o, false)
	if err != nil {
		t.Fatal(err)
	}
	for key, all := range b.versions {
		if _, shown := b.objects[key]; !shown && len(all) > 0 {
			t.Errorf("%s: %d versions are there, and hidden; told is %+v", key, len(all), out)
		}
	}
}

// TestProbeRemovesManyVersions: what is called removed is, however many versions it has.
func TestProbeRemovesManyVersions(t *testing.T) {
	const key = "in/" + probe.Prefix + "put"
	for _, n := range []int{12, maxMarkerVersions + 5} {
		b := newRetaining(t, target.Retention{})
		for range n {
			if _, err := b.Put(t.Context(), target.PutRequest{Key: key, Body: strings.NewReader("x"), Size: 1, SHA256: [32]byte(sum([]byte("x")))}); err != nil {
				t.Fatal(err)
			}
		}
		b.now = b.now.AddDate(100, 0, 0)
		p := probe.New(b, request.New(testOptions(t, memDisk()).calls(), nil), "in/"+probe.Prefix, target.Attributes{})
		if err := p.Remove(t.Context(), key); (err == nil) != (len(b.versions[key]) == 0) {
			t.Errorf("%d versions: %v, %d are left", n, err, len(b.versions[key]))
		}
	}
}
