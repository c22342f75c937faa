package importer

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
)

// seenStore holds one object. Its behaviour towards conditions is the test's, and others
// store into it between any two calls.
type seenStore struct {
	*fakeTarget
	etag       string // "": nothing is there
	ifMatch    string // "takes", "refuses", "ignores", "never matches"
	between    func(call string)
	deleted    []string // ETags
	conditions int
	lose       int // answers of deletes that are lost
}

func (s *seenStore) Head(_ context.Context, key string) (target.Object, error) {
	s.between("head")
	if s.etag == "" {
		return target.Object{}, target.NotFound(key)
	}
	return target.Object{ETag: s.etag, Size: 1}, nil
}

func (s *seenStore) Delete(context.Context, string, string) error {
	s.between("delete")
	if s.etag != "" {
		s.deleted = append(s.deleted, s.etag)
	}
	s.etag = ""
	if s.lose--; s.lose >= 0 {
		return target.Unknown(target.NewError(target.CodeConnectionLost, "k", "reset", nil))
	}
	return nil
}

func (s *seenStore) Capabilities() target.Capabilities {
	c := s.fakeTarget.Capabilities()
	c.DeleteSeen = true
	return c
}

func (s *seenStore) DeleteSeen(ctx context.Context, key, version, etag string) error {
	s.conditions++
	switch s.ifMatch {
	case "refuses":
		return target.NewError(target.CodeRefused, key, "NotImplemented", nil)
	case "ignores":
		return s.Delete(ctx, key, version)
	case "never matches":
		return target.NewError(target.CodeKeyExists, key, "PreconditionFailed", nil)
	}
	s.between("delete")
	if s.etag == "" {
		return target.NotFound(key)
	}
	if s.etag != etag {
		return target.NewError(target.CodeKeyExists, key, "PreconditionFailed", nil)
	}
	return s.Delete(ctx, key, version)
}

// TestDeleteSeen: what somebody has stored between the look and the delete stays, also
// where the delete's answer is lost and it is made once more.
func TestDeleteSeen(t *testing.T) {
	theirs := func(on string, nth int) func(s *seenStore) func(string) {
		return func(s *seenStore) func(string) {
			n := 0
			return func(call string) {
				if call == on {
					if n++; n == nth {
						s.etag = "theirs"
					}
				}
			}
		}
	}
	never := func(*seenStore) func(string) { return func(string) {} }
	for _, c := range []struct {
		name, ifMatch string
		between       func(*seenStore) func(string)
		lose          int
		old           bool // the look is old
		replaced      bool
		left          string
		conditions    int
	}{
		{name: "nobody", ifMatch: "takes", between: never, conditions: 1},
		{name: "nobody, answer lost", ifMatch: "takes", between: never, lose: 1, conditions: 1},
		{name: "in between", ifMatch: "takes", between: theirs("delete", 1), replaced: true, left: "theirs", conditions: 1},
		{name: "behind a lost answer", ifMatch: "takes", between: theirs("head", 1), lose: 1, replaced: true, left: "theirs", conditions: 1},
		{name: "behind a lost answer, no condition", ifMatch: "ignores", between: theirs("head", 1), lose: 1, replaced: true, left: "theirs", conditions: 1},
		{name: "since an old look, no condition", ifMatch: "ignores", between: theirs("head", 1), old: true, replaced: true, left: "theirs"},
		{name: "refused condition", ifMatch: "refuses", between: never, conditions: 1},
		{name: "refused condition, replaced", ifMatch: "refuses", between: theirs("head", 1), replaced: true, left: "theirs", conditions: 1},
		{name: "a condition that compares otherwise", ifMatch: "never matches", between: never, replaced: true, left: "ours", conditions: 1},
	} {
		s := &seenStore{fakeTarget: newFake(t), etag: "ours", ifMatch: c.ifMatch, lose: c.lose}
		s.between = c.between(s)
		r, _, err := newRun(context.Background(), mixed(), s, testOptions(t, memDisk()))
		if err != nil {
			t.Fatal(err)
		}
		at := r.opts.Now()
		if c.old {
			at = at.Add(-time.Minute)
		}
		replaced, err := r.deleteSeen(context.Background(), "k", target.Object{ETag: "ours", Size: 1}, at)
		if err != nil || replaced != c.replaced || s.etag != c.left || s.conditions != c.conditions {
			t.Errorf("%s: replaced %v, %v; left %q, deleted %q, %d conditions", c.name, replaced, err, s.etag, s.deleted, s.conditions)
		}
		for _, etag := range s.deleted {
			if etag != "ours" {
				t.Errorf("%s: %q was deleted", c.name, etag)
			}
		}
		if refuses := c.ifMatch == "refuses" || c.ifMatch == "never matches"; r.noSeenDelete.Load() != (refuses && !c.replaced) {
			t.Errorf("%s: conditions are given up: %v", c.name, r.noSeenDelete.Load())
		}
		r.cancel()
	}
}

// TestCancelLeavesWhatCameBetween: the whole of a cancel, with one object replaced after
// HEAD has shown it.
func TestCancelLeavesWhatCameBetween(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	o := testOptions(t, disk)
	o.Concurrency = 1
	mustRun(t, s, f, o)
	lost := false
	out, err := Cancel(context.Background(), s, lostDelete{deleting{f}, func(key string) bool {
		if key != "in/a" || lost {
			return false
		}
		lost = true
		return true
	}}, o, true)
	if err != nil || out.Deleted != 7 || out.Changed != 1 || out.Failed != 0 || string(f.objects["in/a"].data) != "theirs" {
		t.Errorf("%+v, %v, %q", out, err, f.objects["in/a"].data)
	}
}

// lostDelete loses the answer to a delete, behind which somebody stores the key.
type lostDelete struct {
	deleting
	lose func(key string) bool
}

func (l lostDelete) Delete(ctx context.Context, key, version string) error {
	err := l.deleting.Delete(ctx, key, version)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lose(key) {
		l.objects[key] = fakeObject{data: []byte("theirs"), key: key}
		return errors.Join(err, target.Unknown(target.NewError(target.CodeConnectionLost, key, "reset", nil)))
	}
	return err
}

// TestS3DeleteSeen: the condition is S3's, with the ETag as the store has told it.
func TestS3DeleteSeen(t *testing.T) {
	var got http.Header
	var query string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, query = r.Header.Clone(), r.URL.Query().Get("versionId")
		w.WriteHeader(http.StatusPreconditionFailed)
	}))
	defer server.Close()
	to, err := NewS3(t.Context(), Options{Config: s3.Config{Bucket: "bucket", Endpoint: server.URL, PathStyle: true, Profile: "generic", Credentials: &s3.Credentials{AccessKey: "a", SecretKey: "secretsecret"}}})
	if err != nil {
		t.Fatal(err)
	}
	err = to.DeleteSeen(context.Background(), "k", target.NullVersion, `"abc"`)
	if !target.HasCode(err, target.CodeKeyExists) || got.Get("If-Match") != `"abc"` || query != target.NullVersion {
		t.Errorf("%v; If-Match %q, version %q", err, got.Get("If-Match"), query)
	}
}
