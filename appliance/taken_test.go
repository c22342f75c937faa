package appliance

import (
	"context"
	"errors"
	"testing"

	"github.com/sledge-io/sledge/appliance/known"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestTakenByItself: a source that is at a third path now is taken up with all the paths
// that it was loaded from, and each refusal names one of them. Under another name it
// cannot be the same source, and is not said to be.
func TestTakenByItself(t *testing.T) {
	l := newLoads(t)
	load := func(root, as, volume string, moved ...string) (*LoadReport, error) {
		l.tree.SetVolume(vfs.Volume{ID: volume, Root: "ino:2"})
		return l.d.Load(context.Background(), root, LoadOptions{Tree: l.tree, As: as, Moved: moved})
	}
	l.write("a", "one")
	if _, err := load("/one", "", "uuid:1"); err != nil {
		t.Fatal(err)
	}
	l.write("b", "two")
	if _, err := load("/two", "", "uuid:1"); err != nil {
		t.Fatal(err)
	}
	var named []string
	for {
		rep, err := load("/three", "", "uuid:2", named...) // a copy of it
		var taken *known.TakenError
		if errors.As(err, &taken) && taken.Moved && len(named) < 2 {
			named = append(named, taken.From)
			continue
		}
		if err != nil || rep.Scan.Replaced != 0 || rep.Status.Entries != 2 || rep.Status.Bytes != 6 {
			t.Fatalf("with %q: %v, %+v", named, err, rep)
		}
		break
	}
	if len(named) != 2 {
		t.Errorf("taken up with %q", named)
	}
	other := l.otherTree(vfs.Volume{ID: "uuid:3", Root: "ino:2"}, "a")
	if _, err := l.d.Load(context.Background(), "/four", LoadOptions{Tree: other, As: "x"}); err != nil {
		t.Fatal(err)
	}
	l.tree.SetVolume(vfs.Volume{ID: "uuid:4", Root: "ino:2"})
	l.write("x/a", "three")
	l.tree.Remove("a")
	l.tree.Remove("b")
	var taken *known.TakenError
	if _, err := l.d.Load(context.Background(), "/five", LoadOptions{Tree: l.tree}); !errors.As(err, &taken) || taken.From != "/four" || taken.Moved {
		t.Errorf("a path of a source that was loaded under another name: %v, %+v", err, taken)
	}
}
