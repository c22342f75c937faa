package appliance

import (
	"context"
	"testing"
)

// TestRebuiltShardsAreNoLoss: what a rebuild has made counts when the device is opened,
// to look and to load, before anybody has read it. With it nothing is lost where other
// disks have lost theirs, and nothing is stored again.
func TestRebuiltShardsAreNoLoss(t *testing.T) {
	src := smallTree(t, 8, 600<<10)
	r := small32(t)
	r.mustDevice().Close()
	r.without(1)
	r.loadAll(src, LoadOptions{})
	if err := r.replace(1); err != nil {
		t.Fatal(err)
	}
	for _, bay := range []int{2, 3} {
		removeAll(t, r.mems[bay], packsDir+"/")
	}
	other := smallTree(t, 9, 10<<10)
	r.loadAll(other, LoadOptions{As: "x", NoReadBack: true}) // notes what is gone
	key, err := Prepare(r.cfg, r.root)
	if err != nil {
		t.Fatal(err)
	}
	seen, err := Look(r.cfg, key)
	if err != nil {
		t.Fatal(err)
	}
	if st := seen.Status(); seen.Lost() != nil || st.Lost != 0 || st.Degraded == 0 {
		t.Errorf("looked at: %v; %d entries lost, %d packs degraded", seen.Lost(), st.Lost, st.Degraded)
	}
	seen.Close()
	d := r.mustDevice()
	defer d.Close()
	before := d.Status().Packs
	rep, err := d.Load(context.Background(), src, LoadOptions{AcceptFindings: true})
	if err != nil || rep.Lost != 0 || rep.Status.Packs != before {
		t.Errorf("loaded again: %v; %d lost, %d packs, %d before", err, rep.Lost, rep.Status.Packs, before)
	}
}
