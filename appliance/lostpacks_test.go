package appliance

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// TestGoneShardsAreTold: a disk without its shards is an error of the read-back, is
// in the log and in the status, and is no dead end for a seal with lost shards.
func TestGoneShardsAreTold(t *testing.T) {
	src := smallTree(t, 3, 600<<10)
	for name, o := range map[string]LoadOptions{"never read": {NoReadBack: true}, "read before": {}} {
		r := small32(t)
		r.loadAll(src, o)
		removeAll(t, r.mems[3], disk.PacksDir+"/")
		d := r.mustDevice()
		for range 2 {
			if _, err := d.ReadBack(context.Background(), nil); !errors.Is(err, disk.ErrReadBack) || !strings.Contains(err.Error(), "bay 3") {
				t.Errorf("%s: the read-back: %v", name, err)
			}
		}
		if st := d.Status(); st.Degraded != st.Packs {
			t.Errorf("%s: %d of %d packs are degraded", name, st.Degraded, st.Packs)
		}
		if got := events(t, d, "note"); len(got) != 1 || got[0].Bay != 3 {
			t.Errorf("%s: events %v", name, got)
		}
		so := r.sealOptions()
		if _, err := d.Seal(context.Background(), so); !errors.Is(err, seal.ErrDegraded) {
			t.Errorf("%s: sealed: %v", name, err)
		}
		d.Close()
		d = r.mustDevice()
		so.Degraded = true
		res, err := d.Seal(context.Background(), so)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := r.check(readTree(t, src), res.Label); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		d.Close()
	}
}

// TestLoadTellsGoneShards: a load's end looks for what earlier loads have read.
func TestLoadTellsGoneShards(t *testing.T) {
	r := newMemRig(t, rigOptions{k: 3, m: 1, disks: 5, block: 4096, packSize: 256 << 10})
	r.step = 4 * time.Second
	r.loadAll(smallTree(t, 2, 600<<10), LoadOptions{})
	for _, b := range []int{3, 4} {
		removeAll(t, r.mems[b], disk.PacksDir+"/")
	}
	d := r.mustDevice()
	defer d.Close()
	rep, err := d.Load(context.Background(), smallTree(t, 3, 10<<10), LoadOptions{AcceptFindings: true, As: "x"})
	if !errors.Is(err, ErrLost) || rep.Status.Lost == 0 {
		t.Errorf("%v; %d entries lost", err, rep.Status.Lost)
	}
}

// TestLoadKeepsWhatWasRead: a load that ends while it looks for shards has journalled
// what it read back.
func TestLoadKeepsWhatWasRead(t *testing.T) {
	r := small32(t)
	r.step, r.cfg.Workers = 0, 1 // one pack: no later commit journals it
	r.liars(vfs.Rule{Op: vfs.OpStat, Path: "*.shard", Err: syscall.EMFILE}, 0)
	d := r.mustDevice()
	if _, err := d.Load(context.Background(), smallTree(t, 7, 300<<10), LoadOptions{AcceptFindings: true}); !errors.Is(err, syscall.EMFILE) {
		t.Errorf("load: %v", err)
	}
	d.Close()
	r.use(r.mems)
	d = r.mustDevice()
	defer d.Close()
	if st := d.Status(); st.Packs == 0 || st.ReadBack != st.Packs {
		t.Errorf("%d of %d packs are told as read back", st.ReadBack, st.Packs)
	}
}

// TestCondemnedStays: the next session knows a condemned disk, and nothing new goes
// onto it.
func TestCondemnedStays(t *testing.T) {
	r := small32(t)
	r.liars(forgets, 2)
	r.loadAll(smallTree(t, 61, 1500<<10), LoadOptions{})
	before := len(names(t, r.mems[2], ".shard"))
	journals := len(names(t, r.mems[2], ".journal"))
	d := r.mustDevice()
	if bad := d.BadDisks(); len(bad) != 1 || bad[0].Bay != 2 {
		t.Errorf("bad disks %v", bad)
	}
	rep, err := d.Load(context.Background(), smallTree(t, 62, 300<<10), LoadOptions{AcceptFindings: true, As: "x"})
	if err != nil || len(rep.Status.FailedDisks) != 1 {
		t.Errorf("%v; failed %v", err, rep.Status.FailedDisks)
	}
	d.Close()
	if now := len(names(t, r.mems[2], ".shard")); now > before {
		t.Errorf("%d shards on the condemned disk, %d before", now, before)
	}
	if now := len(names(t, r.mems[2], ".journal")); now > journals {
		t.Errorf("%d journals on the condemned disk, %d before", now, journals)
	}
}

