package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/target"
)

// coats is a bucket whose commit marker has versions, each with its own content. The newest
// is the last.
type coats struct {
	*fakeTarget
	versioned bool
	layers    []coat
	n         int
	stale     int  // so many looks after a delete show what was there before
	shown     coat // then
	deletes   int
	answer    func() error // to a delete that was made
}

type coat struct{ id, content string }

func (b *coats) write(content string) {
	b.n++
	l := coat{"", content}
	if b.versioned {
		l.id = fmt.Sprint("v", b.n)
	}
	b.layers = append(b.layers, l)
}

func (b *coats) newest() (coat, error) {
	switch {
	case b.deletes > 0 && b.stale > 0:
		b.stale--
		return b.shown, nil
	case len(b.layers) == 0:
		return coat{}, target.NotFound("in/" + testMarker)
	}
	return b.layers[len(b.layers)-1], nil
}

func (b *coats) Head(ctx context.Context, key string) (target.Object, error) {
	if key != "in/"+testMarker {
		return b.fakeTarget.Head(ctx, key)
	}
	l, err := b.newest()
	return target.Object{VersionID: l.id, ETag: l.content, Size: int64(len(l.content))}, err
}

func (b *coats) Get(ctx context.Context, key, version string) (io.ReadCloser, error) {
	if key != "in/"+testMarker {
		return b.fakeTarget.Get(ctx, key, version)
	}
	l, err := b.newest()
	if at := slices.IndexFunc(b.layers, func(l coat) bool { return l.id == version }); version != "" && at >= 0 {
		l, err = b.layers[at], nil
	}
	return io.NopCloser(strings.NewReader(l.content)), err
}

func (b *coats) Delete(ctx context.Context, key, version string) error {
	if key != "in/"+testMarker {
		return deleting{b.fakeTarget}.Delete(ctx, key, version)
	}
	b.deletes++
	at := slices.IndexFunc(b.layers, func(l coat) bool { return l.id == version })
	if at < 0 {
		return target.NotFound(key)
	}
	b.shown = b.layers[at]
	b.layers = slices.Delete(b.layers, at, at+1)
	if b.answer != nil {
		return b.answer()
	}
	return nil
}

// uncommitting removes the marker that a cancel sees.
func uncommitting(o Options) Options { return removing(o, (*CommitStore).Look) }

// removing removes each marker that a cancel sees by look.
func removing(o Options, look func(*CommitStore, context.Context) (*SeenMarker, error)) Options {
	o.Uncommit = func(ctx context.Context, at *CommitStore) error {
		seen, err := look(at, ctx)
		if err != nil || seen == nil {
			return err
		}
		replaced, err := at.Remove(ctx, seen)
		if replaced {
			err = errors.New("replaced")
		}
		return err
	}
	return o
}

// TestCancelCommitted: a cancel takes its own run's commit marker away, and then the objects.
func TestCancelCommitted(t *testing.T) {
	for _, inTarget := range []bool{false, true} {
		soon(t, 0)
		s, m, o, res, _ := committing(t, func(o *Options) { o.JournalInTarget = inTarget })
		if err := commit(t.Context(), res); err != nil {
			t.Fatal(err)
		}
		o.Hours = nil
		out, err := Cancel(t.Context(), s, deleting{m.fakeTarget}, uncommitting(o), true)
		if _, there := m.objects["in/"+testMarker]; err != nil || there || out.Deleted != 1 || m.ours() > 0 {
			t.Errorf("journal in the target %v: the marker is there %v, %d of ours are: %+v, %v", inTarget, there, m.ours(), out, err)
		}
	}
}

// TestCancelMarkerVersions: no older version of a commit marker comes up over objects that are
// deleted: the same one is removed, too, another one ends the cancel before any object.
func TestCancelMarkerVersions(t *testing.T) {
	never := func(n int) (all []string) { return slices.Repeat([]string{"ours"}, n) }
	for _, c := range []struct {
		name    string
		plain   bool // the bucket has no versions
		layers  []string
		stale   int
		answer  func() error
		deletes int
		left    int
		fails   string
	}{
		{name: "one", layers: never(1), deletes: 1},
		{name: "one, no versions", plain: true, layers: never(1), deletes: 1},
		{name: "two of ours", layers: never(2), deletes: 2},
		{name: "another one below", layers: []string{"theirs", "ours"}, deletes: 1, left: 1, fails: "another one"},
		{name: "another one below two", layers: []string{"theirs", "ours", "ours"}, deletes: 2, left: 1, fails: "another one"},
		{name: "shown late", layers: never(2), stale: 3, deletes: 2},
		{name: "shown late, no versions", plain: true, layers: never(1), stale: 3, deletes: 2},
		{name: "shown for ever", layers: never(1), stale: 1 << 20, deletes: 1, fails: "was deleted, and is still shown"},
		{name: "not found", layers: never(1), answer: func() error { return target.NotFound("in/" + testMarker) }, deletes: 1},
		{name: "more than are looked at", layers: never(maxMarkerVersions + 1), deletes: maxMarkerVersions, left: 1, fails: "there are more"},
	} {
		s, b := newSource(), &coats{fakeTarget: newFake(t), versioned: !c.plain}
		s.file("a", []byte("hello"))
		o := testOptions(t, memDisk())
		o.Marker = testMarker
		mustRun(t, s, b, o)
		for _, content := range c.layers {
			b.write(content)
		}
		b.stale, b.answer = c.stale, c.answer
		_, err := Cancel(t.Context(), s, b, uncommitting(o), true)
		if (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) || (b.ours() > 0) != (c.fails != "") {
			t.Errorf("%s: %d objects of ours are left: %v", c.name, b.ours(), err)
		}
		if len(b.layers) != c.left || b.deletes != c.deletes && !(c.plain && b.deletes > 0) {
			t.Errorf("%s: %d deletes, left %v", c.name, b.deletes, b.layers)
		}
	}
}

// TestLookHalfShown: a marker that HEAD shows and GET never gives is named as that, by a code
// that operators know.
func TestLookHalfShown(t *testing.T) {
	s, b := newSource(), &halfShown{coats{fakeTarget: newFake(t)}}
	s.file("a", []byte("hello"))
	o := testOptions(t, memDisk())
	o.Marker = testMarker
	mustRun(t, s, b, o)
	b.write("ours")
	if _, err := Cancel(t.Context(), s, b, uncommitting(o), true); !target.HasCode(err, target.CodeNotShown) || b.ours() != 1 || b.deletes > 0 {
		t.Errorf("%d objects of ours are left: %v", b.ours(), err)
	}
}

// halfShown is a store whose GET finds no commit marker.
type halfShown struct{ coats }

func (h *halfShown) Get(ctx context.Context, key, version string) (io.ReadCloser, error) {
	if key == "in/"+testMarker {
		return nil, target.NotFound(key)
	}
	return h.coats.Get(ctx, key, version)
}
