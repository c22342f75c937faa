package appliance

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	mrand "math/rand"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sledge-io/sledge/appliance/ingest"
	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// memRig is a rig whose disks are in memory and can lose power.
type memRig struct {
	*rig
	mems  []*vfs.Mem
	clock time.Time
	step  time.Duration // the clock goes on by this at every look
	mu    sync.Mutex
}

func newMemRig(t testing.TB, o rigOptions) *memRig {
	t.Helper()
	r := &memRig{rig: newRig(t, o), clock: time.Now()}
	r.cfg.bufferSize = 64 << 10 // so that opening a device is cheap
	r.cfg.Job.Expires = time.Now().AddDate(10, 0, 0).UTC()
	file, err := r.cfg.Job.Sign(r.signer)
	if err != nil {
		t.Fatal(err)
	}
	r.cfg.JobFile = file
	r.cfg.Now = func() time.Time {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.clock = r.clock.Add(r.step)
		return r.clock
	}
	mems := make([]*vfs.Mem, o.disks)
	for i := range mems {
		mems[i] = vfs.NewMem(vfs.MemOptions{Capacity: 1 << 40})
	}
	r.use(mems)
	return r
}

func (r *memRig) use(mems []*vfs.Mem) {
	r.mems = mems
	r.cfg.Disks = nil
	for i, m := range mems {
		if m != nil {
			r.cfg.Disks = append(r.cfg.Disks, Disk{Name: fmt.Sprintf("d%02d", i), FS: m})
		}
	}
}

// clone is the whole set of disks as a power cut would leave it.
func (r *memRig) clone(rng *mrand.Rand, percent int) []*vfs.Mem {
	out := make([]*vfs.Mem, len(r.mems))
	for i, m := range r.mems {
		if m != nil {
			out[i] = m.CrashClone(rng, percent)
		}
	}
	return out
}

// haltAt cuts the power of all disks before the nth changing operation; 0 only
// counts. The result tells how many there were.
func (r *memRig) haltAt(n int64) (ops func() int64) {
	var mu sync.Mutex
	var count int64
	for _, m := range r.mems {
		if m == nil {
			continue
		}
		m.OnOp(func(vfs.Op) error {
			mu.Lock() // until all are off: no operation may begin while some disks are
			defer mu.Unlock()
			if count++; count == n {
				for _, m := range r.mems {
					if m != nil {
						m.Halt()
					}
				}
			}
			return nil
		})
	}
	return func() int64 {
		mu.Lock()
		defer mu.Unlock()
		return count
	}
}

func (r *memRig) device() (*Device, error) {
	k, err := Prepare(r.cfg, r.root)
	if err != nil {
		return nil, err
	}
	return Open(r.cfg, k)
}

func (r *memRig) mustDevice() *Device {
	r.t.Helper()
	d, err := r.device()
	if err != nil {
		r.t.Fatal(err)
	}
	return d
}

func (r *memRig) sealOptions() seal.Options {
	return seal.Options{WrapUnchecked: true, Ledger: r.ledger, DeviceKey: "software key, unprotected"}
}

// run loads and seals, or finishes a seal that has begun: the same calls after
// any crash. acked is what the device acknowledged before it failed.
func (r *memRig) run(src string) (res *seal.Result, acked *loadState, err error) {
	if _, _, ok := r.ledger.RecordedCheckpoint(r.cfg.Scope.Origin()); ok {
		res, err = FinishSeal(context.Background(), r.cfg, r.ledger, seal.FinishOptions{})
		return res, nil, err
	}
	d, err := r.device()
	if err != nil {
		return nil, nil, err
	}
	defer d.Close()
	if _, err = d.Load(context.Background(), src, LoadOptions{AcceptFindings: true}); err != nil {
		return nil, &d.state, err
	}
	res, err = d.Seal(context.Background(), r.sealOptions())
	return res, &d.state, err
}

// openReader verifies the sealed disks and unlocks them.
func (r *memRig) openReader(disks []Disk, label []byte) (*Reader, error) {
	s, err := OpenSet(disks, r.signer.Public().(ed25519.PublicKey), label)
	if err != nil {
		return nil, err
	}
	k, err := s.OpenWithSite(r.site)
	if err != nil {
		return nil, err
	}
	return s.Unlock(k)
}

// wantTree is a source as the manifest should have it.
type wantTree map[string]string