// TestTwoCondemned: packs on two disks that give back something else cannot be told
// as safe with one of parity.
func TestTwoCondemned(t *testing.T) {
	r := newMemRig(t, rigOptions{k: 3, m: 1, disks: 8, block: 4096, packSize: 256 << 10})
	r.step = 4 * time.Second
	r.cfg.Workers = 1
	r.loadAll(smallTree(t, 62, 4<<20), LoadOptions{NoReadBack: true})
	for _, b := range []int{7, 0} {
		for _, name := range names(t, r.mems[b], ".shard") {
			rot(t, r.mems[b], name, 0)
		}
	}
	d := r.mustDevice()
	defer d.Close()
	if _, err := d.ReadBack(context.Background(), nil); !errors.Is(err, ErrDoubted) || !strings.Contains(err.Error(), "bays 0, 7") {
		t.Error(err)
	}
	if st := d.Status(); st.Lost == 0 {
		t.Error("everything counts as safe")
	}
}

// TestDegradedEnds: what a rebuild has made again, and the read-back has read, lacks
// no shards any more.
func TestDegradedEnds(t *testing.T) {
	r := small32(t)
	r.mustDevice().Close()
	r.without(1)
	rep := r.loadAll(smallTree(t, 8, 600<<10), LoadOptions{})
	if rep.Status.Degraded != rep.Status.Packs {
		t.Errorf("%d of %d packs are degraded", rep.Status.Degraded, rep.Status.Packs)
	}
	if err := r.replace(1); err != nil {
		t.Fatal(err)
	}
	disks := r.coldDisks()
	for range 2 {
		d := r.mustDevice()
		back, err := d.ReadBack(context.Background(), nil)
		if st := d.Status(); err != nil || back.ReadBack != back.Packs || st.Degraded != 0 {
			t.Errorf("%+v, %v; %d degraded", back, err, st.Degraded)
		}
		d.Close()
	}
	if disks[1].reads == 0 {
		t.Error("nothing was read from the new disk")
	}
	if res := r.sealAll(); res.Statement.Degraded != 0 || res.Statement.ReadBack != manifest.ReadBackAll {
		t.Errorf("statement: %d degraded, %q", res.Statement.Degraded, res.Statement.ReadBack)
	}
}

// TestSealAfterLoadedAgain: what was lost and loaded again seals: stand-ins take the
// numbers of packs that nobody needs any more.
func TestSealAfterLoadedAgain(t *testing.T) {
	src := smallTree(t, 2, 600<<10)
	r := newMemRig(t, rigOptions{k: 3, m: 1, disks: 5, block: 4096, packSize: 256 << 10})
	r.step = 4 * time.Second
	r.loadAll(src, LoadOptions{})
	for _, b := range []int{3, 4} {
		removeAll(t, r.mems[b], disk.PacksDir+"/")
	}
	d := r.mustDevice()
	if _, err := d.Seal(context.Background(), r.sealOptions()); !errors.Is(err, ErrLost) || !strings.Contains(err.Error(), "load their source again") {
		t.Errorf("sealed without what is lost: %v", err)
	}
	d.Close()
	d = r.mustDevice()
	rep, err := d.Load(context.Background(), src, LoadOptions{AcceptFindings: true})
	if err != nil || rep.Status.Lost != 0 {
		t.Errorf("%d entries are lost after they were loaded again: %v", rep.Status.Lost, err)
	}
	o := r.sealOptions()
	o.Degraded = true // of the packs that are not lost, each lacks a shard
	res, err := d.Seal(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
	if err := r.check(readTree(t, src), res.Label); err != nil {
		t.Error(err)
	}
	disks := make([]fsck.Disk, 0, 5)
	for i, m := range r.mems {
		dir := t.TempDir()
		for name, b := range memFiles(t, m) {
			full := filepath.Join(dir, name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, b, 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		disks = append(disks, fsck.Disk{Name: fmt.Sprint("disk", i), FS: os.DirFS(dir)})
	}
	check, err := fsck.Disks(context.Background(), fsck.Options{Disks: disks, Label: res.Label, Trust: &fsck.Trust{Key: r.signer.Public().(ed25519.PublicKey)}})
	if err != nil || check.Verdict == fsck.VerdictLost || check.Origin != fsck.OriginProven {
		t.Errorf("fsck: %+v, %v", check, err)
	}
	for _, f := range check.Findings {
		t.Log(f)
	}
}
