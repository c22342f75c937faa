package importer

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/audit"
)

// markerFaults is a store that is at fault at the commit marker alone.
type markerFaults struct {
	*fakeTarget
	silent bool // requests about it are never answered
	busy   int  // so many reads of it are told to slow down
	puts   int
	put    func(n int, store func() (target.Stored, error)) (target.Stored, error)
}

func (m *markerFaults) Get(ctx context.Context, key, version string) (io.ReadCloser, error) {
	if m.silent && key == "in/"+testMarker {
		return nil, end(ctx)
	}
	if m.busy > 0 && key == "in/"+testMarker {
		m.busy--
		return nil, target.NewError(target.CodeThrottled, "", "slow down", nil)
	}
	return m.fakeTarget.Get(ctx, key, version)
}

func (m *markerFaults) Put(ctx context.Context, in target.PutRequest) (target.Stored, error) {
	store := func() (target.Stored, error) { return m.fakeTarget.Put(ctx, in) }
	if m.silent && in.Key == "in/"+testMarker {
		return target.Stored{}, end(ctx)
	}
	if m.put == nil || in.Key != "in/"+testMarker {
		return store()
	}
	m.puts++
	return m.put(m.puts, store)
}

// TestCommitCalls: a commit marker is written by calls that have their time, are repeated where
// that is safe, and whose lost answers are looked after.
func TestCommitCalls(t *testing.T) {
	for _, test := range []struct {
		name  string
		put   func(n int, store func() (target.Stored, error)) (target.Stored, error)
		puts  int
		fails target.Code
	}{
		{"busy, then stored", func(n int, store func() (target.Stored, error)) (target.Stored, error) {
			if n < 3 {
				return target.Stored{}, target.NewError(target.CodeThrottled, "", "SlowDown", nil)
			}
			return store()
		}, 3, ""},
		{"stored, and the answer lost", func(_ int, store func() (target.Stored, error)) (target.Stored, error) {
			if _, err := store(); err != nil {
				return target.Stored{}, err
			}
			return target.Stored{}, lostAnswer
		}, 1, ""},
		{"not stored, and the answer lost", func(n int, store func() (target.Stored, error)) (target.Stored, error) {
			if n == 1 {
				return target.Stored{}, lostAnswer
			}
			return store()
		}, 2, ""},
		{"refused", func(int, func() (target.Stored, error)) (target.Stored, error) {
			return target.Stored{}, target.NewError(target.CodeAccessDenied, "", "no", nil)
		}, 1, target.CodeAccessDenied},
	} {
		s, m := newSource(), &markerFaults{fakeTarget: newFake(t)}
		s.file("a", []byte("hello"))
		o := testOptions(t, memDisk())
		o.Marker = testMarker
		res := mustRun(t, s, m, o)
		m.put = test.put
		err := commit(t.Context(), res)
		_, there := m.objects["in/"+testMarker]
		if (err == nil) != (test.fails == "") || err != nil && !target.HasCode(err, test.fails) || there != (err == nil) || m.puts != test.puts {
			t.Errorf("%s: %d writes, there %v: %v", test.name, m.puts, there, err)
		}
	}
}

// TestCommitOther: a marker in our marker's place stays.
func TestCommitOther(t *testing.T) {
	s, f := newSource(), newFake(t)
	s.file("a", []byte("hello"))
	o := testOptions(t, memDisk())
	o.Marker = testMarker
	res := mustRun(t, s, f, o)
	f.objects["in/"+testMarker] = fakeObject{data: []byte("another")}
	if err := commit(t.Context(), res); !errors.Is(err, ErrOtherMarker) || string(f.objects["in/"+testMarker].data) != "another" {
		t.Error(err)
	}
}

// TestCommitSilence: a store that takes requests and does not answer those about the commit
// marker ends the look, in each place that has one.
func TestCommitSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := newSource(), &markerFaults{fakeTarget: newFake(t)}
		s.file("a", []byte("hello"))
		o := testOptions(t, memDisk())
		o.Marker, o.Retries = testMarker, 1
		res := mustRun(t, s, m, o)
		m.silent = true
		look := func(ctx context.Context, at *CommitStore) (bool, error) {
			_, err := at.Read(ctx)
			return false, err
		}
		for _, one := range []struct {
			name string
			ask  func() error
		}{
			{"commit", func() error { return commit(t.Context(), res) }},
			{"a look", func() error {
				_, err := audit.ReadObject(t.Context(), m, audit.ObjectOptions{Retries: 1}, "in/"+testMarker, 10)
				return err
			}},
			{"a start", func() error { o := o; o.Committed = look; _, err := Run(t.Context(), s, m, o); return err }},
			{"its cancel", func() error { _, err := Cancel(t.Context(), s, m, withUncommit(o), true); return err }},
		} {
			began := time.Now()
			err := one.ask()
			if took := time.Since(began); !target.HasCode(err, target.CodeConnectionLost) || took > 11*time.Minute {
				t.Errorf("%s: after %v: %v", one.name, took, err)
			}
		}
	})
}

// withUncommit has a cancel look at the marker.
func withUncommit(o Options) Options {
	o.Uncommit = func(ctx context.Context, at *CommitStore) error {
		_, err := at.Read(ctx)
		return err
	}
	return o
}
