package appliance

import (
	"context"
	"crypto/ed25519"
	"errors"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/appliance/rebuild"
	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// rotOthers damages the first block of a pack on so many disks, but not on one. Each is
// damaged at another place: like errors may cancel each other in a parity of plain sums.
func (r *memRig) rotOthers(t *testing.T, bay, count int, name string) {
	pack := name[:len(name)-len("0.shard")]
	for i, m := range r.mems {
		if m == nil {
			continue
		}
		for _, n := range names(t, m, ".shard") {
			if i != bay && count > 0 && n[:len(n)-len("0.shard")] == pack {
				rot(t, m, n, int64(10+i))
				count--
			}
		}
	}
}

// TestNoRoomKeepsLastGoodBlocks: a disk without room for a shard beside its bad one gives
// that up only where the others make all of it again.
func TestNoRoomKeepsLastGoodBlocks(t *testing.T) {
	r := small32(t)
	r.loadAll(smallTree(t, 5, 600<<10), LoadOptions{})
	r.without(2)
	onto, _, err := r.rebuildOnto(2)
	if err != nil {
		t.Fatal(err)
	}
	name := names(t, onto, ".shard")[0]
	rot(t, onto, name, 5000) // of the second stripe
	r.rotOthers(t, 2, 2, name)
	full := vfs.NewFault(onto, vfs.Rule{Op: vfs.OpCreate, Path: "*.shard.tmp", Nth: 1, Err: syscall.ENOSPC})
	_, err = rebuild.Run(context.Background(), r.cfg.Disks, rebuild.Options{Signer: r.signer.Public().(ed25519.PublicKey), Bay: 2,
		Onto: Disk{Name: "new", FS: full}, Rand: func() (manifest.ID, error) { return manifest.ID{2}, nil }})
	if !errors.Is(err, ErrLost) {
		t.Errorf("rebuilt: %v", err)
	}
	if _, err := onto.Stat(name); err != nil {
		t.Errorf("the last good block of the first stripe is gone: %v", err)
	}
}

// TestSealWithoutRoomKeepsShards: the end of a seal gives up no shard that is its own
// source.
func TestSealWithoutRoomKeepsShards(t *testing.T) {
	src := smallTree(t, 5, 600<<10)
	r := sealBegun(t, src)
	if err := r.replace(0); err != nil {
		t.Fatal(err)
	}
	name := names(t, r.mems[0], ".shard")[0]
	rot(t, r.mems[0], name, 5000)
	r.rotOthers(t, 0, 2, name)
	fault := r.noRoom(0, vfs.OpCreate, "*.shard.tmp", 0)
	if _, err := FinishSeal(t.Context(), r.cfg, r.ledger, seal.FinishOptions{}); !errors.Is(err, ErrFull) {
		t.Errorf("finished: %v", err)
	}
	if _, err := r.mems[0].Stat(name); err != nil {
		t.Errorf("the shard is gone: %v", err)
	}
	fault.Clear()
	res, err := FinishSeal(t.Context(), r.cfg, r.ledger, seal.FinishOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.check(readTree(t, src), res.Label); err != nil {
		t.Error(err)
	}
}
