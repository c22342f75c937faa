package appliance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"
	"testing"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// cancelling is a disk at one of whose calls the operator ends the command; all disks
// of the process count together.
type cancelling struct {
	vfs.FS
	left *atomic.Int64
	end  func()
}

func (c *cancelling) count() {
	if c.left.Add(-1) == 0 {
		c.end()
	}
}

func (c *cancelling) Open(name string, o vfs.OpenOptions) (vfs.File, error) {
	c.count()
	return c.FS.Open(name, o)
}

func (c *cancelling) Create(name string, o vfs.CreateOptions) (vfs.File, error) {
	c.count()
	return c.FS.Create(name, o)
}

func (c *cancelling) Stat(name string) (fs.FileInfo, error) {
	c.count()
	return c.FS.Stat(name)
}

func (c *cancelling) Lock(name string) (io.Closer, error) { return vfs.Lock(c.FS, name) }

// unwhole has a begun seal of which one disk was rebuilt since, and another has lost
// its shards: FinishSeal reads the first and writes the second.
func unwhole(t *testing.T, src string) *memRig {
	r := sealBegun(t, src)
	if err := r.replace(0); err != nil {
		t.Fatal(err)
	}
	removeAll(t, r.mems[1], disk.PacksDir+"/")
	return r
}

// TestFinishSealStops: wherever the work before the signature is interrupted it ends
// with that, blames no disk, and nothing is signed; the next call finishes.
func TestFinishSealStops(t *testing.T) {
	src := smallTree(t, 7, 300<<10)
	want := readTree(t, src)
	stopped := 0
	for n := int64(1); ; n += 1 + n/5 {
		r := unwhole(t, src)
		ctx, cancel := context.WithCancelCause(t.Context())
		cause := errors.New("interrupted")
		left := &atomic.Int64{}
		left.Store(n)
		for i := range r.cfg.Disks {
			r.cfg.Disks[i].FS = &cancelling{r.mems[i], left, func() { cancel(cause) }}
		}
		set := mustBays(t, r)
		err := seal.Complete(ctx, r.cfg.sealing(), set, r.ledger)
		if failed := set.Errors(); len(failed) > 0 {
			t.Fatalf("interrupted at call %d: disks were blamed: %v", n, failed)
		}
		if left.Load() > 0 {
			if err != nil {
				t.Fatalf("not interrupted: %v", err)
			}
			cancel(nil)
			break
		}
		if err != nil && !errors.Is(err, cause) {
			t.Fatalf("interrupted at call %d: %v", n, err)
		}
		if err != nil {
			stopped++
		}
		if _, err := FinishSeal(ctx, r.cfg, r.ledger, seal.FinishOptions{}); !errors.Is(err, cause) || disk.IsSealed(r.cfg.Disks) {
			t.Fatalf("interrupted before it began: %v; signed: %v", err, disk.IsSealed(r.cfg.Disks))
		}
		cancel(nil)
		r.use(r.mems)
		res, err := FinishSeal(t.Context(), r.cfg, r.ledger, seal.FinishOptions{})
		if err != nil {
			t.Fatalf("after an interruption at call %d: %v", n, err)
		}
		if err := errors.Join(r.holdsAlone(want, res.Label, 0), r.holdsAlone(want, res.Label, 1)); err != nil {
			t.Fatalf("after an interruption at call %d: %v", n, err)
		}
	}
	if stopped < 10 {
		t.Errorf("only %d of the interruptions ended the call", stopped)
	}
}

// TestFinishSealProgress: the bytes are those of the shards that are written and read,
// and both figures end at the same.
func TestFinishSealProgress(t *testing.T) {
	r := unwhole(t, smallTree(t, 7, 300<<10))
	var last, total, before int64
	calls := 0
	_, err := FinishSeal(t.Context(), r.cfg, r.ledger, seal.FinishOptions{Progress: func(d, of int64) {
		if d <= last || of < total || d > of {
			t.Errorf("%d of %d after %d of %d", d, of, last, total)
		}
		if last, total = d, of; calls == 0 {
			before = of
		}
		calls++
	}})
	if err != nil {
		t.Fatal(err)
	}
	shards := int64(0)
	for i, times := range []int64{1, 2} { // disk 0 is read, disk 1 is written and read
		for _, name := range names(t, r.mems[i], ".shard") {
			st, err := r.mems[i].Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			shards += times * st.Size()
		}
	}
	if last != shards || total != shards || before != shards || calls < 10 {
		t.Errorf("%d of %d bytes in %d calls, first of %d, want %d", last, total, calls, before, shards)
	}
}

// TestFinishSealReadsWhatWasCutOff: a disk that lost what an interrupted call wrote to
// it is read by the next one.
func TestFinishSealReadsWhatWasCutOff(t *testing.T) {
	src := smallTree(t, 72, 100<<10)
	r := sealBegun(t, src)
	removeAll(t, r.mems[0], disk.PacksDir+"/")
	r.cfg.Disks[0].FS = vfs.NewFault(r.mems[0], vfs.Rule{Op: vfs.OpWrite, Path: "*.shard.tmp", AfterBytes: 1, Zero: true})
	ctx, cancel := context.WithCancel(t.Context())
	lacking := len(names(t, r.mems[1], ".shard"))
	_, err := FinishSeal(ctx, r.cfg, r.ledger, seal.FinishOptions{Progress: func(int64, int64) {
		if lacking--; lacking == 0 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if n := len(names(t, r.mems[0], ".shard")); n != len(names(t, r.mems[1], ".shard")) {
		t.Fatalf("%d shards were written before the interruption", n)
	}
	r.use(r.mems)
	res, err := FinishSeal(t.Context(), r.cfg, r.ledger, seal.FinishOptions{})
	if err != nil || res.Statement.ReadBack != manifest.ReadBackAll {
		t.Fatal(err)
	}
	if err := r.holdsAlone(readTree(t, src), res.Label, 0); err != nil {
		t.Error(fmt.Errorf("the disk that forgot: %w", err))
	}
}
