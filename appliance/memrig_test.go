package appliance

import (
	"context"
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/appliance/rebuild"
	"github.com/sledge-io/sledge/appliance/seal"
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

func (r *memRig) sealAll() *seal.Result {
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

// replace rebuilds a bay onto a new disk.
func (r *memRig) replace(bay int) error {
	r.without(bay)
	onto := vfs.NewMem(vfs.MemOptions{Capacity: 1 << 40})
	_, err := rebuild.Run(context.Background(), r.cfg.Disks, rebuild.Options{Signer: r.signer.Public().(ed25519.PublicKey), Bay: bay,
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
