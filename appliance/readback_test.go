package appliance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// liars puts disks into the rig that say that all is well; the rest are good.
func (r *memRig) liars(rule vfs.Rule, bays ...int) {
	r.mustDevice().Close()
	for _, b := range bays {
		r.cfg.Disks[b].FS = vfs.NewFault(r.mems[b], rule)
	}
}

// forgets keeps the first bytes of its shards and gives zeros for the others;
// wraps writes what is over its size over its first shards.
var (
	forgets   = vfs.Rule{Op: vfs.OpWrite, Path: "*.shard", AfterBytes: 200 << 10, Zero: true}
	wrapFiles = vfs.Rule{Op: vfs.OpWrite, Path: "*.shard", AfterBytes: 300 << 10, Wrap: true}
)

// events are what the journal will have the log say of a kind.
func events(t *testing.T, d *Device, what string) (out []manifest.Event) {
	t.Helper()
	for _, raw := range d.state.events {
		e, err := manifest.DecodeEntry(raw)
		if err != nil {
			t.Fatal(err)
		}
		if e.Event.What == what {
			out = append(out, *e.Event)
		}
	}
	return out
}

// TestDisksThatLie: a disk takes every write and does not have it later. The load
// condemns it and says so, the seal does without it only if told to, and a rebuilt
// disk makes the device whole.
func TestDisksThatLie(t *testing.T) {
	src := smallTree(t, 61, 1500<<10)
	want := readTree(t, src)
	for name, rule := range map[string]vfs.Rule{"forgets": forgets, "wraps": wrapFiles} {
		t.Run(name, func(t *testing.T) {
			r := small32(t)
			r.liars(rule, 2)
			d := r.mustDevice()
			rep, err := d.Load(context.Background(), src, LoadOptions{AcceptFindings: true})
			if err != nil || len(rep.FailedDisks) != 1 || !strings.Contains(rep.FailedDisks[0], "d02") || rep.Status.Degraded == 0 {
				t.Fatalf("%v; failed %v, degraded %d", err, rep.FailedDisks, rep.Status.Degraded)
			}
			if got := events(t, d, "disk-failed"); len(got) != 1 || got[0].Bay != 2 || !strings.HasPrefix(got[0].Text, "read-back-failed: pack ") {
				t.Errorf("events %v", got)
			}
			if _, err := d.Seal(context.Background(), r.sealOptions()); !errors.Is(err, seal.ErrAbsent) {
				t.Errorf("sealed with a disk that lies: %v", err)
			}
			d.Close()
			d = r.mustDevice() // another process takes the disk for a good one, at first
			if _, err := d.Seal(context.Background(), r.sealOptions()); !errors.Is(err, seal.ErrAbsent) || !errors.Is(err, disk.ErrReadBack) {
				t.Errorf("sealed with a disk that lies, after a restart: %v", err)
			}
			d.Close()
			if err := r.replace(2); err != nil {
				t.Fatal(err)
			}
			res := r.sealAll()
			if res.Statement.ReadBack != manifest.ReadBackAll || res.Statement.UnreadPacks != 0 || res.Statement.Degraded != 0 {
				t.Errorf("statement: read back %q, %d unread, %d degraded", res.Statement.ReadBack, res.Statement.UnreadPacks, res.Statement.Degraded)
			}
			if err := r.check(want, res.Label); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestTooManyLiars: more disks lie than there is parity for. What cannot be read
// any more is not told as loaded.
func TestTooManyLiars(t *testing.T) {
	src := smallTree(t, 62, 1500<<10)
	for name, rule := range map[string]vfs.Rule{"forget": forgets, "wrap": wrapFiles} {
		r := newMemRig(t, rigOptions{k: 3, m: 1, disks: 8, block: 4096, packSize: 256 << 10})
		r.liars(rule, 0, 1, 2, 3, 4, 5, 6, 7)
		d := r.mustDevice()
		_, err := d.Load(context.Background(), src, LoadOptions{AcceptFindings: true})
		if !errors.Is(err, ErrLost) && !errors.Is(err, ErrTooFewDisks) {
			t.Errorf("disks that %s: %v", name, err)
		}
		if _, err := d.Seal(context.Background(), r.sealOptions()); err == nil {
			t.Errorf("sealed on disks that %s", name)
		}
		d.Close()
	}
}

// TestSealUnverified: what nobody read back is sealed only if that is asked for,
// and the statement says how much it is.
func TestSealUnverified(t *testing.T) {
	src := smallTree(t, 63, 600<<10)
	r := small32(t)
	r.loadAll(src, LoadOptions{})
	d := r.mustDevice()
	defer d.Close()
	d.state.reads = nil // as if nothing had been read back by the load
	st := d.Status()
	if st.ReadBack != 0 || len(st.ReadAgain) != 5 || d.readBack(0) {
		t.Errorf("status: %d packs read back, %v due", st.ReadBack, st.ReadAgain)
	}
	o := r.sealOptions()
	o.Unverified = true
	res, err := d.Seal(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if res.Statement.ReadBack != manifest.ReadBackNone || res.Statement.UnreadPacks != st.Packs {
		t.Errorf("statement: %q, %d of %d packs unread", res.Statement.ReadBack, res.Statement.UnreadPacks, st.Packs)
	}
}

// coldFS counts reads of shards that no DropCache or direct open came before.
type coldFS struct {
	vfs.FS
	mu sync.Mutex

	warm  []string
	reads int
}

type coldFile struct {
	vfs.File
	fs      *coldFS
	name    string
	dropped bool
}

func (c *coldFS) Open(name string, o vfs.OpenOptions) (vfs.File, error) {
	f, err := c.FS.Open(name, o)
	if err != nil {
		return nil, err
	}
	return &coldFile{File: f, fs: c, name: name}, nil
}

func (f *coldFile) DropCache() error {
	f.dropped = true
	return f.File.DropCache()
}

func (f *coldFile) ReadAt(p []byte, off int64) (int, error) {
	if strings.HasSuffix(f.name, ".shard") {
		f.fs.mu.Lock()
		f.fs.reads++
		if !f.dropped {
			f.fs.warm = append(f.fs.warm, f.name)
		}
		f.fs.mu.Unlock()
	}
	return f.File.ReadAt(p, off)
}

func (r *memRig) coldDisks() (out []*coldFS) {
	for i := range r.cfg.Disks {
		c := &coldFS{FS: r.cfg.Disks[i].FS}
		r.cfg.Disks[i].FS = c
		out = append(out, c)
	}
	return out
}

func shardReads(disks []*coldFS) (n int) {
	for _, c := range disks {
		n += c.reads
		c.reads = 0
	}
	return n
}

// TestReadBackIsRemembered: each shard is read once by the load, past the page
// cache, and the next process knows; only the samples are read again. A disk that
// was rebuilt is read whole.
func TestReadBackIsRemembered(t *testing.T) {
	src := smallTree(t, 64, 900<<10)
	r := small32(t)
	r.mustDevice().Close()
	disks := r.coldDisks()
	rep := r.loadAll(src, LoadOptions{})
	if rep.Status.ReadBack != rep.Status.Packs || len(rep.Status.ReadAgain) > 0 {
		t.Fatalf("%d of %d packs read back, %v due", rep.Status.ReadBack, rep.Status.Packs, rep.Status.ReadAgain)
	}
	blocks := shardReads(disks)
	d := r.mustDevice()
	for n := range d.Status().Packs {
		if !d.readBack(n) {
			t.Errorf("pack %d does not count as read back", n)
		}
	}
	if again, err := d.ReadBack(context.Background(), nil); err != nil || again.Bytes != 0 || again.ReadBack != again.Packs {
		t.Errorf("read back again: %+v, %v", again, err)
	}
	d.Close()
	if n := shardReads(disks); n != 0 {
		t.Errorf("%d blocks read, %d had to be", n, 0)
	}
	for _, c := range disks {
		if len(c.warm) > 0 {
			t.Errorf("read from the page cache, perhaps: %v", c.warm)
		}
	}
	r.use(r.mems)
	if err := r.replace(1); err != nil {
		t.Fatal(err)
	}
	d = r.mustDevice()
	if st := d.Status(); st.ReadBack != 0 || !slices.Equal(st.ReadAgain, []int{1}) {
		t.Errorf("after a rebuild %d packs count as read back, %v due", st.ReadBack, st.ReadAgain)
	}
	again, err := d.ReadBack(context.Background(), nil)
	if err != nil || again.ReadBack != again.Packs || again.Bytes == 0 {
		t.Errorf("after a rebuild: %+v, %v", again, err)
	}
	d.Close()
	if blocks == 0 {
		t.Error("the load read nothing back")
	}
}

// TestWritesOutdateSamples: what is written later takes the word of what was read
// before away, until a sample was read again.
func TestWritesOutdateSamples(t *testing.T) {
	r := small32(t)
	r.loadAll(smallTree(t, 65, 100<<10), LoadOptions{})
	src := t.TempDir()
	if err := os.WriteFile(filepath.Join(src, "later"), []byte("later"), 0o644); err != nil {
		t.Fatal(err)
	}
	d := r.mustDevice()
	defer d.Close()
	if !d.readBack(0) {
		t.Fatal("pack 0 was not read back")
	}
	d.start(1)
	p, err := d.openPack()
	if err != nil {
		t.Fatal(err)
	}
	if d.readBack(0) {
		t.Error("pack 0 counts as read back while another is written")
	}
	p.GiveUp()
	d.stop()
	d.Close()
	d = r.mustDevice() // the pack was never committed, and its bytes were written
	if d.readBack(0) {
		t.Error("pack 0 counts as read back after another was written")
	}
	if _, err := d.Load(context.Background(), src, LoadOptions{AcceptFindings: true, As: "x"}); err != nil {
		t.Fatal(err)
	}
	if !d.readBack(0) {
		t.Error("pack 0 does not count as read back after its disks' samples were")
	}
}

// TestReadBackErrors: a disk that cannot read a shard back is condemned; what the
// process is short of is no fault of the disk's.
func TestReadBackErrors(t *testing.T) {
	src := smallTree(t, 66, 300<<10)
	for cause, failed := range map[error]int{syscall.EIO: 1, syscall.EMFILE: 0} {
		r := small32(t)
		r.liars(vfs.Rule{Op: vfs.OpOpen, Path: "*.shard", Err: cause}, 4)
		d := r.mustDevice()
		rep, err := d.Load(context.Background(), src, LoadOptions{AcceptFindings: true})
		if err != nil || len(rep.FailedDisks) != failed {
			t.Errorf("%v: %v, failed %v", cause, err, rep.FailedDisks)
		}
		if failed == 0 {
			if _, err := d.Seal(context.Background(), r.sealOptions()); !errors.Is(err, syscall.EMFILE) || errors.Is(err, disk.ErrUnread) {
				t.Errorf("%v: the seal: %v", cause, err)
			}
			if _, err := d.ReadBack(context.Background(), nil); !errors.Is(err, syscall.EMFILE) {
				t.Errorf("%v: the read-back: %v", cause, err)
			}
		}
		d.Close()
	}
}

// TestSealDegradedAfterReadBack: with leave to seal degraded packs, a shard that
// does not read back is one lost shard, and the rest of its disk is read again.
func TestSealDegradedAfterReadBack(t *testing.T) {
	src := smallTree(t, 67, 900<<10)
	r := small32(t)
	r.loadAll(src, LoadOptions{})
	name := names(t, r.mems[3], ".shard")[0]
	rot(t, r.mems[3], name, 0)
	o := r.sealOptions()
	o.Degraded = true
	d := r.mustDevice()
	_, err := d.Seal(context.Background(), o) // its sample is the first that meets it
	d.Close()
	if !errors.Is(err, disk.ErrReadBack) {
		t.Fatalf("sealed over a shard that does not read back: %v", err)
	}
	d = r.mustDevice()
	defer d.Close()
	res, err := d.Seal(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if res.Statement.Degraded != 1 || res.Statement.ReadBack != manifest.ReadBackAll {
		t.Errorf("%d degraded, read back %q", res.Statement.Degraded, res.Statement.ReadBack)
	}
	if err := r.check(readTree(t, src), res.Label); err != nil {
		t.Error(err)
	}
}

// TestReadBehindIsBounded: packs that wait beyond the bound are given up, oldest
// first, and left for the read-back before the seal.
func TestReadBehindIsBounded(t *testing.T) {
	r := &readBehind{queues: map[*disk.Bay][]unreadShard{}}
	r.more.L = &r.mu
	r.ctx, r.cancel = context.WithCancel(context.Background())
	defer r.cancel()
	b := &disk.Bay{}
	crcs := make([]uint64, maxReadBehind/2)
	for i := range 3 {
		r.push(disk.Bays{b}, &manifest.Pack{Number: uint64(i), Bays: []byte{0}, Geometry: manifest.Geometry{K: 1, BlockSize: 4096}, BodySize: 1}, crcs)
	}
	var got []string
	for range 3 {
		s, crcs, ok := r.next(b)
		got = append(got, fmt.Sprint(s.of.pack.Number, crcs != nil, ok))
		r.took(s.of)
	}
	if want := []string{"0 false true", "1 true true", "2 true true"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if r.held != 0 || len(r.order) != 0 {
		t.Errorf("%d CRCs held, %d packs", r.held, len(r.order))
	}
}

// TestWrapsAfterReadBack: a later load writes over what an earlier one had read
// back: the sample after the last write finds it, also when only the index does.
func TestWrapsAfterReadBack(t *testing.T) {
	first, second := smallTree(t, 68, 600<<10), smallTree(t, 69, 300<<10)
	r := small32(t)
	size := func() (n int64) {
		for _, b := range memFiles(t, r.mems[2]) {
			n += int64(len(b))
		}
		return n
	}
	r.liars(vfs.Rule{Op: vfs.OpWrite, Path: "*.shard", AfterBytes: 420 << 10, Wrap: true}, 2)
	d := r.mustDevice()
	defer d.Close()
	rep, err := d.Load(context.Background(), first, LoadOptions{AcceptFindings: true})
	if err != nil || len(rep.FailedDisks) > 0 || !d.readBack(0) {
		t.Fatalf("the first load, %d bytes: %v, failed %v", size(), err, rep.FailedDisks)
	}
	rep, err = d.Load(context.Background(), second, LoadOptions{AcceptFindings: true, As: "x"})
	if err != nil || len(rep.FailedDisks) != 1 {
		t.Errorf("the second load, %d bytes: %v, failed %v", size(), err, rep.FailedDisks)
	}

	r = small32(t)
	r.loadAll(first, LoadOptions{})
	onDisk := int64(0)
	for _, name := range names(t, r.mems[2], ".shard") {
		onDisk += int64(len(memFiles(t, r.mems[2])[name]))
	}
	r = small32(t) // the load fits, and its index goes over it
	r.liars(vfs.Rule{Op: vfs.OpWrite, Path: "*.shard", AfterBytes: onDisk + 2*4096, Wrap: true}, 2)
	d = r.mustDevice()
	defer d.Close()
	if rep, err = d.Load(context.Background(), first, LoadOptions{AcceptFindings: true}); err != nil || len(rep.FailedDisks) > 0 {
		t.Fatalf("%v, failed %v", err, rep.FailedDisks)
	}
	if _, err := d.Seal(context.Background(), r.sealOptions()); !errors.Is(err, disk.ErrReadBack) {
		t.Errorf("sealed with an index written over a pack: %v", err)
	}
}

// TestReadOnceAfterTheLastWrite: what was read after the last write needs no sample.
func TestReadOnceAfterTheLastWrite(t *testing.T) {
	src := smallTree(t, 70, 300<<10)
	r := small32(t)
	r.step, r.cfg.Workers = 0, 1 // one pack
	r.mustDevice().Close()
	disks := r.coldDisks()
	rep := r.loadAll(src, LoadOptions{})
	if rep.Status.Packs != 1 || rep.Status.ReadBack != 1 || len(rep.Status.ReadAgain) > 0 {
		t.Fatalf("%d packs, %d read back, %v due", rep.Status.Packs, rep.Status.ReadBack, rep.Status.ReadAgain)
	}
	blocks := int64(0)
	for _, m := range r.mems {
		for name, b := range memFiles(t, m) {
			if strings.HasSuffix(name, ".shard") {
				blocks += int64((len(b) + 4095) / 4096)
			}
		}
	}
	if n := shardReads(disks); int64(n) != blocks {
		t.Errorf("%d blocks read of %d", n, blocks)
	}
}
