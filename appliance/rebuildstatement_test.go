package appliance

import (
	"crypto/ed25519"
	"slices"
	"testing"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// TestRebuildTakesTheLastStatement: of two statements that the device signed a rebuilt
// disk gets the one that confesses more, however few disks have it.
func TestRebuildTakesTheLastStatement(t *testing.T) {
	r := sealBegun(t, smallTree(t, 81, 20<<10))
	if _, err := FinishSeal(t.Context(), r.cfg, r.ledger, seal.FinishOptions{}); err != nil {
		t.Fatal(err)
	}
	all := append([]*vfs.Mem(nil), r.mems...)
	first, err := vfs.ReadFile(all[4], disk.SealName, manifest.MaxStatement)
	if err != nil {
		t.Fatal(err)
	}
	r.without(4)
	if _, err := FinishSeal(t.Context(), r.cfg, r.ledger, seal.FinishOptions{Absent: []int{4}}); err != nil {
		t.Fatal(err)
	}
	for _, m := range all[2:] {
		if err := durable.WriteFile(m, disk.SealName, first); err != nil {
			t.Fatal(err)
		}
	}
	r.use([]*vfs.Mem{nil, all[1], all[2], all[3], all[4]})
	onto, _, err := r.rebuildOnto(0)
	if err != nil {
		t.Fatal(err)
	}
	b, err := vfs.ReadFile(onto, disk.SealName, manifest.MaxStatement)
	var st manifest.SealStatement
	if err == nil {
		_, _, err = manifest.OpenStatement(b, manifest.PredicateSeal, &st, r.cfg.Key.Public().(ed25519.PublicKey))
	}
	if err != nil || !slices.Equal(st.LeftBays, []int{4}) {
		t.Errorf("left: %v, %v", st.LeftBays, err)
	}
}
