package appliance

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/bits"
	"testing"

	"github.com/sledge-io/sledge/appliance/seal"
)

// TestColdReads: what it takes to open a sealed device, look a path up, list a
// folder and prove a file does not grow with the number of entries, but for a
// search step each time they double. Pages and index packs are small here, so
// that 10^5 entries have as many index packs as 4 × 10^8.
func TestColdReads(t *testing.T) {
	few, many := 1000, 100_000
	before, after := coldReads(t, few), coldReads(t, many)
	steps := int64(bits.Len(uint(many / few)))
	const bundle = 512 << 10 // bytes: more than one of index entries and a tile
	for what, b := range before {
		a := after[what]
		t.Logf("%-8s of %d entries: %d reads, %d KiB; of %d: %d reads, %d KiB", what, few, b.reads, b.bytes>>10, many, a.reads, a.bytes>>10)
		if a.reads > b.reads+2*steps {
			t.Errorf("%s: %d reads of %d entries, %d of %d", what, b.reads, few, a.reads, many)
		}
		if a.bytes > b.bytes+steps*bundle {
			t.Errorf("%s: %d bytes read of %d entries, %d of %d", what, b.bytes, few, a.bytes, many)
		}
		if what != "open" && a.reads > 10+steps {
			t.Errorf("%s: %d reads are not a few", what, a.reads)
		}
	}
}

type readCount struct{ reads, bytes int64 }

// coldReads counts what each question to a device of n entries reads, asked of a
// reader that has read nothing yet.
func coldReads(t *testing.T, n int) map[string]readCount {
	t.Helper()
	s := scale{genTree{n: n, names: 100}}
	r := newMemRig(t, rigOptions{k: 2, m: 1, disks: 3, block: 256 << 10})
	r.cfg.pageRecords, r.cfg.indexPages = 16, 16
	s.load(t, r.rig, s.entries())
	res := r.sealWith(seal.Options{})
	ctx := context.Background()
	out := map[string]readCount{}
	for what, ask := range map[string]func(*Reader) error{
		"open": func(*Reader) error { return nil },
		"lookup": func(rd *Reader) error {
			_, err := rd.Lookup(ctx, s.path(n/3))
			return err
		},
		"absent": func(rd *Reader) error {
			if _, err := rd.Lookup(ctx, s.path(n/3)+"x"); !errors.Is(err, ErrNotFound) {
				return fmt.Errorf("a path that is not there: %v", err)
			}
			return nil
		},
		"list": func(rd *Reader) error {
			return rd.List(ctx, s.path(n/2), func(Entry) error { return nil })
		},
		"prove": func(rd *Reader) error {
			_, err := rd.Prove(ctx, s.path(n*2/3))
			return err
		},
	} {
		disks := &kindCounter{}
		set, err := OpenSet(disks.watch(r.cfg.Disks), r.signer.Public().(ed25519.PublicKey), res.Label)
		if err != nil {
			t.Fatal(err)
		}
		k, err := set.OpenWithSite(r.site)
		if err != nil {
			t.Fatal(err)
		}
		rd, err := set.Unlock(k)
		if err != nil {
			t.Fatal(err)
		}
		if what != "open" {
			disks.reset()
		}
		err = ask(rd)
		rd.Close()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		out[what] = disks.all()
	}
	return out
}
