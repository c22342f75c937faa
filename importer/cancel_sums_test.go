package importer

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/sledge-io/sledge/importer/target"
)

// etags is a store that tells other ETags of some objects than it did when they were stored.
type etags struct {
	deleting
	other map[string]string
}

func (e etags) Head(ctx context.Context, key string) (target.Object, error) {
	o, err := e.deleting.Head(ctx, key)
	if tag, ok := e.other[key]; ok && err == nil {
		o.ETag = tag
	}
	return o, err
}

// TestCancelWithoutChecksums: where HEAD tells no checksum an object is the run's by ETag
// and version of then, and by its content where these are others. One that cannot be read
// is not deleted, and counts as failed.
func TestCancelWithoutChecksums(t *testing.T) {
	s, f := mixed(), newFake(t)
	f.noChecksums = true
	o := testOptions(t, memDisk())
	mustRun(t, s, f, o)
	was := f.objects["in/a"]
	f.objects["in/a"] = fakeObject{data: []byte("jello"), metadata: was.metadata}
	var lock sync.Mutex
	var read []string
	f.hook = func(_ int, call, key string) (bool, error) {
		if call == "get" && ours(key) {
			lock.Lock()
			defer lock.Unlock()
			read = append(read, key)
			if key == "in/dir/d" {
				return false, target.NewError(target.CodeArchived, key, "InvalidObjectState", nil)
			}
		}
		return true, nil
	}
	store := etags{deleting{f}, map[string]string{"in/a": "1", "in/big": "2", "in/dir/d": "3"}}
	out, err := Cancel(t.Context(), s, store, o, true)
	if err != nil || out.Deleted != 6 || out.Changed != 1 || out.Failed != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	if slices.Sort(read); !slices.Equal(read, []string{"in/a", "in/big", "in/dir/d"}) {
		t.Errorf("read: %q", read)
	}
	if lines := canceledLines(t, o.StateDir, out.List); !slices.Contains(lines, "changed in/a") || !slices.Contains(lines, "failed in/dir/d") {
		t.Errorf("%q", lines)
	}
}
