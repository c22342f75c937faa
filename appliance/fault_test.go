package appliance

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	mrand "math/rand"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

func (r *memRig) loadAll(src string, o LoadOptions) *LoadReport {
	r.t.Helper()
	o.AcceptFindings = true
	d := r.mustDevice()
	defer d.Close()
	rep, err := d.Load(context.Background(), src, o)
	if err != nil {
		r.t.Fatal(err)
	}
	return rep
}

func (r *memRig) sealAll() *SealResult {
	r.t.Helper()
	d := r.mustDevice()
	defer d.Close()
	res, err := d.Seal(context.Background(), r.sealOptions())
	if err != nil {
		r.t.Fatal(err)
	}
	return res
}

// without takes bays out.
func (r *memRig) without(gone ...int) {
	mems := append([]*vfs.Mem(nil), r.mems...)
	for _, g := range gone {
		mems[g] = nil
	}
	r.use(mems)
}

// rot changes one byte of a file, durably.
func rot(t testing.TB, m vfs.FS, name string, at int64) {
	t.Helper()
	f, err := m.Open(name, vfs.OpenOptions{Write: true})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, _ := f.Size()
	if at < 0 {
		at += size
	}
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x40
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
	f.Sync()
}

func names(t testing.TB, m vfs.FS, suffix string) (out []string) {
	for name := range memFiles(t, m) {
		if strings.HasSuffix(name, suffix) {
			out = append(out, name)
		}
	}
	return out
}

// replace rebuilds a bay onto a new disk.
func (r *memRig) replace(bay int) error {
	r.without(bay)
	onto := vfs.NewMem(vfs.MemOptions{Capacity: 1 << 40})
	_, err := Rebuild(context.Background(), r.cfg.Disks, RebuildOptions{Signer: r.signer.Public().(ed25519.PublicKey), Bay: bay,
		Onto: Disk{Name: "new", FS: onto}, Rand: func() (id manifest.ID, err error) { return manifest.ID{1, byte(bay)}, nil }})
	mems := append([]*vfs.Mem(nil), r.mems...)
	mems[bay] = onto
	r.use(mems)
	return err
}

func small32(t testing.TB) *memRig {
	r := newMemRig(t, rigOptions{k: 3, m: 2, disks: 5, block: 4096, packSize: 1 << 20})
	r.step = 4 * time.Second
	return r
}

// A disk is absent and a block on another has rotted: an acknowledged pack with
// fewer than k+1 whole shards at hand must not be taken for one that never was.
func TestOpenKeepsAcknowledgedPacks(t *testing.T) {
	src := smallTree(t, 2, 300<<10)
	r := small32(t)
	r.loadAll(src, LoadOptions{})
	whole := r.mems
	for _, name := range names(t, r.mems[3], ".shard") {
		rot(t, r.mems[3], name, 0)
	}
	d := r.mustDevice()
	want := d.Status()
	d.Close()
	r.without(0)
	d = r.mustDevice()
	if got := d.Status(); got.Packs != want.Packs || got.Records != want.Records {
		t.Errorf("with a disk absent and one rotten: %d packs, %d records, want %d, %d", got.Packs, got.Records, want.Packs, want.Records)
	}
	d.Close()
	r.use(whole)
	if err := r.check(readTree(t, src), r.sealAll().Label); err != nil {
		t.Error(err)
	}
}

// With every disk of the journal absent the packs of the others look uncommitted.
func TestOpenNeedsTheJournal(t *testing.T) {
	src := smallTree(t, 3, 100<<10)
	r := newMemRig(t, rigOptions{k: 3, m: 2, disks: 8, block: 4096, packSize: 1 << 20})
	r.loadAll(src, LoadOptions{})
	whole := r.mems
	r.without(0, 1, 2)
	if d, err := r.device(); !errors.Is(err, ErrTooFewDisks) {
		t.Errorf("opened without the journal's disks: %v", err)
		d.Close()
	}
	r.use(whole)
	if err := r.check(readTree(t, src), r.sealAll().Label); err != nil {
		t.Error(err)
	}
}

// A wrong load key must not make a device look empty.
func TestOpenWithAnotherKey(t *testing.T) {
	src := smallTree(t, 4, 100<<10)
	r := small32(t)
	r.loadAll(src, LoadOptions{})
	if _, err := Open(r.cfg, make([]byte, 32)); !errors.Is(err, crypto.ErrKey) {
		t.Errorf("opened with a wrong key: %v", err)
	}
	if err := r.check(readTree(t, src), r.sealAll().Label); err != nil {
		t.Error(err)
	}
}

