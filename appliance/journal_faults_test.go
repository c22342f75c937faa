package appliance

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	mrand "math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/frames"
	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/appliance/rebuild"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// faultRig is a small device with several sessions behind it.
type faultRig struct {
	*memRig
	key   []byte
	acked *loadState
	want  wantTree
	m     int
}

// newFaultRig loads three times; the journals of each session, and the scan lists,
// are on m+1 disks.
func newFaultRig(t *testing.T, o rigOptions) *faultRig {
	r := &faultRig{memRig: newMemRig(t, o), m: o.m}
	src := t.TempDir()
	for i := range 3 {
		os.WriteFile(filepath.Join(src, fmt.Sprintf("f%d", i)), bytes.Repeat([]byte{byte(i)}, 9000), 0o644)
		os.Mkdir(filepath.Join(src, fmt.Sprintf("d%d", i)), 0o755)
		r.loadAll(src, LoadOptions{})
	}
	var err error
	if r.key, err = Prepare(r.cfg, r.root); err != nil {
		t.Fatal(err)
	}
	d := r.mustDevice()
	r.acked, r.want = &d.state, readTree(t, src)
	d.Close()
	return r
}

// journalsOf lists the journals of a disk, by ordinal.
func journalsOf(t testing.TB, mems ...*vfs.Mem) []*frames.File {
	t.Helper()
	set := disk.Bays{}
	for i, m := range mems {
		if m != nil {
			set = append(set, &disk.Bay{Number: i, Disk: Disk{FS: m}})
		}
	}
	files, err := frames.Find(set, frames.Journal, true)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// framesOf gives where a copy's frames begin, and where the last one ends.
func framesOf(t testing.TB, m vfs.FS, name string) (at []int64) {
	t.Helper()
	b := &disk.Bay{Disk: Disk{FS: m}}
	c := &frames.File{Name: name, On: []*disk.Bay{b}}
	o, err := c.Open(true)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	end, err := o.EachPart(0, false, func(p frames.Part) error { at = append(at, p.At); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return append(at, end)
}

// truncate cuts a copy, durably.
func truncate(t testing.TB, m vfs.FS, name string, size int64) {
	t.Helper()
	f, err := m.Open(name, vfs.OpenOptions{Write: true})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.Truncate(size)
	f.Sync()
}

// tornTails are the states of the last session's end. Each returns what counts as
// acknowledged, which is never more than what a whole device has.
var tornTails = []struct {
	name string
	tear func(r *faultRig)
}{
	{"ended well", func(*faultRig) {}},
	{"closing frame on one disk", func(r *faultRig) { r.tear(1, false) }},
	{"last pack on one disk", func(r *faultRig) { r.tear(2, false) }},
	{"last pack on one disk, its shards gone", func(r *faultRig) { r.tear(2, true) }},
	{"torn in mid-frame everywhere", func(r *faultRig) {
		last := slices.MaxFunc(journalsOf(r.t, r.mems...), func(a, b *frames.File) int { return int(a.Ordinal) - int(b.Ordinal) })
		for _, b := range last.On {
			at := framesOf(r.t, b.Disk.FS, last.Name)
			truncate(r.t, b.Disk.FS, last.Name, at[len(at)-1]-9)
		}
	}},
	{"a file begun and never used", func(r *faultRig) {
		file, _ := r.mems[1].Create(disk.JournalDir+"/"+strings.Repeat("ab", 16)+".journal", vfs.CreateOptions{})
		file.WriteAt(frames.Header(frames.Journal, manifest.ID{}, 0)[:8], 0) // its magic
		file.Sync()
		file.Close()
		r.mems[1].SyncDir(disk.JournalDir)
	}},
	{"a disk back with a pack whose number was used again", func(r *faultRig) { r.stale() }},
}

// tear takes the last n frames of the last journal from all disks but one. A pack
// that is gone with its shards was never acknowledged.
func (r *faultRig) tear(n int, shards bool) {
	files := journalsOf(r.t, r.mems...)
	last := files[len(files)-1]
	at := framesOf(r.t, last.On[0].Disk.FS, last.Name)
	cut := at[len(at)-1-n]
	// the last pack's frame may stand before others without one
	for ; n > 1 && r.packAt(last, cut) == nil; n++ {
		cut = at[len(at)-1-n]
	}
	pack := r.packAt(last, cut)
	for _, b := range last.On[1:] {
		truncate(r.t, b.Disk.FS, last.Name, cut)
	}
	if pack != nil { // on one disk alone it was not acknowledged
		end := at[slices.Index(at, cut)+1]
		truncate(r.t, last.On[0].Disk.FS, last.Name, end)
		r.acked = nil
	}
	if !shards {
		return
	}
	for _, m := range r.mems {
		for _, name := range names(r.t, m, ".shard") {
			if strings.Contains(name, pack.ID.String()) {
				m.Remove(name)
				m.SyncDir(filepath.Dir(name))
			}
		}
	}
}

func (r *faultRig) packAt(c *frames.File, at int64) *manifest.Pack {
	dev, _ := r.cfg.Job.Device(r.cfg.Scope.Device)
	o, err := c.Open(true)
	if err != nil {
		r.t.Fatal(err)
	}
	defer o.Close()
	var raw []byte
	_, err = o.EachPart(0, false, func(p frames.Part) error {
		if p.Whole && p.At == at {
			raw = bytes.Clone(p.Raw)
		}
		return nil
	})
	if err != nil || raw == nil {
		r.t.Fatalf("no frame at %d: %v", at, err)
	}
	return journal.Pack(raw, r.cfg.Scope, dev.PublicKey.PublicKey)
}

// stale makes a disk that came back: its copy of a journal ends with a pack that
// was not acknowledged, and whose number a later session has given to another.
func (r *faultRig) stale() {
	r.tear(2, true)
	files := journalsOf(r.t, r.mems...)
	last := files[len(files)-1]
	from := last.On[0]
	old := append([]*vfs.Mem(nil), r.mems...)
	frames, err := vfs.ReadFile(from.Disk.FS, last.Name, 1<<20)
	if err != nil {
		r.t.Fatal(err)
	}
	src := r.t.TempDir()
	for name, content := range r.want {
		if file, ok := strings.CutPrefix(content, "file "); ok {
			os.WriteFile(filepath.Join(src, name), []byte(file), 0o644)
		}
	}
	d := r.mustDevice() // decides that the pack does not count
	if _, err := d.Load(context.Background(), src, LoadOptions{AcceptFindings: true, As: "again"}); err != nil {
		r.t.Fatal(err)
	}
	d.Close()
	file, err := old[slices.Index(old, from.Disk.FS.(*vfs.Mem))].Open(last.Name, vfs.OpenOptions{Write: true})
	if err != nil {
		r.t.Fatal(err)
	}
	file.WriteAt(frames, 0)
	file.Sync()
	file.Close()
}

// fault is one thing that is wrong with one disk. apply returns the disk to be used.
type fault struct {
	name   string
	traces bool // a damage that can be seen from the copy alone
	apply  func(m *vfs.Mem) vfs.FS
}

func rule(r vfs.Rule) func(*vfs.Mem) vfs.FS {
	return func(m *vfs.Mem) vfs.FS { return vfs.NewFault(m, r) }
}

// faultsOf lists every fault of a disk's frame files.
func faultsOf(t testing.TB, m *vfs.Mem) []fault {
	out := []fault{{"EIO on readdir", true, rule(vfs.Rule{Op: vfs.OpReadDir, Path: disk.JournalDir})}}
	for _, suffix := range []string{".journal", ".scan"} {
		for _, name := range names(t, m, suffix) {
			short := filepath.Base(name)[:6] + suffix
			add := func(what string, traces bool, apply func(*vfs.Mem) vfs.FS) {
				out = append(out, fault{short + ": " + what, traces, apply})
			}
			on := func(f func(m *vfs.Mem)) func(*vfs.Mem) vfs.FS {
				return func(m *vfs.Mem) vfs.FS { f(m); return m }
			}
			add("EIO on open", true, rule(vfs.Rule{Op: vfs.OpOpen, Path: name}))
			add("header EIO", true, rule(vfs.Rule{Op: vfs.OpRead, Path: name, Offset: 3, Length: 1}))
			add("header flipped", true, on(func(m *vfs.Mem) { rot(t, m, name, 5) }))
			add("removed", false, on(func(m *vfs.Mem) { m.Remove(name); m.SyncDir(disk.JournalDir) }))
			add("truncated to nothing", false, on(func(m *vfs.Mem) { truncate(t, m, name, 0) }))
			at := framesOf(t, m, name)
			for i := range at[:len(at)-1] {
				from, n := at[i], at[i+1]-at[i]
				add(fmt.Sprintf("EIO in frame %d", i), true, rule(vfs.Rule{Op: vfs.OpRead, Path: name, Offset: from + n/2, Length: 1}))
				add(fmt.Sprintf("frame %d flipped", i), i < len(at)-2, on(func(m *vfs.Mem) { rot(t, m, name, from+n/2) }))
				add(fmt.Sprintf("frame %d, magic flipped", i), i < len(at)-2, on(func(m *vfs.Mem) { rot(t, m, name, from) }))
				add(fmt.Sprintf("truncated at frame %d", i), false, on(func(m *vfs.Mem) { truncate(t, m, name, from) }))
				add(fmt.Sprintf("truncated in frame %d", i), false, on(func(m *vfs.Mem) { truncate(t, m, name, from+n/2) }))
			}
		}
	}
	for nth := 1; nth <= 12; nth++ {
		out = append(out, fault{fmt.Sprintf("ENFILE once, at open %d", nth), true, rule(vfs.Rule{Op: vfs.OpOpen, Nth: nth, Err: syscall.ENFILE})})
	}
	return append(out,
		fault{"ENFILE once in a folder", true, rule(vfs.Rule{Op: vfs.OpReadDir, Nth: 1, Err: syscall.ENFILE})},
		fault{"ENOMEM once in a read", true, rule(vfs.Rule{Op: vfs.OpRead, Path: "*.journal", Nth: 2, Err: syscall.ENOMEM})})
}

// some takes every nth fault, beginning with another one each time; all of them in a
// long test.
func some(all []fault, first, nth int) (out []fault) {
	if long() {
		return all
	}
	for i := first % nth; i < len(all); i += nth {
		out = append(out, all[i])
	}
	return out
}

func cloned(mems []*vfs.Mem) []*vfs.Mem {
	out := make([]*vfs.Mem, len(mems))
	for i, m := range mems {
		if m != nil {
			out[i] = m.CrashClone(mrand.New(mrand.NewSource(1)), 100)
		}
	}
	return out
}

func snapshot(t testing.TB, mems []*vfs.Mem) (all []map[string][]byte) {
	for _, m := range mems {
		all = append(all, memFiles(t, m))
	}
	return all
}

func sameFiles(a, b []map[string][]byte, butJournals bool) error {
	for i := range a {
		for name, data := range a[i] {
			if !bytes.Equal(data, b[i][name]) && !(butJournals && strings.HasSuffix(name, ".journal")) {
				return fmt.Errorf("disk %d: %s was changed", i, name)
			}
		}
		for name := range b[i] {
			if _, ok := a[i][name]; !ok && !butJournals {
				return fmt.Errorf("disk %d: %s is new", i, name)
			}
		}
	}
	return nil
}

// has opens the set and compares it with what was acknowledged.
func (r *faultRig) has(disks []Disk) error {
	cfg := r.cfg
	cfg.Disks = disks
	d, err := Open(cfg, r.key)
	if err != nil {
		return err
	}
	defer d.Close()
	if d.state.packs < r.acked.packs || d.state.records < r.acked.records {
		return fmt.Errorf("%w: %d packs, %d records, want %d, %d", errShort, d.state.packs, d.state.records, r.acked.packs, r.acked.records)
	}
	for list, set := range r.acked.lists {
		if d.state.lists[list].count() < set.count() {
			return fmt.Errorf("%w: list %s", errShort, list)
		}
	}
	lists, err := d.findLists()
	if err != nil {
		return err
	}
	have := map[manifest.ID]bool{}
	for _, l := range lists {
		have[l.copies.ID] = true
	}
	for list := range r.acked.lists {
		if !have[list] {
			return fmt.Errorf("%w: list %s was removed", errShort, list)
		}
	}
	for id := range r.acked.known {
		shards := 0 // and hash lists
		for _, fsys := range disks {
			list, _ := fsys.FS.ReadDir(disk.PackDir(id))
			for _, e := range list {
				if strings.HasPrefix(e.Name(), id.String()) {
					shards++
				}
			}
		}
		if shards == 0 {
			return fmt.Errorf("%w: pack %s was swept", errShort, id)
		}
	}
	return nil
}

var errShort = errors.New("acknowledged and gone")

func (r *faultRig) disks(mems []*vfs.Mem) (out []Disk) {
	for i, m := range mems {
		if m != nil {
			out = append(out, Disk{Name: fmt.Sprintf("d%02d", i), FS: m})
		}
	}
	return out
}

// tornRig makes a device with a torn tail and notes what is acknowledged in it.
func tornRig(t *testing.T, o rigOptions, tear func(*faultRig)) *faultRig {
	r := newFaultRig(t, o)
	tear(r)
	if r.acked == nil {
		probe := cloned(r.mems)
		whole := r.mems
		r.use(probe)
		d := r.mustDevice()
		r.acked = &d.state
		d.Close()
		r.use(whole)
		r.acked.packs, r.acked.records = min(r.acked.packs, 2), min(r.acked.records, r.records(2))
		r.acked.lists, r.acked.known = nil, nil
	}
	return r
}

// records is how many records the first sessions have committed, at the least.
func (r *faultRig) records(sessions int) uint64 { return uint64(2 * sessions) }

var faultShapes = []rigOptions{
	{k: 2, m: 1, disks: 3, block: 4096, packSize: 1 << 20},
	{k: 2, m: 2, disks: 5, block: 4096, packSize: 1 << 20},
}

// A disk that fails while its copies are compared is not counted among those that have
// one: another disk gets it.
func TestMendWhileADiskFails(t *testing.T) {
	r := newFaultRig(t, rigOptions{k: 2, m: 2, disks: 5, block: 4096, packSize: 1 << 20})
	d := r.mustDevice()
	defer d.Close()
	files, err := d.findFrameFiles(frames.Journal)
	if err != nil {
		t.Fatal(err)
	}
	c := files[0]
	at := framesOf(t, c.On[0].Disk.FS, c.Name)
	size := at[len(at)-1]
	rot(t, c.On[1].Disk.FS, c.Name, at[0]+30)
	fails := c.On[0] // behind the read of its own sum
	fails.Disk.FS = vfs.NewFault(fails.Disk.FS, vfs.Rule{Op: vfs.OpRead, Path: c.Name, Nth: 2, Times: 1 << 20})
	if err := d.frames().Mend(c, size); err != nil {
		t.Fatal(err)
	}
	if fails.Failed() == nil {
		t.Fatal("the disk has not failed")
	}
	sums := map[[32]byte]int{}
	for _, b := range d.bays.Healthy() {
		if whole, err := vfs.ReadFile(b.Disk.FS, c.Name, 1<<20); err == nil && int64(len(whole)) >= size {
			sums[sha256.Sum256(whole[:size])]++
		}
	}
	for sum, n := range sums {
		if n != r.m+1 {
			t.Errorf("%d disks have a copy %x", n, sum[:4])
		}
	}
}

// TestOpenWithAFault: for every single fault of one disk, Open ends with an error
// that has changed nothing, or gives all that was acknowledged.
func TestOpenWithAFault(t *testing.T) {
	for _, o := range faultShapes {
		for _, tail := range tornTails {
			r := tornRig(t, o, tail.tear)
			before := snapshot(t, r.mems)
			opened, refused := 0, 0
			for bay := range r.mems {
				for _, f := range some(faultsOf(t, r.mems[bay]), bay, 2) {
					mems := cloned(r.mems)
					disks := r.disks(mems)
					disks[bay].FS = f.apply(mems[bay])
					was := before
					if disks[bay].FS == vfs.FS(mems[bay]) { // the fault is on the disk itself
						was = snapshot(t, mems)
					}
					place := fmt.Sprintf("%d+%d on %d, %s: disk %d: %s", o.k, o.m, o.disks, tail.name, bay, f.name)
					cfg := r.cfg
					cfg.Disks = disks
					d, err := Open(cfg, r.key)
					if err == nil {
						opened++
						d.Close()
					} else {
						refused++
						// the process may fail while a tail that does not count is cut off
						cutting := disk.OwnFault(err) && tail.name != tornTails[0].name
						if err := sameFiles(was, snapshot(t, mems), cutting); err != nil {
							t.Fatalf("%s: refused, and %v", place, err)
						}
						if strings.Contains(f.name, "flipped") || strings.Contains(f.name, "truncated") || strings.Contains(f.name, "removed") {
							t.Errorf("%s: damage that another disk bridges: %v", place, err)
						}
					}
					if err := r.has(r.disks(mems)); err != nil { // the disk answers again
						t.Fatalf("%s: %v", place, err)
					}
				}
			}
			t.Logf("figure: %d+%d on %d, %s: opened %d, refused %d", o.k, o.m, o.disks, tail.name, opened, refused)
		}
	}
}

// TestRebuildWithAFault rebuilds each bay while one disk has a fault: if it is the
// disk that is replaced, all is there afterwards; if it is another one, the rebuild
// ends with an error, or all is there. After any end the device with the old disk
// is as it was.
func TestRebuildWithAFault(t *testing.T) {
	for _, o := range faultShapes {
		for _, tail := range tornTails {
			r := tornRig(t, o, tail.tear)
			rebuilt, refused := 0, 0
			for bay := range r.mems {
				for gone := range r.mems {
					faults := []fault{{"nothing else", true, func(m *vfs.Mem) vfs.FS { return m }}}
					if bay != gone {
						faults = some(faultsOf(t, r.mems[bay]), bay+gone, 8)
					}
					for _, f := range faults {
						mems := cloned(r.mems)
						others := r.disks(mems)
						others[bay].FS = f.apply(mems[bay])
						old := mems[gone]
						others = slices.Delete(others, gone, gone+1)
						onto := vfs.NewMem(vfs.MemOptions{Capacity: 1 << 40})
						place := fmt.Sprintf("%d+%d on %d, %s: bay %d rebuilt, disk %d: %s", o.k, o.m, o.disks, tail.name, gone, bay, f.name)
						_, err := rebuild.Run(context.Background(), others, rebuild.Options{Signer: r.signer.Public().(ed25519.PublicKey), Bay: gone,
							Onto: Disk{Name: "new", FS: onto}, Rand: func() (manifest.ID, error) { return manifest.ID{9}, nil }})
						undecided := errors.Is(err, ErrTooFewDisks) && strings.HasSuffix(tail.name, "its shards gone")
						if bay == gone && err != nil && !undecided {
							t.Fatalf("%s: %v", place, err)
						}
						if err == nil {
							rebuilt++
						} else {
							refused++
						}
						// A copy that ends early leaves no trace: with m = 1 the old disk
						// had the other one.
						if written := err == nil || errors.Is(err, ErrLost); written && (f.traces || o.m > 1) {
							oerr := r.has(append(slices.Clone(others), Disk{Name: "new", FS: onto}))
							if errors.Is(oerr, errShort) || bay == gone && oerr != nil {
								t.Fatalf("%s: the set with the new disk: %v (rebuild: %v)", place, oerr, err)
							}
						}
						mems[gone] = old
						if err := r.has(r.disks(mems)); err != nil {
							t.Fatalf("%s: the set with the old disk: %v (rebuild: %v)", place, err, err)
						}
					}
				}
			}
			t.Logf("figure: %d+%d on %d, %s: rebuilt %d, refused %d", o.k, o.m, o.disks, tail.name, rebuilt, refused)
		}
	}
}
