package importer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sledge-io/sledge/importer/target"
)

// layered is a bucket with versions of the run's marker: under it are the older ones.
type layered struct {
	deleting
	under []fakeObject
}

func isMarker(key string) bool { return strings.HasSuffix(key, "/"+markerName) }

func (l *layered) Put(ctx context.Context, in target.PutRequest) (target.Stored, error) {
	l.mu.Lock()
	old, was := l.objects[in.Key]
	l.mu.Unlock()
	stored, err := l.deleting.Put(ctx, in)
	if was && err == nil && isMarker(in.Key) {
		l.under = append(l.under, old)
	}
	return stored, err
}

func (l *layered) Head(ctx context.Context, key string) (target.Object, error) {
	o, err := l.deleting.Head(ctx, key)
	if isMarker(key) && err == nil {
		o.VersionID = fmt.Sprint(len(l.under))
	}
	return o, err
}

func (l *layered) Delete(ctx context.Context, key, version string) error {
	if !isMarker(key) {
		return l.deleting.Delete(ctx, key, version)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if apply, err := l.enter("delete", key); !apply || err != nil || version != fmt.Sprint(len(l.under)) {
		return err
	}
	delete(l.objects, key)
	if n := len(l.under); n > 0 {
		l.objects[key], l.under = l.under[n-1], l.under[:n-1]
	}
	return nil
}

// TestMarkerVersions: in a bucket with versions the answer to the marker's PUT is lost, so
// that there are two. A complete run and a cancel remove both, or name what stays.
func TestMarkerVersions(t *testing.T) {
	for _, canceled := range []bool{false, true} {
		for _, stays := range []bool{false, true} {
			s, store, disk := mixed(), &layered{deleting: deleting{newFake(t)}}, memDisk()
			var lost atomic.Bool
			begun := func() {}
			store.hook = func(_ int, call, key string) (bool, error) {
				switch {
				case ours(key):
					begun()
				case !isMarker(key):
				case call == "put" && !lost.Swap(true):
					return true, lostAnswer
				case call == "delete" && stays && len(store.under) == 0:
					return false, nil
				}
				return true, nil
			}
			var left []string
			o := testOptions(nil, disk)
			o.Retries = 3
			o.Problem = func(e *target.Error) {
				if e.Code == target.CodeJournalLeft {
					left = append(left, e.Path)
				}
			}
			key := "in/" + journalName(s.Scope(), o.RunID) + markerName
			if canceled {
				ctx, stop := context.WithCancel(t.Context())
				begun = stop
				if _, err := Run(ctx, s, store, o); err == nil {
					t.Fatal("it was not stopped")
				}
				if _, err := Cancel(t.Context(), s, store, o, true); err != nil {
					t.Fatal(err)
				}
			} else {
				mustRun(t, s, store, o)
			}
			_, there := store.objects[key]
			if there != stays || len(store.under) > 0 || !lost.Load() {
				t.Errorf("canceled %v: the marker is there: %v, and %d under it", canceled, there, len(store.under))
			}
			if named := slices.Equal(left, []string{key}); named != stays {
				t.Errorf("canceled %v, one stays %v: named %q", canceled, stays, left)
			}
		}
	}
}
