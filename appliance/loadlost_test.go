package appliance

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// oneWorker opens the device again with one worker: packs fill in the order of names.
func (l *loads) oneWorker() {
	l.cfg.Workers = 1
	l.d.Close()
	l.d = l.mustDevice()
}

// loseFirst takes the first pack's shards from two of the disks: more than the parity.
// What was committed is read back first: a disk that lacks what is being read back
// counts as failed.
func (l *loads) loseFirst() {
	l.d.mu.Lock()
	id, behind := l.d.state.homes[0].id, l.d.behind
	l.d.mu.Unlock()
	for behind != nil && !behind.idle() {
		time.Sleep(time.Millisecond)
	}
	for _, m := range l.mems[:2] {
		err := vfs.Walk(m, "sledge/packs", vfs.Limits{}, func(name string, e fs.DirEntry) error {
			if !strings.Contains(name, id.String()) || !strings.HasSuffix(name, ".shard") {
				return nil
			}
			return m.Remove(name)
		})
		if err != nil {
			l.t.Error(err)
		}
	}
}

// idle tells whether nothing waits to be read back.
func (r *readBehind) idle() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.order) == 0
}

// TestLostNotLong: a file whose extents stand in continuation records is lost with its
// own packs only.
func TestLostNotLong(t *testing.T) {
	l := newLoads(t)
	l.oneWorker()
	l.write("a-first", strings.Repeat("a", 6<<20))
	long := make([]byte, 400<<16)
	for i := range long {
		long[i] = byte(i>>16) | 1
	}
	l.write("b-long", string(long))
	for i := range int64(400) {
		l.tree.Hole("b-long", i<<16+4<<10, 60<<10)
	}
	lost := false
	l.tree.OnCall(func(c vfs.TreeCall) error {
		for c.Op == vfs.OpRead && c.Path == "b-long" && !lost {
			if lost = l.d.Status().Packs > 0; lost {
				l.loseFirst()
			}
		}
		return nil
	})
	rep, err := l.load(LoadOptions{})
	if !errors.Is(err, ErrLost) || rep == nil {
		t.Fatal(err)
	}
	continued := 0
	err = l.d.eachRecord(func(b []byte) error {
		kind, _, _, err := manifest.PeekRecord(b)
		if kind == manifest.KindContinuation {
			continued++
		}
		return err
	})
	if err != nil || continued == 0 {
		t.Fatalf("%d continuation records: %v", continued, err)
	}
	if rep.Lost != 1 || rep.LostBytes != 6<<20 || rep.Entries != 1 || rep.Bytes != 400<<16 || rep.Status.Lost != 1 {
		t.Errorf("%d lost, %d bytes, %d loaded, %d bytes; the status has %d lost", rep.Lost, rep.LostBytes, rep.Entries, rep.Bytes, rep.Status.Lost)
	}
}

// TestLostLoadedAgain: what a continued load has lost and loads again is loaded once and
// not lost.
func TestLostLoadedAgain(t *testing.T) {
	l := newLoads(t)
	l.oneWorker()
	for _, name := range []string{"a", "b", "c", "d"} {
		l.write(name, strings.Repeat(name, 3<<20))
	}
	ctx, cancel := context.WithCancel(t.Context())
	l.cutReading(cancel, "d", 1)
	if _, err := l.d.Load(ctx, "/site", LoadOptions{Tree: l.tree}); err == nil {
		t.Fatal("the load was not interrupted")
	}
	l.tree.OnCall(nil)
	l.loseFirst()
	if _, err := l.d.ReadBack(t.Context(), nil); !errors.Is(err, ErrLost) {
		t.Fatalf("the read-back: %v", err)
	}
	rep := l.must(LoadOptions{})
	if !rep.Resumed || rep.Lost != 0 || rep.Entries != 4 || rep.Bytes != 4*3<<20 || rep.Status.Lost != 0 || rep.Status.Entries != 4 {
		t.Errorf("resumed %v, %d lost, %d loaded, %d bytes; the status has %d lost, %d entries", rep.Resumed, rep.Lost, rep.Entries, rep.Bytes, rep.Status.Lost, rep.Status.Entries)
	}
}
