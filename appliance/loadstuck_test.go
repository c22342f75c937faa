package appliance

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/internal/vfs"
)

// remote makes the source one of a server.
func (l *loads) remote() {
	l.tree.SetVolume(vfs.Volume{FS: "nfs4", ID: "net:nfs:server:/site", Root: "ino:1", StableInodes: true, Remote: true})
}

// inBubble runs a test by a clock that does not wait, from when its files are settled.
func inBubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(time.Unix(1_800_000_000, 0)))
			test(t)
		})
	})
}

// TestLoadStuck: a file whose server does not answer is named as not loaded, whatever of it
// hangs, and the rest is loaded; the version that the device has stays. When it answers again
// it is loaded.
func TestLoadStuck(t *testing.T) {
	for _, op := range []vfs.OpKind{vfs.OpStat, vfs.OpOpen, vfs.OpRead} {
		for _, ahead := range []int{1, 16} {
			inBubble(t, string(op), func(t *testing.T) {
				l := newLoads(t)
				l.remote()
				l.writeMany(40)
				l.write("d00/007", "as it was before")
				l.must(LoadOptions{SourceConcurrency: ahead})
				l.write("d00/005", "changed since")
				l.write("d00/new", "new")
				held := make(chan struct{})
				l.tree.OnCall(func(c vfs.TreeCall) error {
					if c.Op == op && (c.Path == "d00/005" || c.Path == "d00/new") {
						<-held
					}
					return nil
				})
				l.write("d01/more", "more")
				l.want["d01/more"] = "file more"
				l.want["d00/007"] = "file as it was before"
				rep, err := l.load(LoadOptions{SourceConcurrency: ahead, SourceTimeout: 50 * time.Millisecond})
				l.tree.OnCall(nil)
				if err != nil || rep.SkippedCount != 2 {
					t.Fatalf("%v, %+v", err, rep)
				}
				for _, s := range rep.Skipped {
					if s.Reason != "unreadable" || !strings.Contains(s.Detail, "does not answer within 50ms") {
						t.Errorf("named as %+v", s)
					}
				}
				close(held)
				l.must(LoadOptions{})
				l.want["d00/005"], l.want["d00/new"] = "file changed since", "file new"
				l.sealed(l.want)
			})
		}
	}
}

// TestLoadStuckInterrupted: a load whose source hangs ends soon when it is told to, says so,
// and has recorded nothing of what it could not read.
func TestLoadStuckInterrupted(t *testing.T) {
	inBubble(t, "", loadStuckInterrupted)
}

func loadStuckInterrupted(t *testing.T) {
	l := newLoads(t)
	l.remote()
	l.writeMany(60)
	held := make(chan struct{})
	ctx, cancel := context.WithCancelCause(context.Background())
	told := errors.New("told to end")
	var reads atomic.Int64
	l.tree.OnCall(func(c vfs.TreeCall) error {
		if c.Op != vfs.OpRead {
			return nil
		}
		n := reads.Add(1)
		if n == 11 {
			cancel(told)
		}
		if n > 10 {
			<-held
		}
		return nil
	})
	began := time.Now()
	_, err := l.d.Load(ctx, "/site", LoadOptions{Tree: l.tree, SourceConcurrency: 16})
	if !errors.Is(err, told) {
		t.Errorf("it ended with %v", err)
	}
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("it took %v", d)
	}
	l.tree.OnCall(nil)
	close(held)
	if rep := l.must(LoadOptions{}); rep.SkippedCount != 0 {
		t.Errorf("skipped: %+v", rep.Skipped)
	}
	l.sealed(l.want)
}
