package appliance

import (
	"crypto/ed25519"
	"slices"
	"testing"

	"github.com/sledge-io/sledge/appliance/disk"
)

// TestFitRebuilding: a disk whose rebuild was cut off is none of those that are here, and
// what shards it has count all the same.
func TestFitRebuilding(t *testing.T) {
	src := smallTree(t, 11, 50<<10)
	r := small32(t)
	res, _, err := r.run(src)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range r.mems[:3] {
		if err := disk.SetMark(m); err != nil {
			t.Fatal(err)
		}
	}
	fit := func(needed int, lost bool) {
		t.Helper()
		s, err := OpenSet(r.cfg.Disks, r.signer.Public().(ed25519.PublicKey), res.Label)
		if err != nil {
			t.Fatal(err)
		}
		if _, missing := s.Here(); !slices.Equal(missing, []int{0, 1, 2}) {
			t.Errorf("missing: %v", missing)
		}
		f, err := s.Fit(t.Context())
		if err != nil || f.Needed != needed || f.Lost > 0 != lost || f.More > 0 != lost || f.Packs == 0 {
			t.Errorf("%+v, %v", f, err)
		}
	}
	fit(3, false)
	for _, m := range r.mems[:3] { // cut off in the middle of a file, on a file system that lost its end
		for _, name := range names(t, m, ".shard") {
			truncate(t, m, name, 4096)
		}
	}
	fit(3, true)
	for _, m := range r.mems[:3] {
		removeAll(t, m, disk.PacksDir+"/")
	}
	fit(3, true)
}
