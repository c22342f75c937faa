package fsck

import (
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"

	"github.com/klauspost/reedsolomon"
)

// dirs writes the device below a folder, one folder a disk.
func (d *testDevice) dirs(t testing.TB, root string) (disks []Disk) {
	t.Helper()
	for i, files := range d.fs {
		dir := filepath.Join(root, string(rune('a'+i)))
		for name, f := range files {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, f.Data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		disks = append(disks, Disk{Name: dir, FS: os.DirFS(dir)})
	}
	return disks
}

func benchPlan() plan {
	p := smallPlan()
	p.k, p.m, p.disks, p.block = 8, 3, 11, 1<<20
	p.bodies = []int{192 << 20, 192 << 20, 192 << 20, 192 << 20}
	return p
}

func benchDisks(b *testing.B, change func(o *Options, d *testDevice)) {
	d := makeDevice(b, benchPlan())
	o := d.options()
	o.Disks = d.dirs(b, b.TempDir())
	if change != nil {
		change(&o, d)
	}
	d.fs, d.packs = nil, nil
	runtime.GC()
	peak := uint64(0)
	o.Progress = func(Status) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		peak = max(peak, m.HeapInuse)
	}
	defer func() { b.ReportMetric(float64(peak)/(1<<20), "heap-MiB") }()
	b.SetBytes(4 * 192 << 20)
	defer reportCPU(b, 4*192<<20)()
	for b.Loop() {
		if r, err := Disks(context.Background(), o); err != nil || r.Verdict > VerdictRepairable {
			b.Fatal(err, show(r))
		}
	}
}

// reportCPU adds processor time for a payload byte: on a shared machine it is
// the figure to compare.
func reportCPU(b *testing.B, payload int64) func() {
	start := cpuTime(b)
	return func() {
		b.ReportMetric(float64(cpuTime(b)-start)/float64(payload)/float64(b.N), "cpu-ns/B")
	}
}

func cpuTime(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// Bytes are bytes of payload.
func BenchmarkDisks(b *testing.B) { benchDisks(b, nil) }

func BenchmarkDisksThreeMissing(b *testing.B) {
	benchDisks(b, func(o *Options, _ *testDevice) { o.Disks = o.Disks[3:] })
}

// BenchmarkRoofline is the work that cannot be left out: SHA-256 of each data
// byte and one encoding, from memory that is in the cache.
func BenchmarkRoofline(b *testing.B) {
	const workers, rounds = 2, 384
	b.SetBytes(workers * rounds * 8 << 17)
	defer reportCPU(b, workers*rounds*8<<17)()
	for b.Loop() {
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				rs, _ := reedsolomon.New(8, 3, reedsolomon.WithMaxGoroutines(1))
				shards := make([][]byte, 11)
				for i := range shards {
					shards[i] = make([]byte, 1<<17)
				}
				for range rounds {
					for _, s := range shards[:8] {
						sha256.Sum256(s)
					}
					if err := rs.Encode(shards); err != nil {
						panic(err)
					}
				}
			})
		}
		wg.Wait()
	}
}