func readTree(t testing.TB, root string) wantTree {
	t.Helper()
	want := wantTree{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		switch {
		case e.IsDir():
			want[rel] = "dir"
		case e.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			want[rel] = "link " + target
			return err
		default:
			b, err := os.ReadFile(path)
			want[rel] = "file " + string(b)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return want
}

// readAll reads every entry; entries that cannot be read are in lost.
func readAll(rd *Reader) (got wantTree, lost map[string]error, err error) {
	got, lost = wantTree{}, map[string]error{}
	err = rd.Entries(context.Background(), func(e Entry) error {
		rec := e.Record
		if _, twice := got[rec.Path]; twice {
			return fmt.Errorf("two records of %q", rec.Path)
		}
		switch rec.Kind {
		case manifest.KindDir:
			got[rec.Path] = "dir"
		case manifest.KindSymlink:
			got[rec.Path] = "link " + rec.Target
		case manifest.KindSkipped:
			got[rec.Path] = "skipped " + rec.Reason
		default:
			c, err := rd.Open(context.Background(), rec)
			if err != nil {
				return err
			}
			b := make([]byte, rec.Size)
			if _, err := c.ReadAt(b, 0); err != nil && rec.Size > 0 {
				lost[rec.Path] = err
				return nil
			}
			d := ingest.NewDigest(rec.Size, rec.SHA256 != nil)
			d.Write(b)
			if err := sameDigest(d, rec); err != nil {
				return fmt.Errorf("%q: %w", rec.Path, err)
			}
			got[rec.Path] = "file " + string(b)
		}
		return nil
	})
	return got, lost, err
}

func sameDigest(d *ingest.Digest, rec *manifest.Record) error {
	var got manifest.Record
	d.Fill(&got)
	same := got.CRC == rec.CRC || !rec.HasCRC
	if rec.SHA256 != nil {
		same = same && string(got.SHA256) == string(rec.SHA256)
	}
	if len(rec.Parts) > 0 {
		same = same && manifest.RootOver(got.Parts) == manifest.RootOver(rec.Parts)
	}
	if !same {
		return fmt.Errorf("%w: content does not have the recorded digest", manifest.ErrCorrupt)
	}
	return nil
}

// diff compares two trees; extra entries of got are differences, too.
func (want wantTree) diff(got wantTree) error {
	var bad []string
	for p, w := range want {
		if g, ok := got[p]; !ok {
			bad = append(bad, fmt.Sprintf("%q is missing", p))
		} else if g != w {
			bad = append(bad, fmt.Sprintf("%q differs (%d and %d bytes, %.20q)", p, len(w), len(g), g))
		}
	}
	for p := range got {
		if _, ok := want[p]; !ok {
			bad = append(bad, fmt.Sprintf("%q should not be there", p))
		}
	}
	if len(bad) == 0 {
		return nil
	}
	if len(bad) > 5 {
		bad = append(bad[:5], fmt.Sprintf("and %d more", len(bad)-5))
	}
	return errors.New(strings.Join(bad, "; "))
}

// check reads a sealed set back and compares it with the source.
func (r *memRig) check(want wantTree, label []byte) error {
	rd, err := r.openReader(r.cfg.Disks, label)
	if err != nil {
		return err
	}
	defer rd.Close()
	got, lost, err := readAll(rd)
	if err != nil {
		return err
	}
	if len(lost) > 0 {
		return fmt.Errorf("lost: %v", lost)
	}
	return want.diff(got)
}

// smallTree writes about thirty files of a few kilobytes, one of size bytes, and
// one of every other kind.
func smallTree(t testing.TB, seed int64, large int) string {
	t.Helper()
	rng := mrand.New(mrand.NewSource(seed))
	root := t.TempDir()
	put := func(name string, n int) {
		full := filepath.Join(root, name)
		os.MkdirAll(filepath.Dir(full), 0o755)
		b := make([]byte, n)
		rng.Read(b)
		if err := os.WriteFile(full, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 24 {
		put(fmt.Sprintf("dir%d/f%02d", i%3, i), rng.Intn(20000))
	}
	put("large", large)
	put("empty", 0)
	put("a", 10)
	put("a-b", 10)
	os.MkdirAll(filepath.Join(root, "dir9/deeper"), 0o755)
	os.Symlink("nowhere", filepath.Join(root, "link"))
	os.Link(filepath.Join(root, "dir1/f01"), filepath.Join(root, "zz-hard"))
	os.Link(filepath.Join(root, "large"), filepath.Join(root, "zz-large"))
	return root
}

// files lists a disk's files with their content.
func memFiles(t testing.TB, m vfs.FS) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := vfs.Walk(m, ".", vfs.Limits{}, func(name string, e fs.DirEntry) error {
		if e.IsDir() {
			return nil
		}
		b, err := vfs.ReadFile(m, name, 1<<30)
		out[name] = bytes.Clone(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
