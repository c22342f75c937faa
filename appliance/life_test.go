package appliance

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sledge-io/sledge/appliance/extract"
	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/appliance/treetest"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// rig is a site, a device and its disks in temporary folders.
type rig struct {
	t      testing.TB
	signer ed25519.PrivateKey
	site   *crypto.SiteKey
	cfg    Config
	root   []byte
	dirs   []string
	ledger *memLedger
}

type memLedger struct {
	origin string
	size   uint64
	root   [32]byte
	plan   [32]byte

	written [][16]byte
}

func (l *memLedger) RecordCheckpoint(origin string, size uint64, root, plan [32]byte) error {
	if l.origin != "" && (l.origin != origin || l.size != size || l.root != root || l.plan != plan) {
		return fmt.Errorf("second checkpoint")
	}
	l.origin, l.size, l.root, l.plan = origin, size, root, plan
	return nil
}

func (l *memLedger) RecordedPlan(string) [32]byte { return l.plan }

func (l *memLedger) RecordWritten(_ string, disks [][16]byte) error {
	l.written = slices.Clone(disks)
	return nil
}

func (l *memLedger) RecordedWritten(string) [][16]byte { return l.written }

func (l *memLedger) RecordedCheckpoint(origin string) (uint64, [32]byte, bool) {
	return l.size, l.root, l.origin == origin && l.size > 0
}

type rigOptions struct {
	k, m, disks, block int
	packSize           int64
	digest             string
	roles              manifest.JobRoles
}

func newRig(t testing.TB, o rigOptions) *rig {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	if o.packSize == 0 {
		o.packSize = 1 << 30
	}
	if o.digest == "" {
		o.digest = "whole"
	}
	r := &rig{t: t, ledger: &memLedger{}}
	_, r.signer, _ = ed25519.GenerateKey(rand.Reader)
	devPub, devKey, _ := ed25519.GenerateKey(rand.Reader)
	dev, err := manifest.DeviceID(devPub)
	must(err)
	r.site, err = crypto.GenerateSiteKey()
	must(err)
	id := crypto.SiteKeyID(r.site.PublicKey())
	r.root = make([]byte, 32)
	rand.Read(r.root)
	job := &manifest.Job{Serial: 1, Created: time.Now().UTC(), Expires: time.Now().Add(time.Hour).UTC(), Direction: "import",
		Devices:    []manifest.JobDevice{{ID: dev, PublicKey: manifest.PublicKey{PublicKey: devPub}, Protection: "software key, unprotected"}},
		Geometry:   manifest.JobGeometry{K: o.k, M: o.m, BlockSize: o.block, Disks: o.disks, AllowNoParity: o.m == 0},
		Recipients: []manifest.Recipient{{Kind: string(crypto.WrapSite), PublicKey: r.site.PublicKey(), KeyID: hex.EncodeToString(id[:])}},
		Unlock:     manifest.JobUnlock{KDF: crypto.KDFParams{Kind: "pbkdf2-hmac-sha256", Salt: make([]byte, 16), Iterations: 100000}, Verifier: crypto.Verifier(r.root)},
		Roles:      o.roles,
		Policy:     manifest.JobPolicy{FileDigest: o.digest, Symlinks: "object", Directories: "object", PackSize: o.packSize, PackSeconds: 30}}
	rand.Read(job.ID[:])
	file, err := job.Sign(r.signer)
	must(err)
	r.cfg = Config{Scope: manifest.Scope{Job: job.ID, Device: dev, Generation: 1}, Job: job, JobFile: file, Key: devKey, Workers: 2, Software: "test"}
	for i := range o.disks {
		dir := filepath.Join(t.TempDir(), fmt.Sprintf("d%02d", i))
		must(os.Mkdir(dir, 0o700))
		r.dirs = append(r.dirs, dir)
	}
	r.cfg.Disks = r.disks()
	return r
}

// disks opens the folders that are there.
func (r *rig) disks(skip ...int) []Disk {
	r.t.Helper()
	var out []Disk
next:
	for i, dir := range r.dirs {
		for _, s := range skip {
			if s == i {
				continue next
			}
		}
		fs, err := vfs.OS(dir)
		if err != nil {
			r.t.Fatal(err)
		}
		out = append(out, Disk{Name: filepath.Base(dir), FS: fs})
	}
	return out
}

func (r *rig) open() (*Device, []byte) {
	r.t.Helper()
	k, err := Prepare(r.cfg, r.root)
	if err != nil {
		r.t.Fatal(err)
	}
	d, err := Open(r.cfg, k)
	if err != nil {
		r.t.Fatal(err)
	}
	return d, k
}

