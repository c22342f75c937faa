package fsck

import (
	"context"
	"strings"
	"testing"
)

// withoutBays is a device of which the disks of these bays are not here.
func withoutBays(t *testing.T, d *testDevice, bays ...int) Options {
	t.Helper()
	o := d.options()
	o.Disks = nil
next:
	for bay, disk := range d.options().Disks {
		for _, gone := range bays {
			if bay == gone {
				continue next
			}
		}
		o.Disks = append(o.Disks, disk)
	}
	return o
}

func manifestReport(t *testing.T, o Options) *Report {
	t.Helper()
	r, err := Manifest(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestManifestOfTooFewDisks: a verifier of the manifest alone knows from the log's maps
// that packs are lost, also where the index pack has lost nothing that it needs.
func TestManifestOfTooFewDisks(t *testing.T) {
	d := makeDevice(t, smallPlan())
	index := d.packs[4]
	for a := range 4 {
		for b := range a {
			r := manifestReport(t, withoutBays(t, d, a, b))
			if r.Verdict != VerdictLost || !r.Has("packs-missing") || !r.Has("disks-missing") || !r.TooFewDisks {
				t.Errorf("without %d and %d, index pack on %v: %s", b, a, index.bays, show(r))
			}
		}
		if r := manifestReport(t, withoutBays(t, d, a)); r.Verdict != VerdictRepairable || r.Has("packs-missing") {
			t.Errorf("without %d: %s", a, show(r))
		}
	}
}

// TestManifestOfMovedShards: shards that lie on the disks of other bays are not missing,
// and those that were never written are.
func TestManifestOfMovedShards(t *testing.T) {
	d := makeDevice(t, smallPlan())
	for i, p := range d.packs {
		for j, bay := range p.bays {
			if _, name := d.shard(i, j); int(bay) == 3 {
				d.put(0, name, d.file(3, name).Data)
			} else if bay == 2 {
				d.put(1, name, d.file(2, name).Data)
			}
		}
	}
	if r := manifestReport(t, withoutBays(t, d, 2, 3)); r.Verdict != VerdictRepairable {
		t.Error(show(r))
	}
	d = makeDevice(t, smallPlan().changed(func(p *plan) { p.notWritten = []byte{1} }))
	home, _ := d.shard(0, 0)
	r := manifestReport(t, withoutBays(t, d, home))
	if r.Verdict != VerdictLost || !r.Has("packs-missing") {
		t.Error(show(r))
	}
	for _, f := range r.Findings {
		if f.Class == "packs-missing" && !strings.Contains(f.Text, "1 of 5 packs") {
			t.Error(f.Text)
		}
	}
}
