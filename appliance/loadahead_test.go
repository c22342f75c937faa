package appliance

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// writeMany writes files of all sizes about those that are read ahead, in many folders.
func (l *loads) writeMany(n int) {
	for i := range n {
		name := fmt.Sprintf("d%02d/%03d", i/20, i)
		text := string(make([]byte, i*37%9000)) + name
		l.write(name, text)
		l.want[name], l.want[name[:3]] = "file "+text, "dir"
	}
	l.tree.Symlink("d00/000", "link")
	l.want["link"] = "link d00/000"
}

// TestLoadAhead: what is read ahead is loaded as what is read in turn, byte for byte, with
// its attributes.
func TestLoadAhead(t *testing.T) {
	l := newLoads(t)
	l.writeMany(400)
	l.tree.SetXattr("d01/021", "user.note", []byte("kept"))
	var flying, highest atomic.Int64
	l.tree.OnCall(func(c vfs.TreeCall) error {
		if c.Op == vfs.OpRead {
			n := flying.Add(1)
			defer flying.Add(-1)
			highest.Store(max(highest.Load(), n))
			time.Sleep(100 * time.Microsecond)
		}
		return nil
	})
	rep := l.must(LoadOptions{SourceConcurrency: 16})
	if n := highest.Load(); n < 3 { // workers alone are two
		t.Errorf("%d reads in flight", n)
	}
	if rep.SkippedCount != 0 {
		t.Errorf("skipped: %+v", rep.Skipped)
	}
	records := l.sealed(l.want)
	if x := records["d01/021"].Xattrs; len(x) != 1 || string(x[0].Value) != "kept" {
		t.Errorf("attributes: %+v", x)
	}
}

// TestLoadAheadChanges: a file that is another one than the scan saw is loaded as it is now,
// and one that never stands still is named.
func TestLoadAheadChanges(t *testing.T) {
	l := newLoads(t)
	l.writeMany(60)
	var once atomic.Bool
	l.tree.OnCall(func(c vfs.TreeCall) error {
		if c.Op != vfs.OpRead {
			return nil
		}
		if c.Path == "d00/003" && once.CompareAndSwap(false, true) {
			l.tree.WriteFile("d00/003", []byte("as it is now"))
		}
		if c.Path == "d00/004" {
			l.tree.WriteFile("d00/004", []byte(time.Now().String()))
		}
		return nil
	})
	rep := l.must(LoadOptions{SourceConcurrency: 16})
	if rep.SkippedCount != 1 || rep.Skipped[0].Path != "d00/004" || rep.Skipped[0].Reason != "changed" {
		t.Errorf("skipped: %+v", rep.Skipped)
	}
	l.tree.OnCall(nil)
	l.want["d00/003"] = "file as it is now"
	l.want["d00/004"] = "skipped changed"
	if r := l.sealed(l.want)["d00/004"]; r == nil || r.Kind != manifest.KindSkipped {
		t.Errorf("what never stood still: %+v", r)
	}
}

// TestLoadAheadEnds: a load that its disks end does not wait for what was read ahead.
func TestLoadAheadEnds(t *testing.T) {
	l := newLoads(t)
	l.writeMany(400)
	var writes atomic.Int64
	for _, d := range l.mems {
		d.OnOp(func(op vfs.Op) error {
			if op.Kind == vfs.OpWrite && writes.Add(1) > 60 {
				return syscall.EIO
			}
			return nil
		})
	}
	if _, err := l.load(LoadOptions{SourceConcurrency: 16}); !errors.Is(err, disk.ErrTooFewDisks) || errors.Is(err, scan.ErrSourceGone) {
		t.Errorf("it ended with %v", err)
	}
}
