package appliance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	mrand "math/rand"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/internal/vfs"
)

// crashPoints bounds the crash lane; SLEDGE_LONG=1 makes it go over every operation.
const crashPoints = 160

// seedOf is the lane's seed: SLEDGE_SEED, or a fixed one.
func seedOf(t testing.TB) int64 {
	if s, err := strconv.ParseInt(os.Getenv("SLEDGE_SEED"), 10, 64); err == nil {
		return s
	}
	return 20260711
}

func long() bool { return os.Getenv("SLEDGE_LONG") == "1" }

// TestCrash cuts the power at numbered operations of unlock, load and seal, keeps
// 0, 50 or 100 per cent of what was not synced, and repeats the same calls on what
// is left. What was acknowledged must still be there, and in the end everything.
func TestCrash(t *testing.T) {
	src := smallTree(t, 1, 900<<10)
	want := readTree(t, src)
	seed := seedOf(t)
	rng := mrand.New(mrand.NewSource(seed))
	rig := func() *memRig {
		r := newMemRig(t, rigOptions{k: 3, m: 2, disks: 5, block: 4096, packSize: 1 << 20})
		r.step = 4 * time.Second
		return r
	}
	count := rig()
	ops := count.haltAt(0)
	res, _, err := count.run(src)
	if err != nil {
		t.Fatal(err)
	}
	if err := count.check(want, res.Label); err != nil {
		t.Fatal(err)
	}
	total := ops()
	points := rng.Perm(int(total))
	if !long() {
		points = points[:min(crashPoints, len(points))]
	}
	states := 0
	for _, p := range points {
		states++
		percent := []int{0, 50, 100}[rng.Intn(3)]
		if err := crashOnce(rig(), rng, src, want, int64(p+1), percent); err != nil {
			t.Fatalf("seed %d: op %d of %d, %d %% kept: %v", seed, p+1, total, percent, err)
		}
	}
	t.Logf("figure: seed %d: %d of %d crash points", seed, states, total)
}

