package appliance

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	mrand "math/rand"
	"testing"

	"github.com/sledge-io/sledge/appliance/rebuild"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// TestCrashRebuild cuts the power at each operation of a rebuild, keeps 0, 50 and
// 100 per cent of what was not synced, and rebuilds again onto what is left. The
// new disk then has to be worth the old one: two others are taken away.
func TestCrashRebuild(t *testing.T) {
	src := smallTree(t, 61, 100<<10)
	want := readTree(t, src)
	rng := mrand.New(mrand.NewSource(seedOf(t)))
	for _, sealed := range []bool{true, false} {
		r := small32(t)
		r.loadAll(src, LoadOptions{})
		var label []byte
		if sealed {
			label = r.sealAll().Label
		}
		whole := r.mems
		total, states := int64(0), 0
		for n := int64(1); total == 0 || n <= total; n++ {
			for _, percent := range []int{0, 50, 100} {
				r.use(whole)
				r.without(0)
				done, ops, err := r.rebuildCrashing(rng, n, percent)
				if err != nil {
					t.Fatalf("sealed %v, operation %d: %v", sealed, n, err)
				}
				if total = max(total, ops); n > total {
					break
				}
				states++
				r.fresh(rng, append([]*vfs.Mem{done}, whole[1:]...))
				if !sealed {
					copied := *r.ledger
					label = r.sealAll().Label
					*r.ledger = copied
				}
				r.without(2, 3)
				if err := r.check(want, label); err != nil {
					t.Fatalf("sealed %v, operation %d of %d, %d %% kept: %v", sealed, n, total, percent, err)
				}
			}
		}
		t.Logf("figure: sealed %v: %d states after crashes at all of %d operations of a rebuild", sealed, states, total)
	}
}

// rebuildCrashing rebuilds bay 0 onto a disk that loses power at operation n, then
// again onto what is left.
func (r *memRig) rebuildCrashing(rng *mrand.Rand, n int64, percent int) (onto *vfs.Mem, ops int64, err error) {
	onto = vfs.NewMem(vfs.MemOptions{Capacity: 1 << 40})
	o := rebuild.Options{Signer: r.signer.Public().(ed25519.PublicKey), Bay: 0, Rand: func() (manifest.ID, error) { return manifest.ID{9}, nil }}
	for attempt := range 2 {
		if attempt == 0 {
			disk := onto
			disk.OnOp(func(op vfs.Op) error {
				if op.N == n {
					disk.Halt()
				}
				return nil
			})
		}
		o.Onto = Disk{Name: "new", FS: onto}
		_, err = rebuild.Run(context.Background(), r.cfg.Disks, o)
		ops = max(ops, onto.Ops())
		if attempt == 0 {
			if err == nil {
				onto.OnOp(nil)
				return onto, ops, nil
			}
			if !errors.Is(err, vfs.ErrHalted) {
				return nil, 0, fmt.Errorf("the first rebuild: %w", err)
			}
			onto = onto.CrashClone(rng, percent)
		}
	}
	return onto, ops, err
}
