package importer

import (
	"context"
	"testing"

	"github.com/sledge-io/sledge/importer/target"
)

// TestPartOfAnother: a store that does not check holds a part of the right size with
// another content. The next start sends it again, and the object is the source's.
func TestPartOfAnother(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	f.unchecking = true
	ctx, cancel := context.WithCancel(context.Background())
	f.hook = func(_ int, call, key string) (bool, error) {
		if call == "complete" && key == "in/big" {
			cancel()
			return false, target.Unknown(target.NewError(target.CodeConnectionLost, key, "by a test", nil))
		}
		return true, nil
	}
	if _, err := Run(ctx, s, f, testOptions(t, disk)); err == nil {
		t.Fatal("the run was not cut off")
	}
	sent, changed := 0, 0
	f.hook = func(_ int, call, key string) (bool, error) {
		if call == "part" && key == "in/big" {
			sent++
		}
		return true, nil
	}
	for _, u := range f.uploads {
		if p, ok := u.parts[1]; ok && u.key == "in/big" {
			other := pattern(9, len(p.data))
			u.parts[1] = fakePart{data: other, sum: [32]byte(sum(other))}
			changed++
		}
	}
	if changed != 1 {
		t.Fatalf("%d uploads have a first part", changed)
	}
	f.twoWriters = true // the part is sent again
	res := mustRun(t, s, f, testOptions(t, disk))
	if !res.Complete || sent != 1 {
		t.Errorf("complete: %v; %d parts were sent, want the one that was not ours", res.Complete, sent)
	}
	f.check(t, s, "in/")
}