// TestCrashEverywhere does the same to a small job at every operation, with 0, 50 and
// 100 per cent kept at each.
func TestCrashEverywhere(t *testing.T) {
	src := t.TempDir()
	for name, size := range map[string]int{"a": 9000, "dir/b": 70000, "dir/empty": 0} {
		full := filepath.Join(src, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, bytes.Repeat([]byte(name), size)[:size], 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want := readTree(t, src)
	rng := mrand.New(mrand.NewSource(seedOf(t)))
	rig := func() *memRig { return newMemRig(t, rigOptions{k: 2, m: 1, disks: 3, block: 4096, packSize: 32 << 10}) }
	count := rig()
	ops := count.haltAt(0)
	if _, _, err := count.run(src); err != nil {
		t.Fatal(err)
	}
	states := 0
	for n := int64(1); n <= ops(); n++ {
		for _, percent := range []int{0, 50, 100} {
			if err := crashOnce(rig(), rng, src, want, n, percent); err != nil {
				t.Fatalf("op %d of %d, %d %% kept: %v", n, ops(), percent, err)
			}
			states++
		}
	}
	t.Logf("figure: %d states after crashes at all of %d operations", states, ops())
}

// crashOnce crashes at op n, and sometimes again while resuming.
func crashOnce(r *memRig, rng *mrand.Rand, src string, want wantTree, n int64, percent int) error {
	for {
		r.haltAt(n)
		res, acked, err := r.run(src)
		r.use(r.clone(rng, percent)) // also what was told as sealed: its last operations are no promise
		if err == nil {
			return r.check(want, res.Label)
		}
		if percent == 50 && acked != nil {
			if err := r.verified(); err != nil {
				return err
			}
		}
		if err := r.stillThere(acked); err != nil {
			return err
		}
		if rng.Intn(3) == 0 {
			n = 1 + rng.Int63n(400)
			continue
		}
		res, _, err = r.run(src)
		if err != nil {
			return fmt.Errorf("resume: %w", err)
		}
		return r.check(want, res.Label)
	}
}

// stillThere opens the device, unless its seal has begun, and compares the journal
// with what was acknowledged.
func (r *memRig) stillThere(acked *loadState) error {
	if _, _, ok := r.ledger.RecordedCheckpoint(r.cfg.Scope.Origin()); ok || acked == nil {
		return nil
	}
	d, err := r.device()
	if err != nil {
		return fmt.Errorf("open after the crash: %w", err)
	}
	defer d.Close()
	if d.state.packs < acked.packs || d.state.records < acked.records || d.state.entries < acked.entries {
		return fmt.Errorf("acknowledged %d packs, %d records, %d looks; there are %d, %d, %d", acked.packs, acked.records, acked.entries, d.state.packs, d.state.records, d.state.entries)
	}
	for list, was := range acked.lists {
		for _, s := range was.done.Spans {
			for n := s.From; n < s.To; n++ {
				if st := d.state.lists[list]; st == nil || !st.done.Has(n) {
					return fmt.Errorf("acknowledged entry %d is not there", n)
				}
			}
		}
	}
	for id := range acked.known {
		if !d.state.known[id] {
			return fmt.Errorf("acknowledged pack %s is not there", id)
		}
	}
	return nil
}

// TestCrashThenAbsent crashes a load, goes on without one disk, crashes again at
// times, and has the disk back in the end, now stale. Nothing that either session
// acknowledged may go, and a rebuild makes the set whole.
func TestCrashThenAbsent(t *testing.T) {
	src := smallTree(t, 40, 600<<10)
	want := readTree(t, src)
	seed := seedOf(t)
	rng := mrand.New(mrand.NewSource(seed))
	total := 32
	if long() {
		total = 2000
	}
	runs := 0
	for ; runs < total; runs++ {
		r := small32(t)
		n := 300 + rng.Int63n(900)
		gone, percent := rng.Intn(5), []int{0, 50, 100}[rng.Intn(3)]
		if err := absentOnce(r, rng, src, want, n, gone, percent); err != nil {
			t.Fatalf("seed %d run %d: op %d, bay %d, %d %%: %v", seed, runs, n, gone, percent, err)
		}
	}
	t.Logf("figure: seed %d: %d runs", seed, runs)
}

func absentOnce(r *memRig, rng *mrand.Rand, src string, want wantTree, n int64, gone, percent int) error {
	begun := func() bool {
		_, _, ok := r.ledger.RecordedCheckpoint(r.cfg.Scope.Origin())
		return ok
	}
	r.haltAt(n)
	_, acked, _ := r.run(src)
	r.use(r.clone(rng, percent))
	if acked == nil || begun() {
		return nil
	}
	all := r.mems
	r.without(gone)
	if err := errors.Join(r.verified(), r.stillThere(acked)); err != nil {
		return fmt.Errorf("without the disk: %w", err)
	}
	if rng.Intn(2) == 0 {
		r.haltAt(rng.Int63n(300))
	}
	d, err := r.device()
	if err == nil {
		_, err = d.Load(context.Background(), src, LoadOptions{AcceptFindings: true})
		acked = &d.state
		d.Close()
	}
	if err != nil && !errors.Is(err, vfs.ErrHalted) && !strings.Contains(err.Error(), "power is off") {
		return fmt.Errorf("load without the disk: %w", err)
	}
	mems := r.clone(rng, percent)
	mems[gone] = all[gone]
	r.use(mems)
	if err := errors.Join(r.verified(), r.stillThere(acked)); err != nil {
		return fmt.Errorf("with the disk back: %w", err)
	}
	res, _, err := r.run(src)
	if errors.Is(err, seal.ErrDegraded) {
		if err := r.replace(gone); err != nil {
			return fmt.Errorf("rebuild: %w", err)
		}
		res, _, err = r.run(src)
	}
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	r.without((gone+1)%5, (gone+2)%5)
	return r.check(want, res.Label)
}
