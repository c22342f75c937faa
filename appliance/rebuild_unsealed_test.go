package appliance

import (
	"context"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/appliance/frames"
	"github.com/sledge-io/sledge/appliance/rebuild"
	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

func (r *memRig) rebuildOnto(bay int) (*vfs.Mem, *rebuild.Report, error) {
	onto := vfs.NewMem(vfs.MemOptions{Capacity: 1 << 40})
	rep, err := rebuild.Run(context.Background(), r.cfg.Disks, rebuild.Options{Signer: r.signer.Public().(ed25519.PublicKey), Bay: bay,
		Onto: Disk{Name: "new", FS: onto}, Rand: func() (manifest.ID, error) { return manifest.ID{1, byte(bay)}, nil }})
	return onto, rep, err
}

// A frame is damaged in the only copy at hand; the old disk has the other one. The
// rebuild names it, makes the shards of the packs behind it again, and neither set
// loses anything: with the old disk the device opens and has all.
func TestRebuildNamesLostFrames(t *testing.T) {
	for _, header := range []bool{false, true} {
		r := newFaultRig(t, rigOptions{k: 2, m: 1, disks: 3, block: 4096, packSize: 1 << 20})
		var damaged *frames.File
		for _, c := range journalsOf(t, r.mems...) {
			if len(c.On) == 2 && c.On[0].Number == 0 {
				damaged = c
				break
			}
		}
		if damaged == nil {
			t.Fatal("no journal is on disk 0")
		}
		disk := damaged.On[1].Disk.FS
		at := framesOf(t, disk, damaged.Name)
		if header {
			rot(t, disk, damaged.Name, 20)
		} else {
			rot(t, disk, damaged.Name, at[0]+30)
		}
		before := snapshot(t, r.mems)
		whole := r.mems
		r.without(0)
		onto, rep, err := r.rebuildOnto(0)
		if !errors.Is(err, ErrLost) || len(rep.Lost) == 0 || !strings.Contains(rep.Lost[0], damaged.ID.String()) {
			t.Fatalf("header %v: rebuild: %v, %+v", header, err, rep)
		}
		if got, want := len(names(t, onto, ".shard")), len(names(t, whole[0], ".shard")); header && got != want || got < want-1 {
			t.Errorf("header %v: %d shards, the old disk has %d", header, got, want)
		}
		if got, err := vfs.ReadFile(onto, damaged.Name, 1<<20); err != nil || int64(len(got)) != at[len(at)-1] {
			t.Errorf("header %v: the journal has %d bytes on the new disk, want %d (%v)", header, len(got), at[len(at)-1], err)
		}
		if err := r.has([]Disk{{Name: "new", FS: onto}, r.cfg.Disks[0], r.cfg.Disks[1]}); !errors.Is(err, ErrLost) {
			t.Errorf("header %v: with the new disk: %v", header, err)
		}
		r.use(whole)
		if err := sameFiles(before, snapshot(t, r.mems), false); err != nil {
			t.Errorf("header %v: %v", header, err)
		}
		if err := r.has(r.cfg.Disks); err != nil {
			t.Errorf("header %v: with the old disk: %v", header, err)
		}
		if err := r.check(r.want, r.sealAll().Label); err != nil {
			t.Errorf("header %v: sealed with the old disk: %v", header, err)
		}
	}
}

// A header that no disk has is not made up: the file's place among the others stays
// unknown, also where the first copy at hand ends within its header.
func TestRebuildMakesNoHeader(t *testing.T) {
	r := newFaultRig(t, rigOptions{k: 2, m: 2, disks: 5, block: 4096, packSize: 1 << 20})
	c := journalsOf(t, r.mems...)[0]
	if len(c.On) != 3 {
		t.Fatalf("the journal is on %d disks", len(c.On))
	}
	truncate(t, c.On[1].Disk.FS, c.Name, 20)
	rot(t, c.On[2].Disk.FS, c.Name, 20)
	bay := c.On[0].Number
	r.without(bay)
	onto, _, err := r.rebuildOnto(bay)
	if !errors.Is(err, ErrLost) {
		t.Fatal(err)
	}
	whole, err := vfs.ReadFile(onto, c.Name, 1<<20)
	if err != nil || len(whole) <= frames.HeaderSize {
		t.Fatalf("%d bytes, %v", len(whole), err)
	}
	if _, _, ordinal, err := frames.ParseHeader(whole[:frames.HeaderSize]); err == nil {
		t.Errorf("the new disk has a header with ordinal %d", ordinal)
	}
}

// A device that is not sealed needs all disks but m, as its journals could be on
// those that are not here.
func TestRebuildUnsealedNeedsTheJournals(t *testing.T) {
	r := newMemRig(t, rigOptions{k: 2, m: 1, disks: 5, block: 4096, packSize: 1 << 20})
	r.loadAll(smallTree(t, 74, 50<<10), LoadOptions{})
	r.without(0, 3)
	_, _, err := r.rebuildOnto(0)
	if !errors.Is(err, ErrTooFewDisks) || !strings.Contains(err.Error(), "bays 0, 3") {
		t.Errorf("rebuilt from 3 of 5 disks: %v", err)
	}
}

// A session that ends well says so in its journal: damage in its last frame with
// content is no torn tail.
func TestLastFrameDamaged(t *testing.T) {
	r := newFaultRig(t, rigOptions{k: 2, m: 2, disks: 5, block: 4096, packSize: 1 << 20})
	files := journalsOf(t, r.mems...)
	last := files[len(files)-1]
	for _, b := range last.On {
		at := framesOf(t, b.Disk.FS, last.Name)
		i := len(at) - 2
		for at[i+1]-at[i] <= frames.FrameHead+crypto.FrameOverhead {
			i--
		}
		rot(t, b.Disk.FS, last.Name, at[i]+30)
	}
	before := snapshot(t, r.mems)
	if err := r.has(r.cfg.Disks); !errors.Is(err, ErrLost) {
		t.Errorf("opened: %v", err)
	}
	if err := sameFiles(before, snapshot(t, r.mems), false); err != nil {
		t.Error(err)
	}
}

// A disk that has no room for a copy of a closing frame does not keep the device
// from being opened.
func TestClosingFrameWithoutRoom(t *testing.T) {
	r := newFaultRig(t, rigOptions{k: 2, m: 1, disks: 3, block: 4096, packSize: 1 << 20})
	r.tear(1, false)
	for i := range r.cfg.Disks {
		r.cfg.Disks[i].FS = vfs.NewFault(r.mems[i], vfs.Rule{Op: vfs.OpWrite, Path: "*.journal.merge.tmp", Err: syscall.ENOSPC})
	}
	if err := r.has(r.cfg.Disks); err != nil {
		t.Error(err)
	}
}

// haltAfterCommit cuts the power of all disks before the first journal frame behind one
// that entries were committed by. Frames are written under the lock of the state.
func (r *memRig) haltAfterCommit(d *Device) {
	halt := sync.OnceFunc(func() {
		for _, m := range r.mems {
			m.Halt()
		}
	})
	for _, m := range r.mems {
		m.OnOp(func(op vfs.Op) error {
			if op.Kind != vfs.OpWrite || !strings.HasSuffix(op.Name, ".journal") {
				return nil
			}
			for _, list := range d.state.lists {
				if list.count() > 0 {
					halt()
				}
			}
			return nil
		})
	}
}

// A list that entries have been committed from is never removed: damaged, it is
// given back with its cause.
func TestBrokenScanList(t *testing.T) {
	src := smallTree(t, 75, 900<<10)
	r := small32(t)
	d := r.mustDevice()
	r.haltAfterCommit(d)
	if _, err := d.Load(context.Background(), src, LoadOptions{AcceptFindings: true}); !errors.Is(err, vfs.ErrHalted) {
		t.Fatalf("the load is not interrupted: %v", err)
	}
	d.Close()
	r.use(cloned(r.mems))
	for _, m := range r.mems {
		for _, name := range names(t, m, ".scan") {
			at := framesOf(t, m, name)
			truncate(t, m, name, at[len(at)-2])
		}
	}
	d = r.mustDevice()
	defer d.Close()
	for range 2 {
		lists, err := d.findLists()
		if err != nil || len(lists) != 1 || lists[0].broken == nil || d.finished(lists[0]) {
			t.Fatalf("%d lists, %v", len(lists), err)
		}
	}
	if _, err := d.Seal(context.Background(), r.sealOptions()); !errors.Is(err, seal.ErrIncomplete) {
		t.Errorf("sealed: %v", err)
	}
	if _, err := d.Load(context.Background(), src, LoadOptions{AcceptFindings: true}); err != nil {
		t.Fatalf("the source is not scanned again: %v", err)
	}
	res, err := d.Seal(context.Background(), r.sealOptions())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.check(readTree(t, src), res.Label); err != nil {
		t.Error(err)
	}
}

// Nothing is cut because this process has no descriptors left.
func TestOpenWithoutDescriptors(t *testing.T) {
	src := t.TempDir()
	os.WriteFile(filepath.Join(src, "f"), make([]byte, 100), 0o644)
	r := small32(t)
	r.loadAll(src, LoadOptions{})
	k, err := Prepare(r.cfg, r.root)
	if err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, r.mems)
	for i := range r.cfg.Disks {
		r.cfg.Disks[i].FS = vfs.NewFault(r.mems[i], vfs.Rule{Op: vfs.OpOpen, Path: "*.journal", Err: syscall.EMFILE})
	}
	if _, err := Open(r.cfg, k); !errors.Is(err, syscall.EMFILE) || errors.Is(err, ErrTooFewDisks) {
		t.Errorf("opened: %v", err)
	}
	if err := sameFiles(before, snapshot(t, r.mems), false); err != nil {
		t.Error(err)
	}
}
