package appliance

import (
	"context"
	"errors"
	"testing"
)

// removeShards takes one pack's shards from the first disks.
func removeShards(t *testing.T, r *memRig, pack int, disks int) {
	t.Helper()
	d := r.mustDevice()
	h := d.state.homes[pack]
	d.Close()
	for shard, at := range h.bays[:disks] {
		if err := r.mems[at].Remove(shardName(h.id, shard)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSealRefusesLostPacks: what no reader would take never goes on record, however
// the seal is asked for, and the device can still be opened.
func TestSealRefusesLostPacks(t *testing.T) {
	r := small32(t)
	r.loadAll(smallTree(t, 4, 600<<10), LoadOptions{})
	removeShards(t, r, 1, 3)
	for _, o := range []SealOptions{{}, {Degraded: true}, {Unverified: true}, {Degraded: true, Unverified: true}} {
		d := r.mustDevice()
		all := r.sealOptions()
		all.Degraded, all.Unverified = o.Degraded, o.Unverified
		if _, err := d.Seal(context.Background(), all); !errors.Is(err, ErrLost) {
			t.Errorf("seal, degraded %v, unverified %v: %v", o.Degraded, o.Unverified, err)
		}
		d.Close()
		if _, _, ok := r.ledger.RecordedCheckpoint(r.cfg.Scope.Origin()); ok {
			t.Fatal("a checkpoint is on record")
		}
	}
}