// A frame in the middle of the journal is rotten on every disk at hand: opening
// must not cut off what follows.
func TestJournalRottenInTheMiddle(t *testing.T) {
	src := smallTree(t, 5, 900<<10)
	r := small32(t)
	r.loadAll(src, LoadOptions{})
	for _, m := range r.mems {
		for _, name := range names(t, m, ".journal") {
			rot(t, m, name, frameFileHead+frameHead+20)
		}
	}
	before := len(names(t, r.mems[0], ".shard"))
	if _, err := r.device(); !errors.Is(err, ErrLost) {
		t.Errorf("opened with a damaged journal: %v", err)
	}
	if after := len(names(t, r.mems[0], ".shard")); after != before {
		t.Errorf("%d shards left of %d", after, before)
	}
}

// All disks of the journal fail at the same frame: it is not acknowledged.
func TestJournalDisksFailTogether(t *testing.T) {
	src := smallTree(t, 6, 900<<10)
	r := newMemRig(t, rigOptions{k: 3, m: 2, disks: 8, block: 4096, packSize: 1 << 20})
	r.step = 4 * time.Second
	r.mustDevice().Close()
	for i := range r.cfg.Disks {
		r.cfg.Disks[i].FS = vfs.NewFault(r.mems[i], vfs.Rule{Op: vfs.OpSync, Path: "*.journal", Nth: 4, Err: syscall.EIO})
	}
	d := r.mustDevice()
	_, err := d.Load(context.Background(), src, LoadOptions{AcceptFindings: true})
	if !errors.Is(err, ErrTooFewDisks) {
		t.Errorf("load went on without any copy of the journal: %v", err)
	}
	d.Close()
}

// Too few disks are left for the journal, not for packs: the load stops, nothing
// is numbered twice, and with the disks back it goes on.
func TestJournalBelowItsCopies(t *testing.T) {
	src := smallTree(t, 7, 900<<10)
	for nth := 2; nth < 9; nth++ {
		r := newMemRig(t, rigOptions{k: 1, m: 2, disks: 4, block: 4096, packSize: 1 << 20})
		r.step = 4 * time.Second
		r.mustDevice().Close()
		for i := range 2 {
			r.cfg.Disks[i].FS = vfs.NewFault(r.mems[i], vfs.Rule{Op: vfs.OpSync, Path: "*.journal", Nth: nth})
		}
		d := r.mustDevice()
		if _, err := d.Load(context.Background(), src, LoadOptions{AcceptFindings: true}); err == nil {
			t.Errorf("sync %d: load acknowledged frames on too few disks", nth)
		}
		if _, err := d.Seal(context.Background(), r.sealOptions()); err == nil {
			t.Errorf("sync %d: sealed after the journal failed", nth)
		}
		d.Close()
		r.use(r.mems)
		res, _, err := r.run(src)
		if err != nil {
			t.Fatalf("sync %d: resume: %v", nth, err)
		}
		if err := r.check(readTree(t, src), res.Label); err != nil {
			t.Errorf("sync %d: %v", nth, err)
		}
	}
}

