package appliance

import (
	"bufio"
	"context"
	"fmt"
	mrand "math/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sledge-io/sledge/appliance/seal"
)

// BenchmarkSealPasses reports how long each pass of a seal takes: of 10^5 and 10^6 tiny
// files, where the number of pages counts, and of some 500 packs of 2 MiB, where the
// number of shards does. "statement" reads the log that was written, "checkpoint" is
// FinishSeal's part; "again" is FinishSeal called once more.
//
//	go test -run '^$' -bench SealPasses -benchtime 1x ./appliance
func BenchmarkSealPasses(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprintf("entries=%.0e", float64(n)), func(b *testing.B) {
			for b.Loop() {
				r := newRig(b, rigOptions{k: 8, m: 3, disks: 11, block: 1 << 20})
				site := scale{genTree{n: n, names: 1000}}
				site.load(b, r, site.entries())
				r.sealPasses(b)
			}
		})
	}
	b.Run("packs=500", func(b *testing.B) {
		src := b.TempDir()
		writeNoise(b, filepath.Join(src, "large"), 1000<<20)
		for b.Loop() {
			r := newRig(b, rigOptions{k: 8, m: 3, disks: 11, block: 64 << 10, packSize: 1 << 20})
			d, _ := r.open()
			if _, err := d.Load(b.Context(), src, LoadOptions{}); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(d.Status().Packs), "packs")
			d.Close()
			r.sealPasses(b)
		}
	})
}

func writeNoise(b *testing.B, name string, size int64) {
	f, err := os.Create(name)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	rng := mrand.New(mrand.NewSource(1))
	for range size / 8 {
		v := rng.Uint64()
		w.Write([]byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24), byte(v >> 32), byte(v >> 40), byte(v >> 48), byte(v >> 56)})
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
}

// sealPasses seals and reports the time of each stage in milliseconds.
func (r *rig) sealPasses(b *testing.B) {
	name, since := "", time.Now()
	ms := func() float64 { return float64(time.Since(since).Microseconds()) / 1000 }
	stage := func(next string) {
		if name != "" {
			b.ReportMetric(ms(), name+"-ms")
		}
		name, since = next, time.Now()
	}
	res := r.sealWith(seal.Options{Stage: func(next string) {
		if next == "read-back of the index" {
			next = "index-read"
		}
		stage(next)
	}})
	stage("again")
	if _, err := FinishSeal(context.Background(), r.cfg, r.ledger, seal.FinishOptions{}); err != nil {
		b.Fatal(err)
	}
	stage("")
	b.ReportMetric(float64(res.Statement.LogSize), "log-lines")
}
