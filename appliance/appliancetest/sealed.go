// Package appliancetest makes sealed devices for the tests of packages that read one. It imports
// package appliance, so tests inside of that cannot import it.
package appliancetest

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

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/read"
	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// Options are the shape of a device.
type Options struct {
	K, M, Disks, Block int
	Digest             string // of files; default "whole"
}

// Sealed is a sealed device whose disks are temporary folders.
type Sealed struct {
	Label []byte

	t      testing.TB
	signer ed25519.PublicKey
	site   *crypto.SiteKey
	dirs   []string
}

// Seal loads the tree src onto a new device and seals it.
func Seal(t testing.TB, src string, o Options) *Sealed {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	if o.Digest == "" {
		o.Digest = "whole"
	}
	s := &Sealed{t: t}
	signer, signKey, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	devPub, devKey, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	dev, err := manifest.DeviceID(devPub)
	must(err)
	s.signer = signer
	s.site, err = crypto.GenerateSiteKey()
	must(err)
	id := crypto.SiteKeyID(s.site.PublicKey())
	root := make([]byte, 32)
	rand.Read(root)
	job := &manifest.Job{Serial: 1, Created: time.Now().UTC(), Expires: time.Now().Add(time.Hour).UTC(), Direction: "import",
		Devices:    []manifest.JobDevice{{ID: dev, PublicKey: manifest.PublicKey{PublicKey: devPub}, Protection: "software key, unprotected"}},
		Geometry:   manifest.JobGeometry{K: o.K, M: o.M, BlockSize: o.Block, Disks: o.Disks, AllowNoParity: o.M == 0},
		Recipients: []manifest.Recipient{{Kind: string(crypto.WrapSite), PublicKey: s.site.PublicKey(), KeyID: hex.EncodeToString(id[:])}},
		Unlock:     manifest.JobUnlock{KDF: crypto.KDFParams{Kind: "pbkdf2-hmac-sha256", Salt: make([]byte, 16), Iterations: 100000}, Verifier: crypto.Verifier(root)},
		Policy:     manifest.JobPolicy{FileDigest: o.Digest, Symlinks: "object", Directories: "object", PackSize: 1 << 30, PackSeconds: 30}}
	rand.Read(job.ID[:])
	file, err := job.Sign(signKey)
	must(err)
	for i := range o.Disks {
		dir := filepath.Join(t.TempDir(), fmt.Sprintf("d%02d", i))
		must(os.Mkdir(dir, 0o700))
		s.dirs = append(s.dirs, dir)
	}
	cfg := appliance.Config{Scope: manifest.Scope{Job: job.ID, Device: dev, Generation: 1}, Job: job, JobFile: file, Key: devKey, Workers: 2, Software: "test", Disks: s.disks()}
	k, err := appliance.Prepare(cfg, root)
	must(err)
	d, err := appliance.Open(cfg, k)
	must(err)
	defer d.Close()
	_, err = d.Load(context.Background(), src, appliance.LoadOptions{AcceptFindings: true})
	must(err)
	res, err := d.Seal(context.Background(), seal.Options{WrapUnchecked: true, Ledger: &ledger{}, DeviceKey: "software key, unprotected"})
	must(err)
	s.Label = res.Label
	return s
}

// disks opens the folders but those that are skipped.
func (s *Sealed) disks(skip ...int) (out []disk.Disk) {
	s.t.Helper()
	for i, dir := range s.dirs {
		if slices.Contains(skip, i) {
			continue
		}
		fs, err := vfs.OS(dir)
		if err != nil {
			s.t.Fatal(err)
		}
		out = append(out, disk.Disk{Name: filepath.Base(dir), FS: fs})
	}
	return out
}

// Reader reads the device without the disks that are skipped. The test's end closes it.
func (s *Sealed) Reader(skip ...int) *read.Reader {
	s.t.Helper()
	set, err := read.OpenSet(s.disks(skip...), s.signer, s.Label)
	if err != nil {
		s.t.Fatal(err)
	}
	k, err := set.OpenWithSite(s.site)
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := set.Unlock(k)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { r.Close() })
	return r
}

// ledger is what the device's own storage remembers of a seal.
type ledger struct {
	origin     string
	size       uint64
	root, plan [32]byte
	written    [][16]byte
}

func (l *ledger) RecordCheckpoint(origin string, size uint64, root, plan [32]byte) error {
	l.origin, l.size, l.root, l.plan = origin, size, root, plan
	return nil
}

func (l *ledger) RecordedCheckpoint(origin string) (uint64, [32]byte, bool) {
	return l.size, l.root, l.origin == origin && l.size > 0
}

func (l *ledger) RecordedPlan(string) [32]byte { return l.plan }

func (l *ledger) RecordWritten(_ string, disks [][16]byte) error {
	l.written = slices.Clone(disks)
	return nil
}

func (l *ledger) RecordedWritten(string) [][16]byte { return l.written }
