package appliance

import (
	"context"
	"errors"
	"fmt"
	mrand "math/rand"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// eachSealCut cuts the power before each operation by which a seal is finished, and
// gives the disks that are left, with nothing and with all of what was not synced; want
// is the seal statement of a seal that ends.
func eachSealCut(t *testing.T, seed int64, f func(mems []*vfs.Mem, want []byte, at string)) {
	t.Helper()
	r := sealBegun(t, smallTree(t, seed, 20<<10))
	begun := r.mems
	fresh := func() {
		r.use(begun)
		r.use(r.clone(mrand.New(mrand.NewSource(1)), 100))
	}
	fresh()
	count := r.haltAt(0)
	if _, err := FinishSeal(t.Context(), r.cfg, r.ledger, seal.FinishOptions{}); err != nil {
		t.Fatal(err)
	}
	want, err := vfs.ReadFile(r.mems[0], disk.SealName, manifest.MaxStatement)
	if err != nil {
		t.Fatal(err)
	}
	for n := int64(1); n <= count(); n++ {
		fresh()
		r.haltAt(n)
		FinishSeal(t.Context(), r.cfg, r.ledger, seal.FinishOptions{})
		for _, percent := range []int{0, 100} {
			f(r.clone(mrand.New(mrand.NewSource(n)), percent), want, fmt.Sprintf("power cut before operation %d of %d, %d%% kept", n, count(), percent))
		}
	}
}

// TestStatementBeforeCheckpoint: wherever the power goes while a seal is finished, a
// disk that has the checkpoint has the seal statement, too, and all of it.
func TestStatementBeforeCheckpoint(t *testing.T) {
	signed := 0
	eachSealCut(t, 91, func(mems []*vfs.Mem, want []byte, at string) {
		for bay, m := range mems {
			if _, err := m.Stat(disk.CheckpointName); err != nil {
				continue
			}
			signed++
			if st, err := vfs.ReadFile(m, disk.SealName, manifest.MaxStatement); err != nil || string(st) != string(want) {
				t.Fatalf("%s: bay %d has the checkpoint, and of the statement %d bytes, %v", at, bay, len(st), err)
			}
		}
	})
	if signed == 0 {
		t.Error("no disk had a checkpoint")
	}
}

// TestKeysAfterCheckpoint: wherever the power goes while a seal is finished, no wrap of
// the load key is gone, or overwritten, before the checkpoint is on every disk.
func TestKeysAfterCheckpoint(t *testing.T) {
	gone := 0
	var wrap string
	eachSealCut(t, 94, func(mems []*vfs.Mem, _ []byte, at string) {
		signed, destroyed := 0, 0
		for _, m := range mems {
			if _, err := m.Stat(disk.CheckpointName); err == nil {
				signed++
			}
			text, err := vfs.ReadFile(m, disk.UnlockName, manifest.MaxWrap)
			if wrap == "" {
				wrap = string(text)
			}
			if err != nil || string(text) != wrap {
				destroyed++
			}
		}
		if gone += destroyed; destroyed > 0 && signed < len(mems) {
			t.Fatalf("%s: the wraps on %d disks are destroyed, %d of %d have the checkpoint", at, destroyed, signed, len(mems))
		}
	})
	if gone == 0 {
		t.Error("no wrap was destroyed")
	}
}

// TestLogIsReadBeforeItsRoot: disks that take the log and do not keep it. The seal
// notices before the root is recorded, and nothing is lost: it can be repeated.
func TestLogIsReadBeforeItsRoot(t *testing.T) {
	src := smallTree(t, 92, 20<<10)
	r := small32(t)
	r.loadAll(src, LoadOptions{})
	var faults []*vfs.Fault
	for i := range r.cfg.Disks {
		f := vfs.NewFault(r.mems[i], vfs.Rule{Op: vfs.OpWrite, Path: disk.LogDir + "/tile/entries/*/*", Zero: true})
		r.cfg.Disks[i].FS, faults = f, append(faults, f)
	}
	d := r.mustDevice()
	defer d.Close()
	if _, err := d.Seal(context.Background(), r.sealOptions()); err == nil {
		t.Error("sealed over a log of zeros")
	}
	if size, _, ok := r.ledger.RecordedCheckpoint(r.cfg.Scope.Origin()); ok {
		t.Fatalf("a root over %d log entries is recorded, and no disk has them", size)
	}
	for _, f := range faults {
		f.Clear()
	}
	res, err := d.Seal(context.Background(), r.sealOptions())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.check(readTree(t, src), res.Label); err != nil {
		t.Error(err)
	}
}

// TestWrapAnswerIsTheSites: the answer of somebody else, of another device, one with a
// wrong digit or none at all does not let the key be destroyed.
func TestWrapAnswerIsTheSites(t *testing.T) {
	r := small32(t)
	r.loadAll(smallTree(t, 93, 20<<10), LoadOptions{})
	d := r.mustDevice()
	defer d.Close()
	bundle, err := d.WrapCheck()
	if err != nil {
		t.Fatal(err)
	}
	good := manifest.WrapAnswer(d.key, bundle)
	wrong := []byte(good)
	wrong[len(wrong)-1] = "01"[btoi(good[len(good)-1] == '0')]
	for name, answer := range map[string]string{
		"none": "", "another digit": string(wrong), "cut": good[:len(good)-1], "of another device": manifest.WrapAnswer(make([]byte, 32), bundle), "of another wrap": manifest.WrapAnswer(d.key, append(bundle, 0)),
	} {
		o := r.sealOptions()
		o.WrapUnchecked, o.WrapAnswer = false, answer
		if _, err := d.Seal(context.Background(), o); !errors.Is(err, seal.ErrNeedsAnswer) {
			t.Fatalf("%s: %q is taken for %q: %v", name, answer, good, err)
		}
	}
	for bay, m := range r.mems {
		if _, err := m.Stat(disk.UnlockName); err != nil {
			t.Errorf("bay %d: the wrap is gone: %v", bay, err)
		}
	}
	o := r.sealOptions()
	o.WrapUnchecked, o.WrapAnswer = false, good
	if res, err := d.Seal(context.Background(), o); err != nil || res.Statement.WrapCheck != "answered" {
		t.Errorf("the site's answer: %v", err)
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestOneOfTwoLoadsUnfinished: a load that has ended does not stand in for one that was
// cut off: the seal refuses until that one is finished, given up or left on purpose.
func TestOneOfTwoLoadsUnfinished(t *testing.T) {
	l := newLoads(t)
	l.write("whole", "1")
	l.must(LoadOptions{})
	l.cfg.Workers = 1
	l.d.Close()
	l.d = l.mustDevice()
	for _, name := range []string{"b", "c", "d", "e", "f"} {
		l.write("more/"+name, strings.Repeat(name, 3<<20))
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.cutAt(cancel, 2)
	if _, err := l.d.Load(ctx, "/site", LoadOptions{Tree: l.tree, As: "second"}); err == nil {
		t.Fatal("the load was not interrupted")
	}
	l.tree.OnCall(nil)
	for range 2 {
		if _, err := l.d.Seal(context.Background(), l.sealOptions()); !errors.Is(err, seal.ErrIncomplete) {
			t.Fatalf("sealed: %v", err)
		}
		l.d.Close()
		l.d = l.mustDevice()
	}
	o := l.sealOptions()
	o.Incomplete = true
	if res, err := l.d.Seal(context.Background(), o); err != nil || res.Statement.ScanComplete {
		t.Errorf("sealed as incomplete: %v; the statement says that it is complete: %v", err, res != nil && res.Statement.ScanComplete)
	}
}

// TestJournalGap: a journal between two others is on no disk. Opening says that what it
// named is lost; it does not go on as if it had never been.
func TestJournalGap(t *testing.T) {
	r := newFaultRig(t, rigOptions{k: 2, m: 1, disks: 3, block: 4096, packSize: 1 << 20})
	files := journalsOf(t, r.mems...)
	if len(files) < 3 {
		t.Fatalf("%d journals", len(files))
	}
	for _, m := range r.mems {
		m.Remove(files[1].Name)
		m.SyncDir(disk.JournalDir)
	}
	d, err := r.device()
	if err == nil {
		d.Close()
	}
	if !errors.Is(err, ErrLost) {
		t.Errorf("opened: %v", err)
	}
}

// TestRoomGrowsWithTheRecords: many records, then a file that takes all the room that
// is left. What the seal needs for the records is not taken.
func TestRoomGrowsWithTheRecords(t *testing.T) {
	l := newLoads(t)
	l.d.Close()
	l.memRig = newMemRig(t, rigOptions{k: 2, m: 1, disks: 3, block: 4096, packSize: 4 << 20})
	mems := make([]*vfs.Mem, 3)
	for i := range mems {
		mems[i] = vfs.NewMem(vfs.MemOptions{Capacity: 80 << 20})
	}
	l.use(mems)
	l.d = l.mustDevice()
	folder := strings.Repeat(strings.Repeat("n", 250)+"/", 15)
	for i := range 2000 {
		l.write(folder+strings.Repeat("e", 1+i%200)+string(rune('a'+i/200)), "")
	}
	l.must(LoadOptions{AcceptFindings: true})
	for i := range 100 {
		l.write("z/"+string(rune('A'+i)), strings.Repeat("x", 1<<20))
	}
	rep, err := l.load(LoadOptions{AcceptFindings: true})
	if !errors.Is(err, ErrFull) {
		t.Fatalf("100 MiB fit: %v", err)
	}
	keep := l.d.state.reserve(l.cfg.Job.Geometry.K)
	for bay, m := range mems {
		if free, _, _ := m.Free(); free < keep {
			t.Errorf("bay %d: %d bytes are free, the seal of %d records needs %d", bay, free, l.d.state.records, keep)
		}
	}
	o := l.sealOptions()
	o.Incomplete = true
	if _, err := l.d.Seal(context.Background(), o); err != nil {
		t.Errorf("after %d entries: %v", rep.Status.Entries, err)
	}
}
