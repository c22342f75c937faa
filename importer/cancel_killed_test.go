package importer

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// killedAt runs until the nth request that stores an object, and gives the state folder
// as a process leaves it that is killed, or loses its power, before that one's answer.
func killedAt(t *testing.T, s *fakeSource, f *fakeTarget, n int) vfs.FS {
	t.Helper()
	disk := memDisk()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var crashed vfs.FS
	stores := 0
	f.hook = func(_ int, call, key string) (bool, error) {
		if !ours(key) || call != "put" && call != "complete" {
			return true, nil
		}
		if stores++; stores == n {
			crashed = disk.CrashClone(newRand(int64(n)), 50)
			cancel()
		}
		return true, nil
	}
	Run(ctx, s, f, testOptions(t, disk))
	f.hook = nil
	return crashed
}

// marked are the keys of the objects that say of themselves that they are the run's.
func (f *fakeTarget) marked(run string) (keys []string) {
	for key, o := range f.objects {
		if o.metadata[plan.MetaRun] == run {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// foreign puts an object of somebody else under each key of a source that has none: of
// no run, of another one, of this one by its own word and of another entry.
func (f *fakeTarget) foreign(s *fakeSource) map[string]fakeObject {
	marks := []map[string]string{nil, {plan.MetaEntry: "x", plan.MetaRun: "run-2"}, {plan.MetaEntry: "x", plan.MetaRun: "run-1"}}
	planted := map[string]fakeObject{}
	for i, key := range slices.Sorted(maps.Keys(s.objects("in/"))) {
		if _, ok := f.objects[key]; !ok {
			planted[key] = fakeObject{data: []byte("theirs"), metadata: marks[i%len(marks)]}
		}
	}
	maps.Copy(f.objects, planted)
	return planted
}

// TestCancelKilled: a process is killed between each request that stores an object and
// the journal's line. Cancel names all that it had stored, or deletes it, and neither
// touches nor names what others have under the keys that it had not come to.
func TestCancelKilled(t *testing.T) {
	unjournalled := 0
	for n := 1; n <= 8; n++ {
		for _, remove := range []bool{false, true} {
			s, f := mixed(), newFake(t)
			crashed := killedAt(t, s, f, n)
			mine := f.marked("run-1")
			planted := f.foreign(s)
			o := testOptions(t, crashed)
			out, err := Cancel(context.Background(), s, deleting{f}, o, remove)
			if err != nil {
				t.Fatalf("killed at %d: %v", n, err)
			}
			what, count := "left ", out.Left
			if remove {
				what, count = "deleted ", out.Deleted
			}
			var named []string
			for _, line := range canceledLines(t, crashed, out.List) {
				key, ok := strings.CutPrefix(line, what)
				if !ok {
					t.Errorf("killed at %d: line %q", n, line)
				}
				named = append(named, key)
			}
			if !slices.Equal(named, mine) || count != uint64(len(mine)) || out.Changed+out.Failed != 0 {
				t.Errorf("killed at %d, remove %v: named %q of %q, %+v", n, remove, named, mine, out)
			}
			for key, o := range planted {
				if string(f.objects[key].data) != string(o.data) {
					t.Errorf("killed at %d: somebody else's %s was touched", n, key)
				}
			}
			if left := len(f.objects) - len(planted); remove && left > 0 || len(f.uploads) > 0 {
				t.Errorf("killed at %d: %d objects and %d uploads are left", n, left, len(f.uploads))
			}
			unjournalled += len(mine)
		}
	}
	t.Logf("figure: %d objects of processes that were killed", unjournalled)
}

// TestCancelLostAnswer: an object whose entry failed, for want of the answer to its PUT,
// may be there.
func TestCancelLostAnswer(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	o := testOptions(t, disk)
	o.Retries = 1
	f.hook = func(_ int, call, key string) (bool, error) {
		if key == "in/a" && call == "put" {
			return true, lostAnswer
		}
		if key == "in/a" && call == "head" {
			return false, target.NewError(target.CodeRefused, "", "no", nil)
		}
		return true, nil
	}
	if res := mustRun(t, s, f, o); res.Tally.Outcomes[entry.OutcomeFailed] != 1 {
		t.Fatalf("%+v", res.Tally)
	}
	f.hook = nil
	if out, err := Cancel(context.Background(), s, deleting{f}, o, true); err != nil || out.Deleted != 8 || len(f.objects) > 0 {
		t.Errorf("%+v, %v, left %d", out, err, len(f.objects))
	}
}

// TestCancelCrash takes the power of Cancel at each object that it deletes: the same
// command again goes on.
func TestCancelCrash(t *testing.T) {
	for n := 1; n <= 8; n++ {
		s, f := mixed(), newFake(t)
		crashed := killedAt(t, s, f, 8)
		planted := f.foreign(s)
		disk := crashed.(*vfs.Mem)
		var again vfs.FS
		ctx, cancel := context.WithCancel(context.Background())
		deleted := 0
		d := deletesTold{deleting{f}, func() {
			if deleted++; deleted == n {
				again = disk.CrashClone(newRand(int64(n)), 50)
				cancel()
			}
		}}
		if _, err := Cancel(ctx, s, d, testOptions(t, crashed), true); again == nil || err != nil && !errors.Is(err, context.Canceled) {
			t.Fatalf("%d deleted: %v", deleted, err)
		}
		cancel()
		if _, err := Cancel(context.Background(), s, d, testOptions(t, again), true); err != nil || len(f.objects) != len(planted) {
			t.Errorf("cut off at %d: %v, %d objects, %d of others", n, err, len(f.objects), len(planted))
		}
	}
}

// deletesTold tells of each object that is deleted.
type deletesTold struct {
	deleting
	told func()
}

func (d deletesTold) Delete(ctx context.Context, key, version string) error {
	err := d.deleting.Delete(ctx, key, version)
	d.mu.Lock()
	defer d.mu.Unlock()
	if ours(key) {
		d.told()
	}
	return err
}

// meeting lets no HEAD of an entry go before a second one is under way.
type meeting struct {
	*fakeTarget
	once sync.Once
	came chan struct{}
	met  chan struct{}
}

func (m *meeting) Head(ctx context.Context, key string) (target.Object, error) {
	if ours(key) {
		select {
		case m.came <- struct{}{}:
		case <-m.came:
			m.once.Do(func() { close(m.met) })
		case <-m.met:
		case <-time.After(10 * time.Minute):
			m.t.Errorf("%s is asked for alone", key)
		}
	}
	return m.fakeTarget.Head(ctx, key)
}

// TestCancelAtOnce: entries are asked for several at once.
func TestCancelAtOnce(t *testing.T) {
	s, f := mixed(), newFake(t)
	crashed := killedAt(t, s, f, 1)
	m := &meeting{fakeTarget: f, came: make(chan struct{}), met: make(chan struct{})}
	if _, err := Cancel(context.Background(), s, m, testOptions(t, crashed), false); err != nil {
		t.Error(err)
	}
}

// TestCancelStops: Ctrl-C ends a cancel between two entries, and the same again goes on.
func TestCancelStops(t *testing.T) {
	s, f := newSource(), newFake(t)
	for i := range 100 {
		s.file(string([]byte{'a' + byte(i/26), 'a' + byte(i%26)}), []byte{byte(i)})
	}
	crashed := killedAt(t, s, f, 50)
	mine := f.marked("run-1")
	ctx, cancel := context.WithCancel(context.Background())
	heads := 0
	f.hook = func(_ int, call, key string) (bool, error) {
		if call == "head" && ours(key) {
			heads++
			cancel()
		}
		return true, nil
	}
	o := testOptions(t, crashed)
	if out, err := Cancel(ctx, s, f, o, false); !errors.Is(err, context.Canceled) || out == nil || heads > o.Concurrency {
		t.Errorf("%v after %d calls, %+v", err, heads, out)
	}
	f.hook = nil
	if out, err := Cancel(context.Background(), s, f, o, false); err != nil || out.Left != uint64(len(mine)) {
		t.Errorf("%+v, %v, of %d objects", out, err, len(mine))
	}
}

// TestCancelUnbegun: where nothing was ever sent, nothing is asked for.
func TestCancelUnbegun(t *testing.T) {
	s, f := mixed(), newFake(t)
	o := testOptions(t, memDisk())
	f.hook = func(_ int, call, key string) (bool, error) {
		if call == "put" {
			return false, target.NewError(target.CodeAccessDenied, "", "no", nil)
		}
		return true, nil
	}
	if _, err := Run(context.Background(), s, f, o); !target.HasCode(err, target.CodeAccessDenied) {
		t.Fatal(err)
	}
	f.hook = func(_ int, call, key string) (bool, error) {
		if ours(key) {
			t.Errorf("%s of %s", call, key)
		}
		return true, nil
	}
	if _, err := Cancel(context.Background(), s, f, o, true); err != nil {
		t.Error(err)
	}
}
