package fsck

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/klauspost/reedsolomon"
)

func run(t *testing.T, o Options) *Report {
	t.Helper()
	r, err := Disks(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func show(r *Report) string {
	b, _ := json.MarshalIndent(r.Findings, "", " ")
	return r.Verdict.String() + " " + string(b)
}

func TestCleanDevice(t *testing.T) {
	plans := map[string]plan{"small": smallPlan()}
	p := smallPlan()
	p.k, p.m, p.disks = 8, 3, 11
	plans["8+3"] = p
	p = smallPlan()
	p.k, p.m, p.disks = 1, 0, 1
	plans["1+0"] = p
	p = smallPlan()
	p.events = 600
	plans["three bundles"] = p
	p = smallPlan()
	p.records = 0
	plans["no pages"] = p
	p = smallPlan()
	p.block, p.bodies = 1<<16, []int{3 << 20, 33, 65536, 131072, 131073}
	plans["64 KiB blocks"] = p
	p = smallPlan()
	p.block, p.bodies = 1<<23, []int{40 << 20}
	plans["blocks over a run"] = p
	for name, p := range plans {
		t.Run(name, func(t *testing.T) {
			d := makeDevice(t, p)
			r := run(t, d.options())
			if r.Verdict != VerdictClean || len(r.Findings) != 0 || r.Origin != OriginProven || !r.Sealed {
				t.Fatalf("%s origin %q", show(r), r.Origin)
			}
			stripes := int64(0)
			for _, pack := range d.packs {
				stripes += pack.geometry.Stripes()
			}
			if r.Stripes != stripes || r.Packs != int64(len(p.bodies)) || r.LogSize != int64(len(d.entries)) {
				t.Errorf("stripes %d of %d, packs %d, log %d", r.Stripes, stripes, r.Packs, r.LogSize)
			}
			m, err := Manifest(context.Background(), d.options())
			if err != nil || m.Verdict != VerdictClean || m.Stripes != 0 {
				t.Errorf("manifest: %v %s", err, show(m))
			}
		})
	}
}

// TestMatrix holds the library's matrix to the vectors of format.md 6.3.
func TestMatrix(t *testing.T) {
	for _, c := range []struct {
		k, m       int
		data, want []byte
	}{
		{3, 2, []byte{1, 2, 3}, []byte{0x00, 0x15}},
		{8, 3, []byte{1, 18, 35, 52, 69, 86, 103, 120}, []byte{0xe1, 0x14, 0x5c}},
	} {
		rs, err := reedsolomon.New(c.k, c.m)
		if err != nil {
			t.Fatal(err)
		}
		shards := make([][]byte, c.k+c.m)
		for i := range shards {
			shards[i] = make([]byte, 1)
			if i < c.k {
				shards[i][0] = c.data[i]
			}
		}
		if err := rs.Encode(shards); err != nil {
			t.Fatal(err)
		}
		for i, want := range c.want {
			if shards[c.k+i][0] != want {
				t.Errorf("%d+%d: parity %d is %#x, want %#x", c.k, c.m, i, shards[c.k+i][0], want)
			}
		}
	}
}

func TestCRCCheckValue(t *testing.T) {
	if got := crcOf([]byte("123456789")); got != 0xae8b14860a799888 {
		t.Errorf("%#x", got)
	}
}
