package appliance

import (
	"context"
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestComesBack: an entry that is away while a continued load reads its list, and is
// there when the load ends, counts once: as loaded, or as what the last look says.
func TestComesBack(t *testing.T) {
	for _, c := range []struct {
		name   string
		older  bool // a version of an earlier load is on the device
		fails  bool // once it is back it cannot be read
		reason string
	}{
		{"new", false, false, ""},
		{"known", true, false, ""},
		{"unreadable", false, true, "unreadable"},
		{"known and unreadable", true, true, "unreadable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLoads(t)
			l.oneWorker()
			if c.older {
				l.write("z", "first")
				l.must(LoadOptions{})
			}
			for _, name := range []string{"a", "b", "c", "z", "z-gone"} {
				l.write(name, strings.Repeat(name[:1], 3<<20))
			}
			ctx, cancel := context.WithCancel(t.Context())
			l.cutReading(cancel, "c", 1)
			if _, err := l.d.Load(ctx, "/site", LoadOptions{Tree: l.tree}); err == nil {
				t.Fatal("the load was not interrupted")
			}
			l.tree.Remove("z-gone")
			back := false
			l.tree.OnCall(func(call vfs.TreeCall) error {
				back = back || call.Op == vfs.OpReadDir // of the further scan
				switch {
				case call.Path == "z" && call.Op == vfs.OpOpen && !back:
					return syscall.ENOENT
				case call.Path == "z" && call.Op == vfs.OpRead && c.fails:
					return syscall.EIO
				}
				return nil
			})
			rep, err := l.load(LoadOptions{})
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			want := []SkippedEntry{{Path: "z-gone", Reason: scan.Vanished}}
			loaded := uint64(4)
			if c.reason != "" {
				want = append(want, SkippedEntry{Path: "z", Reason: c.reason, Kept: c.older})
				loaded--
			}
			got := slices.Clone(rep.Skipped)
			for i := range got {
				got[i].Detail = ""
			}
			if !rep.Resumed || !back || !slices.Equal(got, want) || rep.SkippedCount != uint64(len(want)) || rep.Entries != loaded {
				t.Errorf("resumed %v, %d loaded, want %d; %d skipped: %+v, want %+v", rep.Resumed, rep.Entries, loaded, rep.SkippedCount, got, want)
			}
		})
	}
}
