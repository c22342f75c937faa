package appliance

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// A second attempt to seal leaves nothing of the first on the disks.
func TestSealTwiceLeavesNothing(t *testing.T) {
	src := smallTree(t, 10, 100<<10)
	r := small32(t)
	r.loadAll(src, LoadOptions{})
	for _, name := range names(t, r.mems[1], ".shard")[:1] {
		r.mems[1].Remove(name)
	}
	d := r.mustDevice()
	defer d.Close()
	o := r.sealOptions()
	if _, err := d.Seal(context.Background(), o); !errors.Is(err, seal.ErrDegraded) {
		t.Fatalf("seal with a shard gone: %v", err)
	}
	o.Absent = []int{2}
	if _, err := d.Seal(context.Background(), o); err == nil {
		t.Fatal("a disk that is here was taken as absent")
	}
	o.Absent, o.Degraded = nil, true
	res, err := d.Seal(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if res.Statement.Degraded != 1 {
		t.Errorf("%d degraded packs in the statement", res.Statement.Degraded)
	}
	s, err := OpenSet(r.cfg.Disks, nil, res.Label)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	s.EachPack(func(p *manifest.Pack) error { known[p.ID.String()] = true; return nil })
	for i, m := range r.mems {
		for name := range memFiles(t, m) {
			if id, _, _ := strings.Cut(filepath.Base(name), "."); strings.Contains(name, "/packs/") && !known[id] {
				t.Errorf("disk %d: %s is of no pack", i, name)
			}
			if strings.HasSuffix(name, ".tmp") || strings.Contains(name, "unlock") || strings.Contains(name, "journal") {
				t.Errorf("disk %d: %s is left", i, name)
			}
		}
	}
}

// What a crash left of an unlock wrap half written must go with the wrap.
func TestUnlockLeftoversGo(t *testing.T) {
	r := small32(t)
	d := r.mustDevice()
	if _, err := d.Load(context.Background(), t.TempDir(), LoadOptions{AllowEmpty: true}); err != nil {
		t.Fatal(err)
	}
	d.Close()
	b, _ := vfs.ReadFile(r.mems[2], disk.UnlockName, 1<<16)
	f, _ := r.mems[2].Create(disk.UnlockName+".0.tmp", vfs.CreateOptions{})
	f.WriteAt(b, 0)
	f.Close()
	r.sealAll()
	for name := range memFiles(t, r.mems[2]) {
		if strings.Contains(name, "unlock") {
			t.Errorf("%s is left after the seal", name)
		}
	}
}

// A seal whose checkpoint is on record is only finished; opening would sweep its index.
func TestOpenAfterTheSealHasBegun(t *testing.T) {
	src := smallTree(t, 11, 50<<10)
	r := small32(t)
	r.loadAll(src, LoadOptions{})
	d := r.mustDevice()
	stop := errors.New("power cut")
	o := r.sealOptions()
	o.Stage = func(name string) {
		if name == "checkpoint" {
			panic(stop)
		}
	}
	func() {
		defer func() { recover() }()
		d.Seal(context.Background(), o)
	}()
	d.Close() // as the process's end does: its locks are gone
	r.cfg.Ledger = r.ledger
	if _, err := r.device(); !errors.Is(err, ErrSealBegun) {
		t.Errorf("opened: %v", err)
	}
	res, err := FinishSeal(context.Background(), r.cfg, r.ledger, seal.FinishOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.check(readTree(t, src), res.Label); err != nil {
		t.Error(err)
	}
	if again, err := FinishSeal(context.Background(), r.cfg, r.ledger, seal.FinishOptions{}); err != nil || string(again.Label) != string(res.Label) {
		t.Errorf("finished again: %v", err)
	}
}

// TestSealStops: a seal that is interrupted ends in the pass that it is in, before
// anything is on record, and the next one seals.
func TestSealStops(t *testing.T) {
	src := smallTree(t, 4, 600<<10)
	r := small32(t)
	r.loadAll(src, LoadOptions{})
	shards := len(names(t, r.mems[0], ".shard"))
	for _, at := range []string{"read-back", "index", "log", "read-back of the index", "statement"} {
		ctx, cancel := context.WithCancel(t.Context())
		last := ""
		o := r.sealOptions()
		o.Stage = func(name string) {
			if last = name; name == at {
				cancel()
			}
		}
		d := r.mustDevice()
		_, err := d.Seal(ctx, o)
		d.Close()
		cancel()
		if !errors.Is(err, context.Canceled) || last != at {
			t.Errorf("interrupted in %q: ended in %q: %v", at, last, err)
		}
		if at == "index" && len(names(t, r.mems[0], ".shard")) > shards {
			t.Error("the index was written after the interruption")
		}
		if _, _, ok := r.ledger.RecordedCheckpoint(r.cfg.Scope.Origin()); ok {
			t.Fatalf("interrupted in %q: a checkpoint is on record", at)
		}
	}
	if err := r.check(readTree(t, src), r.sealAll().Label); err != nil {
		t.Error(err)
	}
}
