package appliance

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/vfs"
)

// TestLoadBeside: a source whose load was cut off does not stop the other sources of the same
// call, and is resumed.
func TestLoadBeside(t *testing.T) {
	l := newLoads(t)
	l.oneWorker()
	for _, name := range []string{"b", "c", "d", "e"} {
		l.write(name, strings.Repeat(name, 3<<20))
		l.want["one/"+name] = "file " + strings.Repeat(name, 3<<20)
	}
	other := vfs.NewMemTree(nil)
	other.WriteFile("f", []byte("of the other"))
	l.want["two/f"] = "file of the other"
	places := []Place{{"/site", "one"}, {"/other", "two"}}
	ctx, cancel := context.WithCancel(context.Background())
	l.cutAt(cancel, 2)
	if _, err := l.d.Load(ctx, "/site", LoadOptions{Tree: l.tree, As: "one", Beside: places}); err == nil {
		t.Fatal("the load was not interrupted")
	}
	l.tree.OnCall(nil)
	load := func(o LoadOptions) (*LoadReport, error) {
		o.Tree, o.As = other, "two"
		return l.d.Load(context.Background(), "/other", o)
	}
	if _, err := load(LoadOptions{}); !errors.Is(err, ErrUnfinished) {
		t.Errorf("alone: %v", err)
	}
	if rep, err := load(LoadOptions{Beside: places}); err != nil || rep.Entries != 1 || rep.Resumed {
		t.Errorf("beside: %+v, %v", rep, err)
	}
	if rep := l.must(LoadOptions{As: "one", Beside: places}); !rep.Resumed || rep.Entries != 4 {
		t.Errorf("resumed %v, %d entries", rep.Resumed, rep.Entries)
	}
	l.sealed(l.want)
}
