package appliance

import (
	"context"
	"crypto/ed25519"
	"errors"
	mrand "math/rand"
	"testing"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/frames"
	"github.com/sledge-io/sledge/appliance/pack"
	"github.com/sledge-io/sledge/appliance/rebuild"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// Rebuild takes each journal frame from whichever disk has it whole, and a rebuild
// that was cut off goes on.
func TestRebuildUnsealed(t *testing.T) {
	src := smallTree(t, 15, 900<<10)
	r := small32(t)
	r.loadAll(src, LoadOptions{})
	journal := names(t, r.mems[1], ".journal")[0]
	st, _ := r.mems[1].Stat(journal)
	rot(t, r.mems[1], journal, frames.HeaderSize+frames.FrameHead+20) // first frame
	rot(t, r.mems[2], journal, st.Size()-20)                          // last frame
	r.without(0)
	onto := vfs.NewMem(vfs.MemOptions{Capacity: 1 << 40})
	o := rebuild.Options{Signer: r.signer.Public().(ed25519.PublicKey), Bay: -1, Onto: Disk{Name: "new", FS: onto}, Rand: func() (manifest.ID, error) { return manifest.ID{9}, nil }}
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
		if _, err := rebuild.Run(context.Background(), r.cfg.Disks, o); err == nil {
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
			for s := range pack.LayoutOf(p).Stripes() {
				r.rotBlock(p, s, (int(s)+bay)%5, rng)
			}
		}
		r.without(bay)
		onto := vfs.NewMem(vfs.MemOptions{Capacity: 1 << 40})
		o := rebuild.Options{Signer: r.signer.Public().(ed25519.PublicKey), Bay: -1, Onto: Disk{Name: "new", FS: onto}, Rand: func() (manifest.ID, error) { return manifest.ID{9}, nil }}
		for n := int64(5); ; n += 60 {
			before := onto.Ops()
			onto.OnOp(func(op vfs.Op) error {
				if op.N-before > n {
					return errors.New("unplugged")
				}
				return nil
			})
			if _, err := rebuild.Run(context.Background(), r.cfg.Disks, o); err == nil {
				break
			} else if n > 10000 {
				t.Fatal(err)
			}
		}
		got, want := memFiles(t, onto), memFiles(t, whole[bay])
		delete(got, disk.HeaderName)
		delete(want, disk.HeaderName)
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
