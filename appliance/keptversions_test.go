package appliance

import (
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/internal/vfs"
)

// TestKeptVersions: a report says of each entry that could not be loaded whether an
// older version stays, of folders and links as of files.
func TestKeptVersions(t *testing.T) {
	for _, op := range []vfs.OpKind{vfs.OpStat, vfs.OpOpen, vfs.OpReadDir} {
		l := newLoads(t)
		l.write("dir/a", "one")
		l.write("top", "two")
		l.must(LoadOptions{})
		l.write("new/b", "three")
		l.write("top", "changed")
		l.tree.OnCall(func(c vfs.TreeCall) error {
			if c.Op == op && (c.Path == "dir" || c.Path == "new" || c.Path == "top") {
				return syscall.EACCES
			}
			return nil
		})
		want := map[string]bool{"dir": true, "new": false, "top": true}
		rep := l.must(LoadOptions{})
		for _, s := range rep.Skipped {
			if s.Kept != want[s.Path] {
				t.Errorf("%s fails: %s was skipped (%s), kept: %v", op, s.Path, s.Detail, s.Kept)
			}
		}
		if rep.SkippedCount == 0 {
			t.Errorf("%s fails, and nothing was skipped", op)
		}
		l.tree.OnCall(nil)
	}
}
