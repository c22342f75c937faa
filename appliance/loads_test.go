package appliance

import (
	"context"
	mrand "math/rand"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// loads is a device of three disks and a source in memory that is loaded again and
// again.
type loads struct {
	*memRig
	d    *Device
	tree *vfs.MemTree
	want wantTree
}

func newLoads(t *testing.T) *loads {
	return newLoadsOf(t, rigOptions{k: 2, m: 1, disks: 3, block: 4096, packSize: 4 << 20})
}

func newLoadsOf(t *testing.T, o rigOptions) *loads {
	clock := time.Unix(1_700_000_000, 0)
	l := &loads{memRig: newMemRig(t, o), want: wantTree{}}
	l.step = 0
	l.tree = vfs.NewMemTree(func() time.Time { clock = clock.Add(time.Second); return clock })
	l.d = l.mustDevice()
	t.Cleanup(func() { l.d.Close() })
	return l
}

func (l *loads) write(path, text string) { l.tree.WriteFile(path, []byte(text)) }

// load loads from /site.
func (l *loads) load(o LoadOptions) (*LoadReport, error) {
	if o.Tree == nil {
		o.Tree = l.tree
	}
	return l.d.Load(context.Background(), "/site", o)
}

func (l *loads) must(o LoadOptions) *LoadReport {
	l.t.Helper()
	rep, err := l.load(o)
	if err != nil {
		l.t.Fatal(err)
	}
	return rep
}

// sealed seals, reads everything back and gives the records by path.
func (l *loads) sealed(want wantTree) map[string]*manifest.Record {
	l.t.Helper()
	status := l.d.Status()
	res, err := l.d.Seal(context.Background(), l.sealOptions())
	if err != nil {
		l.t.Fatal(err)
	}
	if err := l.check(want, res.Label); err != nil {
		l.t.Error(err)
	}
	rd, err := l.openReader(l.cfg.Disks, res.Label)
	if err != nil {
		l.t.Fatal(err)
	}
	defer rd.Close()
	records := map[string]*manifest.Record{}
	var good, skipped uint64
	var bytes int64
	err = rd.Entries(context.Background(), func(e Entry) error {
		records[e.Record.Path] = e.Record
		if e.Record.Kind == manifest.KindSkipped {
			skipped++
		} else {
			good, bytes = good+1, bytes+e.Record.DataLength()
		}
		return nil
	})
	if err != nil {
		l.t.Fatal(err)
	}
	if status.Entries != good || status.Skipped != skipped || status.Bytes != bytes {
		l.t.Errorf("status said %d entries, %d skipped, %d bytes; there are %d, %d, %d", status.Entries, status.Skipped, status.Bytes, good, skipped, bytes)
	}
	if totals := rd.Totals(); res.Totals.ScanEntries != good+skipped || totals.ScanEntries != totals.Entries() {
		l.t.Errorf("totals %+v, there are %d entries", res.Totals, good+skipped)
	}
	return records
}

// failing has reads, stats or listings of paths fail.
func (l *loads) failing(op vfs.OpKind, paths ...string) {
	l.tree.OnCall(func(c vfs.TreeCall) error {
		if c.Op == op && slices.Contains(paths, c.Path) {
			return syscall.EIO
		}
		return nil
	})
}

// sealedCopy is sealed of a copy of the disks as they are; the loads go on.
func (l *loads) sealedCopy(want wantTree) map[string]*manifest.Record {
	l.t.Helper()
	mems, ledger := l.mems, l.ledger
	l.d.Close()
	copies := make([]*vfs.Mem, len(mems))
	for i, m := range mems {
		copies[i] = m.CrashClone(mrand.New(mrand.NewSource(1)), 100)
	}
	l.use(copies)
	l.ledger = &memLedger{}
	l.d = l.mustDevice()
	records := l.sealed(want)
	l.d.Close()
	l.use(mems)
	l.ledger = ledger
	l.d = l.mustDevice()
	return records
}

// ClockOf ticks by a second at each look.
func (l *loads) clockOf() func() time.Time {
	at := time.Unix(1_710_000_000, 0)
	return func() time.Time { at = at.Add(time.Second); return at }
}

// cutAt calls f once so many packs are committed.
func (l *loads) cutAt(f func(), packs uint64) {
	hook := func(c vfs.TreeCall) error {
		l.d.mu.Lock()
		defer l.d.mu.Unlock()
		if l.d.state.packs >= packs {
			f()
		}
		if c.Op == vfs.OpRead && c.Path == "a-bad" {
			return syscall.EIO
		}
		return nil
	}
	l.tree.OnCall(hook)
}

// cutReading calls f while a file is read, once so many packs are committed: they are
// committed behind the reader, which waits here.
func (l *loads) cutReading(f func(), path string, packs uint64) {
	cut := false
	l.tree.OnCall(func(c vfs.TreeCall) error {
		for c.Op == vfs.OpRead && c.Path == path && !cut {
			if cut = l.d.Status().Packs >= packs; cut {
				f()
			}
			time.Sleep(time.Millisecond)
		}
		return nil
	})
}
