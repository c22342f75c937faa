package fsck

import (
	"fmt"
	"math/bits"
	"strings"
	"testing"
)

// TestMissingDisks takes away every set of disks up to one more than the code bears.
func TestMissingDisks(t *testing.T) {
	p := smallPlan()
	p.k, p.m, p.disks = 3, 2, 5
	d := makeDevice(t, p)
	for gone := range 1 << p.disks {
		n := bits.OnesCount(uint(gone))
		if n > p.m+1 {
			continue
		}
		o := d.options()
		o.Disks = nil
		for i, f := range d.fs {
			if gone>>i&1 == 0 {
				o.Disks = append(o.Disks, Disk{Name: fmt.Sprint("left", i), FS: f})
			}
		}
		r := run(t, o)
		want := VerdictRepairable
		if n == 0 {
			want = VerdictClean
		} else if n > p.m {
			want = VerdictLost
		}
		missing := 0
		for _, f := range r.Findings {
			if f.Class == "disk-missing" && gone>>*f.Bay&1 == 1 {
				missing++
			}
		}
		if r.Verdict != want || missing != n || (n > p.m) != r.Has("stripe-lost") || (n > p.m) != r.Has("page-lost") {
			t.Errorf("disks %05b gone: %s", gone, show(r))
		}
		if first := r.Findings; n > p.m && (first[0].Class != "disks-missing" || !strings.Contains(first[0].Text, "3 of 5 disks are missing: bays ") || !strings.Contains(first[0].Text, "; any 3 are needed")) {
			t.Errorf("disks %05b gone: the first finding is not of that: %s", gone, show(r))
		}
		if r.TooFewDisks != (n > p.m) {
			t.Errorf("disks %05b gone: too few: %v", gone, r.TooFewDisks)
		}
		if n > 0 && n <= p.m && len(r.Findings) != n {
			t.Errorf("disks %05b gone: %s", gone, show(r))
		}
	}
}

// TestTooFewAndRot: losses that the missing disks would, or would not, undo.
func TestTooFewAndRot(t *testing.T) {
	for _, c := range []struct {
		name   string
		rot    []int // shards of pack 0 with a bad block in one stripe
		tooFew bool
	}{{"bearable rot", []int{3, 4}, true}, {"too much rot", []int{0, 3, 4}, false}} {
		p := smallPlan()
		p.k, p.m, p.disks = 3, 2, 6
		d := makeDevice(t, p)
		o := d.options()
		o.Disks = nil
		gone := map[int]bool{}
		for j := 1; j <= 2; j++ {
			bay, _ := d.shard(0, j)
			gone[bay] = true
		}
		for bay := 0; len(gone) < 3; bay++ { // the bay that has no shard of pack 0
			home := false
			for j := range 5 {
				b, _ := d.shard(0, j)
				home = home || b == bay
			}
			if !home {
				gone[bay] = true
			}
		}
		for i, f := range d.fs {
			if !gone[i] {
				o.Disks = append(o.Disks, Disk{Name: fmt.Sprint("left", i), FS: f})
			}
		}
		for _, j := range c.rot {
			bay, name := d.shard(0, j)
			d.flip(bay, name, 7)
		}
		r := run(t, o)
		if r.Verdict != VerdictLost || r.TooFewDisks != c.tooFew || r.Findings[0].Class != "disks-missing" {
			t.Errorf("%s: too few %v: %s", c.name, r.TooFewDisks, show(r))
		}
	}
}

// TestMissingAndRot loses a disk while others rot within what is left.
func TestMissingAndRot(t *testing.T) {
	p := smallPlan()
	p.k, p.m, p.disks = 3, 2, 5
	d := makeDevice(t, p)
	o := d.options()
	o.Disks = o.Disks[1:]
	for s := range 8 {
		j := 1 + s%4
		bay, name := d.shard(0, j)
		d.flip(bay, name, s*4096+s)
	}
	r := run(t, o)
	if r.Verdict != VerdictRepairable || r.BlocksBad != 8 || r.Has("stripe-lost") {
		t.Error(show(r))
	}
}