// A full disk ends the load; it is not a failed disk, and what is committed stays.
func TestFullDisk(t *testing.T) {
	src := smallTree(t, 8, 3<<20)
	want := readTree(t, src)
	for _, path := range []string{"*.shard", "*.hashes", "*.journal"} {
		r := small32(t)
		r.mustDevice().Close()
		for i := range r.cfg.Disks {
			after := int64(500 << 10)
			if path != "*.shard" {
				after = 1500
			}
			r.cfg.Disks[i].FS = vfs.NewFault(r.mems[i], vfs.Rule{Op: vfs.OpWrite, Path: path, AfterBytes: after, Err: syscall.ENOSPC})
		}
		d := r.mustDevice()
		rep, err := d.Load(context.Background(), src, LoadOptions{AcceptFindings: true})
		if !errors.Is(err, ErrFull) || len(rep.FailedDisks) > 0 {
			t.Fatalf("%s: %v; failed disks %v", path, err, rep.FailedDisks)
		}
		d.Close()
		r.use(r.mems)
		if err := r.stillThere(&d.state); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		res, _, err := r.run(src)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if err := r.check(want, res.Label); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// Small disks: the loader stops by itself before the seal has no room.
func TestSmallDisks(t *testing.T) {
	src := t.TempDir()
	rng := mrand.New(mrand.NewSource(9))
	b := make([]byte, 2<<20)
	for i := range 30 {
		rng.Read(b)
		os.WriteFile(filepath.Join(src, fmt.Sprintf("f%02d", i)), b, 0o644)
	}
	r := newMemRig(t, rigOptions{k: 3, m: 2, disks: 5, block: 4096, packSize: 8 << 20})
	for i := range r.mems {
		r.mems[i] = vfs.NewMem(vfs.MemOptions{Capacity: sealReserve + 10<<20})
	}
	r.use(r.mems)
	d := r.mustDevice()
	defer d.Close()
	rep, err := d.Load(context.Background(), src, LoadOptions{AcceptFindings: true})
	if !errors.Is(err, ErrFull) || len(rep.FailedDisks) > 0 {
		t.Fatalf("%v; failed disks %v", err, rep.FailedDisks)
	}
	t.Logf("figure: %d of %d MiB are safe", rep.Status.Bytes>>20, 60)
	if rep.Status.Bytes < 16<<20 {
		t.Errorf("only %d bytes of 60 MiB went onto disks with room for about 30", rep.Status.Bytes)
	}
	o := r.sealOptions()
	o.Incomplete = true
	res, err := d.Seal(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	rd, err := r.openReader(r.cfg.Disks, res.Label)
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	got, lost, err := readAll(rd)
	if err != nil || len(lost) > 0 || len(got) == 0 {
		t.Errorf("%d entries, %v lost, %v", len(got), lost, err)
	}
}

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
	if _, err := d.Seal(context.Background(), o); !errors.Is(err, ErrDegraded) {
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
	s.eachPack(func(p *manifest.Pack) error { known[p.ID.String()] = true; return nil })
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
	if _, err := d.Load(context.Background(), t.TempDir(), LoadOptions{}); err != nil {
		t.Fatal(err)
	}
	d.Close()
	b, _ := vfs.ReadFile(r.mems[2], unlockName, 1<<16)
	f, _ := r.mems[2].Create(unlockName+".0.tmp", vfs.CreateOptions{})
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
	r.cfg.Ledger = r.ledger
	if _, err := r.device(); !errors.Is(err, ErrSealBegun) {
		t.Errorf("opened: %v", err)
	}
	res, err := FinishSeal(r.cfg, r.ledger, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.check(readTree(t, src), res.Label); err != nil {
		t.Error(err)
	}
	if again, err := FinishSeal(r.cfg, r.ledger, nil); err != nil || string(again.Label) != string(res.Label) {
		t.Errorf("finished again: %v", err)
	}
}

// A source that has changed is loaded again: what is unchanged stays, what has
// changed is superseded, also where a folder has become a file, and one path has
// one record.
func TestSecondLoad(t *testing.T) {
	src := smallTree(t, 12, 300<<10)
	r := small32(t)
	r.step = 0
	r.loadAll(src, LoadOptions{})
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(src, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	same := func(name string, fill byte) { // same size and mtime, other bytes
		full := filepath.Join(src, name)
		st, _ := os.Stat(full)
		write(name, strings.Repeat(string(fill), int(st.Size())))
		os.Chtimes(full, st.ModTime(), st.ModTime())
	}
	same("dir1/f01", 'x') // carrier of a hard link
	write("a", "changed")
	os.Remove(filepath.Join(src, "a-b"))
	os.Mkdir(filepath.Join(src, "a-b"), 0o755)
	write("a-b/in", "a file has become a folder")
	os.RemoveAll(filepath.Join(src, "dir9"))
	write("dir9", "a folder has become a file")
	write("new1", "1")
	os.Link(filepath.Join(src, "new1"), filepath.Join(src, "new2"))
	rep := r.loadAll(src, LoadOptions{})
	if rep.Scan.Unchanged < 20 {
		t.Errorf("%d entries unchanged", rep.Scan.Unchanged)
	}
	want := readTree(t, src)
	want["dir9/deeper"] = "dir" // what has gone from the source stays
	other := smallTree(t, 13, 10<<10)
	r.loadAll(other, LoadOptions{As: "two/b"})
	for p, v := range readTree(t, other) {
		want["two/b/"+p] = v
	}
	res := r.sealAll()
	if err := r.check(want, res.Label); err != nil {
		t.Error(err)
	}
	rd, err := r.openReader(r.cfg.Disks, res.Label)
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	groups, linkTo := map[uint64]string{}, map[string]string{}
	rd.Entries(context.Background(), func(e Entry) error {
		rec := e.Record
		carrier := rec.LinkTo
		if carrier == "" {
			carrier = rec.Path
		}
		if g := rec.LinkGroup; g != 0 {
			if old := groups[g]; old != "" && old != carrier {
				t.Errorf("link group %d is of %q and %q", g, old, carrier)
			}
			groups[g] = carrier
		}
		linkTo[rec.Path] = rec.LinkTo
		return nil
	})
	if linkTo["zz-hard"] != "dir1/f01" || linkTo["two/b/zz-large"] != "two/b/large" {
		t.Errorf("hard links: %q, %q", linkTo["zz-hard"], linkTo["two/b/zz-large"])
	}
}

// An empty disk put in the place of a failed one has to be rebuilt.
func TestEmptyDiskNeedsRebuild(t *testing.T) {
	src := smallTree(t, 14, 100<<10)
	r := small32(t)
	r.loadAll(src, LoadOptions{})
	mems := append([]*vfs.Mem(nil), r.mems...)
	mems[3] = vfs.NewMem(vfs.MemOptions{Capacity: 1 << 40})
	r.use(mems)
	if _, err := r.device(); !errors.Is(err, ErrForeign) {
		t.Fatalf("an empty disk was adopted: %v", err)
	}
	if err := r.replace(3); err != nil {
		t.Fatal(err)
	}
	if err := r.check(readTree(t, src), r.sealAll().Label); err != nil {
		t.Error(err)
	}
}

// Rebuild takes each journal frame from whichever disk has it whole, and a rebuild
// that was cut off goes on.
func TestRebuildUnsealed(t *testing.T) {
	src := smallTree(t, 15, 900<<10)
	r := small32(t)
	r.loadAll(src, LoadOptions{})
	journal := names(t, r.mems[1], ".journal")[0]
	st, _ := r.mems[1].Stat(journal)
	rot(t, r.mems[1], journal, frameFileHead+frameHead+20) // first frame
	rot(t, r.mems[2], journal, st.Size()-20)               // last frame
	r.without(0)
	onto := vfs.NewMem(vfs.MemOptions{Capacity: 1 << 40})
	o := RebuildOptions{Signer: r.signer.Public().(ed25519.PublicKey), Bay: -1, Onto: Disk{Name: "new", FS: onto}, Rand: func() (manifest.ID, error) { return manifest.ID{9}, nil }}
	total := 0
	for n := int64(1); ; n += 7 { // cut off ever later
		onto.OnOp(nil)
		before := onto.Ops()
		onto.OnOp(func(op vfs.Op) error {
			if op.N-before > n {
				return errors.New("unplugged")
			}
			return nil
		})
		total++
		if _, err := Rebuild(context.Background(), r.cfg.Disks, o); err == nil {
			break
		} else if total > 300 {
			t.Fatal(err)
		}
	}
	onto.OnOp(nil)
	mems := append([]*vfs.Mem(nil), r.mems...)
	mems[0] = onto
	r.use(mems)
	got, _ := vfs.ReadFile(onto, journal, 1<<30)
	if int64(len(got)) != st.Size() {
		t.Errorf("journal of %d bytes rebuilt, want %d", len(got), st.Size())
	}
	if err := r.check(readTree(t, src), r.sealAll().Label); err != nil {
		t.Error(err)
	}
}

// After a disk has failed in mid-load, journals of earlier sessions stand on m+1
// working disks again.
func TestEarlierJournalsKeepTheirCopies(t *testing.T) {
	src := smallTree(t, 16, 100<<10)
	r := small32(t)
	r.loadAll(src, LoadOptions{})
	earlier := names(t, r.mems[0], ".journal")
	os.WriteFile(filepath.Join(src, "more"), make([]byte, 900<<10), 0o644)
	r.cfg.Disks[0].FS = vfs.NewFault(r.mems[0], vfs.Rule{Op: vfs.OpSync, Path: "*.shard"})
	rep := r.loadAll(src, LoadOptions{})
	if len(rep.FailedDisks) != 1 {
		t.Fatalf("failed disks: %v", rep.FailedDisks)
	}
	for _, name := range earlier {
		have := 0
		for _, m := range r.mems[1:] {
			if b, err := vfs.ReadFile(m, name, 1<<30); err == nil && len(b) > 100 {
				have++
			}
		}
		if have < 3 {
			t.Errorf("%s is on %d working disks", name, have)
		}
	}
}

// TestNthError lets the nth operation of one kind fail on one disk, and on m disks
// at once. A load ends degraded with the disks named, or stops with an error that
// names one; rebuilt disks let the same calls end well.
func TestNthError(t *testing.T) {
	src := smallTree(t, 17, 600<<10)
	want := readTree(t, src)
	seed := seedOf(t)
	rng := mrand.New(mrand.NewSource(seed))
	end := time.Now().Add(4 * time.Second)
	runs := 0
	for ; long() && runs < 3000 || time.Now().Before(end); runs++ {
		r := small32(t)
		bad := rng.Perm(5)[:1+rng.Intn(2)]
		op := []vfs.OpKind{vfs.OpWrite, vfs.OpSync, vfs.OpCreate, vfs.OpSyncDir, vfs.OpMkdir, vfs.OpClose, vfs.OpRemove, vfs.OpRename}[rng.Intn(8)]
		nth := 1 + rng.Intn(60)
		for _, b := range bad {
			r.cfg.Disks[b].FS = vfs.NewFault(r.mems[b], vfs.Rule{Op: op, Nth: nth, Times: 1000, Err: syscall.EIO})
		}
		fail := func(format string, a ...any) {
			t.Helper()
			t.Fatalf("seed %d run %d: %s number %d on %v: %s", seed, runs, op, nth, bad, fmt.Sprintf(format, a...))
		}
		res, acked, err := r.run(src)
		if err != nil && !namesOne(err, bad) {
			fail("error names no disk: %v", err)
		}
		if err != nil {
			r.use(r.mems)
			if acked != nil && err != nil {
				if _, _, begun := r.ledger.RecordedCheckpoint(r.cfg.Scope.Origin()); !begun {
					for _, b := range bad {
						if rerr := r.replace(b); rerr != nil {
							fail("rebuild of bay %d: %v", b, rerr)
						}
					}
					if err := r.stillThere(acked); err != nil {
						fail("%v", err)
					}
				}
			}
			if res, _, err = r.run(src); err != nil {
				fail("again: %v", err)
			}
		}
		if err := r.check(want, res.Label); err != nil {
			fail("%v", err)
		}
	}
	t.Logf("figure: seed %d: %d runs", seed, runs)
}

func namesOne(err error, disks []int) bool {
	for _, b := range disks {
		if strings.Contains(err.Error(), fmt.Sprintf("d%02d", b)) {
			return true
		}
	}
	return false
}

// Ctrl-C in the middle of a long file keeps its committed prefix: the rest is read,
// not the whole.
func TestCancelLongFile(t *testing.T) {
	src := smallTree(t, 19, 40<<20)
	want := readTree(t, src)
	r := newMemRig(t, rigOptions{k: 3, m: 2, disks: 5, block: 65536, packSize: 4 << 20})
	d := r.mustDevice()
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for d.Status().OpenFiles == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	if _, err := d.Load(ctx, src, LoadOptions{AcceptFindings: true}); !errors.Is(err, context.Canceled) {
		t.Skipf("the load was quicker: %v", err)
	}
	if d.Status().OpenFiles != 1 {
		t.Errorf("%d files in progress", d.Status().OpenFiles)
	}
	d.Close()
	d = r.mustDevice()
	defer d.Close()
	before := d.Status().BodyBytes
	if _, err := d.Load(context.Background(), src, LoadOptions{AcceptFindings: true}); err != nil {
		t.Fatal(err)
	}
	if total := d.Status().BodyBytes; before == 0 || total > 42<<20 {
		t.Errorf("%d bytes before the stop, %d in all: the prefix was read again", before, total)
	}
	res, err := d.Seal(context.Background(), r.sealOptions())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.check(want, res.Label); err != nil {
		t.Error(err)
	}
}

// Tiny pages and index packs: every path is found, every prefix listed.
func TestTinyIndexPacks(t *testing.T) {
	oldR, oldP := pageRecords, indexPages
	pageRecords, indexPages = 2, 3
	defer func() { pageRecords, indexPages = oldR, oldP }()
	src := smallTree(t, 20, 10<<10)
	deep := strings.Repeat(strings.Repeat("d", 200)+"/", 6)
	os.MkdirAll(filepath.Join(src, deep), 0o755)
	for _, n := range []string{"x", "y", "z"} {
		os.WriteFile(filepath.Join(src, deep, n), []byte(n), 0o644)
	}
	r := small32(t)
	r.loadAll(src, LoadOptions{})
	res := r.sealAll()
	want := readTree(t, src)
	if err := r.check(want, res.Label); err != nil {
		t.Fatal(err)
	}
	rd, err := r.openReader(r.cfg.Disks, res.Label)
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	if rd.End.IndexPacks < 8 {
		t.Fatalf("%d index packs", rd.End.IndexPacks)
	}
	ctx := context.Background()
	for p := range want {
		e, err := rd.Lookup(ctx, p)
		if err != nil || e.Record.Path != p {
			t.Errorf("%q: %v", p, err)
		}
		if e, err := rd.Lookup(ctx, p+"!"); err == nil && want[p+"!"] == "" {
			t.Errorf("%q was found: %q", p+"!", e.Record.Path)
		}
		for _, prefix := range []string{p, p[:1+len(p)/2]} {
			n, m := 0, 0
			for q, v := range want {
				if v == "dir" {
					q += "/"
				}
				if strings.HasPrefix(q, prefix) {
					n++
				}
			}
			if err := rd.List(ctx, prefix, func(Entry) error { m++; return nil }); err != nil || m != n {
				t.Errorf("prefix %q: %d entries, want %d, %v", prefix, m, n, err)
			}
		}
	}
}

// TestManyEntries loads 10^5 entries, links among them, and finds each again.
func TestManyEntries(t *testing.T) {
	if !long() {
		t.Skip("SLEDGE_LONG is not set")
	}
	src := t.TempDir()
	for i := range 100000 {
		name := filepath.Join(src, fmt.Sprintf("d%02d/%06x", i%50, i*7919%1000003))
		if i < 50 {
			os.Mkdir(filepath.Dir(name), 0o755)
		}
		if i%10 == 9 {
			os.Link(filepath.Join(src, fmt.Sprintf("d%02d/%06x", (i-1)%50, (i-1)*7919%1000003)), name)
			continue
		}
		if err := os.WriteFile(name, []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r := newMemRig(t, rigOptions{k: 3, m: 2, disks: 5, block: 65536})
	start := time.Now()
	rep := r.loadAll(src, LoadOptions{})
	loaded := time.Since(start)
	start = time.Now()
	res := r.sealAll()
	t.Logf("%d entries loaded in %v, sealed in %v", rep.Status.Entries, loaded, time.Since(start))
	if rep.Scan.Hardlinks != 10000 || rep.Status.Entries != 100050 {
		t.Errorf("%+v", rep.Status)
	}
	if err := r.check(readTree(t, src), res.Label); err != nil {
		t.Error(err)
	}
	if _, err := r.device(); !errors.Is(err, ErrSealed) {
		t.Errorf("opened after the seal: %v", err)
	}
}

// TestRebuildSealed writes each bay of a sealed device again, without a key and cut
// off on the way, with rot on another disk: byte for byte what was there, but for
// the header's disk id.
func TestRebuildSealed(t *testing.T) {
	src := smallTree(t, 41, 600<<10)
	r, res := sealedRig(t, rigOptions{k: 3, m: 2, disks: 6, block: 4096, packSize: 200 << 10}, src)
	whole := r.mems
	rng := mrand.New(mrand.NewSource(41))
	for bay := range 6 {
		r.fresh(rng, whole)
		for _, p := range r.packsOf(res.Label) {
			for s := range layoutOf(p).Stripes() {
				r.rotBlock(p, s, (int(s)+bay)%5, rng)
			}
		}
		r.without(bay)
		onto := vfs.NewMem(vfs.MemOptions{Capacity: 1 << 40})
		o := RebuildOptions{Signer: r.signer.Public().(ed25519.PublicKey), Bay: -1, Onto: Disk{Name: "new", FS: onto}, Rand: func() (manifest.ID, error) { return manifest.ID{9}, nil }}
		for n := int64(5); ; n += 60 {
			before := onto.Ops()
			onto.OnOp(func(op vfs.Op) error {
				if op.N-before > n {
					return errors.New("unplugged")
				}
				return nil
			})
			if _, err := Rebuild(context.Background(), r.cfg.Disks, o); err == nil {
				break
			} else if n > 10000 {
				t.Fatal(err)
			}
		}
		got, want := memFiles(t, onto), memFiles(t, whole[bay])
		delete(got, headerName)
		delete(want, headerName)
		for name := range want {
			if string(got[name]) != string(want[name]) {
				t.Errorf("bay %d: %s differs (%d and %d bytes)", bay, name, len(want[name]), len(got[name]))
			}
			delete(got, name)
		}
		for name := range got {
			t.Errorf("bay %d: %s is too much", bay, name)
		}
	}
}
