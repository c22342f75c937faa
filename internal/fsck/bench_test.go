package fsck

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/reedsolomon"

	"github.com/sledge-io/sledge/internal/fsck/sha256pair"
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

const benchPayload = 4 * 192 << 20

// tmpfs is a folder in memory.
func tmpfs(b *testing.B) string {
	dir, err := os.MkdirTemp("/dev/shm", "fsck-bench")
	if err != nil {
		b.Skip(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func benchDisks(b *testing.B, root string, missing int, cold bool) {
	d := makeDevice(b, benchPlan())
	o := d.options()
	o.Disks = d.dirs(b, root)[missing:]
	d.fs, d.packs = nil, nil
	bound := openBound(b, root, cold)
	runtime.GC()
	peak := uint64(0)
	o.Progress = func(Status) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		peak = max(peak, m.HeapInuse)
	}
	b.SetBytes(benchPayload)
	var cpu, wall time.Duration
	for b.Loop() {
		b.StopTimer()
		used := cpuTime(b)
		bound.measure()
		bound.cpu += cpuTime(b) - used
		bound.drop()
		b.StartTimer()
		began, used := time.Now(), cpuTime(b)
		if r, err := Disks(context.Background(), o); err != nil || r.Verdict > VerdictRepairable {
			b.Fatal(err, show(r))
		}
		wall, cpu = wall+time.Since(began), cpu+cpuTime(b)-used
	}
	b.ReportMetric(float64(peak)/(1<<20), "heap-MiB")
	b.ReportMetric(float64(cpu)/benchPayload/float64(b.N), "cpu-ns/B")
	if missing == 0 {
		b.ReportMetric(float64(bound.time())/float64(wall), "of-bound")
		b.ReportMetric(float64(bound.cpu)/float64(cpu), "cpu-of-bound")
	}
}

// cpuTime is the processor time used: on a shared machine it is the figure to compare.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkDisks gives bytes of payload, and in "of-bound" their rate as a share
// of the bound that was measured in turn with it on the same files. "cpu-of-bound"
// is the same of processor time, for a machine that has other work.
func BenchmarkDisks(b *testing.B) {
	b.Run("tmpfs", func(b *testing.B) { benchDisks(b, tmpfs(b), 0, false) })
	b.Run("cached", func(b *testing.B) { benchDisks(b, b.TempDir(), 0, false) })
	b.Run("cold", func(b *testing.B) { benchDisks(b, b.TempDir(), 0, true) })
}

func BenchmarkDisksThreeMissing(b *testing.B) { benchDisks(b, tmpfs(b), 3, false) }

// bound is the least time that a check can take: each stored byte read, each
// data byte hashed, each stripe encoded, all cores busy with buffers in cache;
// or if that is longer, the disk's time to read.
type bound struct {
	shards             []*os.File
	cold               bool
	disk               time.Duration
	read, hash, encode time.Duration // sums over all calls of measure
	cpu                time.Duration // processor time of all of it; off if cold, which reads twice
}

func openBound(b *testing.B, root string, cold bool) *bound {
	o := &bound{cold: cold}
	names, err := filepath.Glob(filepath.Join(root, "*/sledge/packs/*/*.shard"))
	if err != nil || len(names) == 0 {
		b.Fatal("no shards", err)
	}
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { f.Close() })
		o.shards = append(o.shards, f)
	}
	return o
}

// drop makes the next read come from the disk.
func (o *bound) drop() {
	const dontNeed = 4
	for _, f := range o.shards {
		if o.cold {
			f.Sync()
			syscall.Syscall6(syscall.SYS_FADVISE64, f.Fd(), 0, 0, dontNeed, 0, 0)
		}
	}
}

func (o *bound) measure() {
	if o.cold {
		o.drop()
		o.disk += o.readAll(len(o.shards))
	}
	o.read += o.readAll(runtime.GOMAXPROCS(0))
	const step = 128 << 10
	o.hash += inParallel(runtime.GOMAXPROCS(0), benchPayload/step/2, func() func(int) {
		var h sha256pair.Pair
		p, q := make([]byte, step), make([]byte, step)
		return func(int) { h.Reset(); h.Write(p, q); h.Sum() }
	})
	o.encode += inParallel(runtime.GOMAXPROCS(0), benchPayload/8/step, func() func(int) {
		rs, _ := reedsolomon.New(8, 3, reedsolomon.WithMaxGoroutines(1))
		shards := make([][]byte, 11)
		for i := range shards {
			shards[i] = make([]byte, step)
		}
		return func(int) { rs.Encode(shards) }
	})
}

func (o *bound) readAll(workers int) time.Duration {
	return inParallel(workers, len(o.shards), func() func(int) {
		buf := make([]byte, 128<<10)
		return func(i int) {
			for off := int64(0); ; off += int64(len(buf)) {
				if n, _ := o.shards[i].ReadAt(buf, off); n < len(buf) {
					return
				}
			}
		}
	})
}

func (o *bound) time() time.Duration { return max(o.disk, o.read+o.hash+o.encode) }

// inParallel takes the time of calls 0…n−1 spread over workers.
func inParallel(workers, n int, newWorker func() func(int)) time.Duration {
	var next atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	for range workers {
		wg.Go(func() {
			work := newWorker()
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				work(i)
			}
		})
	}
	wg.Wait()
	return time.Since(began)
}