func (r *rig) load(src string) *LoadReport {
	r.t.Helper()
	d, _ := r.open()
	defer d.Close()
	rep, err := d.Load(context.Background(), src, LoadOptions{AcceptFindings: true})
	if err != nil {
		r.t.Fatal(err)
	}
	return rep
}

func (r *rig) seal() *seal.Result {
	r.t.Helper()
	return r.sealWith(seal.Options{})
}

// sealWith seals with the options that the caller cares about.
func (r *rig) sealWith(o seal.Options) *seal.Result {
	r.t.Helper()
	o.WrapUnchecked, o.Ledger, o.DeviceKey = true, r.ledger, "software key, unprotected"
	d, _ := r.open()
	defer d.Close()
	res, err := d.Seal(context.Background(), o)
	if err != nil {
		r.t.Fatal(err)
	}
	return res
}

func (r *rig) reader(label []byte, skip ...int) *Reader {
	r.t.Helper()
	rd := r.openReader(label, skip...)
	r.t.Cleanup(func() { rd.Close() })
	return rd
}

// openReader gives a reader that the caller closes.
func (r *rig) openReader(label []byte, skip ...int) *Reader {
	r.t.Helper()
	s, err := OpenSet(r.disks(skip...), r.signer.Public().(ed25519.PublicKey), label)
	if err != nil {
		r.t.Fatal(err)
	}
	k, err := s.OpenWithSite(r.site)
	if err != nil {
		r.t.Fatal(err)
	}
	rd, err := s.Unlock(k)
	if err != nil {
		r.t.Fatal(err)
	}
	return rd
}

func TestLife(t *testing.T) {
	for _, o := range []rigOptions{
		{k: 8, m: 3, disks: 11, block: 1 << 20},
		{k: 3, m: 2, disks: 7, block: 4096, packSize: 3 << 20, digest: "parts"},
		{k: 1, m: 1, disks: 2, block: 65536, packSize: 10 << 20},
	} {
		t.Run(fmt.Sprintf("%d+%d", o.k, o.m), func(t *testing.T) {
			src := treetest.Make(t, 1, 300, 21<<20)
			r := newRig(t, o)
			rep := r.load(src)
			if rep.SkippedCount != 0 {
				t.Fatalf("skipped: %+v", rep.Skipped)
			}
			res := r.seal()
			rd := r.reader(res.Label)
			out := filepath.Join(t.TempDir(), "out")
			x, err := extract.Run(context.Background(), rd, out, extract.Options{Workers: 2})
			if err != nil {
				t.Fatalf("%v %+v", err, x)
			}
			treetest.Compare(t, src, out)
			if x.Repaired != 0 {
				t.Errorf("%d blocks repaired on a whole device", x.Repaired)
			}
			if got := rd.Totals(); got.Entries() != got.ScanEntries || got.Hardlinks != 2 || got.Symlinks != 1 {
				t.Errorf("totals %+v", got)
			}
			// m disks lost.
			skip := make([]int, o.m)
			for i := range skip {
				skip[i] = i
			}
			rd = r.reader(res.Label, skip...)
			out = filepath.Join(t.TempDir(), "out2")
			if x, err = extract.Run(context.Background(), rd, out, extract.Options{Workers: 2}); err != nil {
				t.Fatalf("%v %+v", err, x)
			}
			treetest.Compare(t, src, out)
			if x.Repaired == 0 {
				t.Errorf("no block repaired with %d disks lost", o.m)
			}
			proveAll(t, r, rd)
		})
	}
}

func proveAll(t *testing.T, r *rig, rd *Reader) {
	t.Helper()
	for _, path := range []string{"large.bin", "a", "a-b", "dir", "dir/a", "empty-dir/deeper", "link", "zz-hard", "many/03/file-0003.bin"} {
		b, err := rd.Prove(context.Background(), path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		p, err := manifest.ParseProof(b)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		_, _, rec, err := p.Verify(r.signer.Public().(ed25519.PublicKey))
		if err != nil || rec.Path != path {
			t.Errorf("%s: %v %v", path, rec, err)
		}
		_, other, _ := ed25519.GenerateKey(rand.Reader)
		if _, _, _, err := p.Verify(other.Public().(ed25519.PublicKey)); err == nil {
			t.Errorf("%s: proof verifies with a foreign signer", path)
		}
	}
	if _, err := rd.Lookup(context.Background(), "nothing/here"); err == nil {
		t.Error("a path that is not there was found")
	}
}
