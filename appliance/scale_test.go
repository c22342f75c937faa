package appliance

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/minio/crc64nvme"

	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/manifest"
)

// maxResident is what DESIGN section 11 grants every verb but the import, whose
// plan alone is measured here.
const maxResident = 256 << 20

// BenchmarkScale takes 10^5 and 10^6 tiny files, with SLEDGE_LONG=1 10^7, through
// every stage of a device and reports each stage's time per entry and its peak of
// resident memory over what the process held before. It fails over 256 MiB.
// The files are made up behind the vfs: only entries count here.
func BenchmarkScale(b *testing.B) {
	if testing.Short() {
		b.Skip("a million records take minutes")
	}
	scales(b, "three minutes and 25 GB", scale.run)
}

// scales runs f for each number of entries; long says what the largest takes.
func scales(b *testing.B, long string, f func(scale, *testing.B)) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(216 << 20)) // as the program does
	for _, n := range []int{100_000, 1_000_000, 10_000_000} {
		b.Run(fmt.Sprintf("n=%.0e", float64(n)), func(b *testing.B) {
			if n > 1_000_000 && os.Getenv("SLEDGE_LONG") == "" {
				b.Skipf("set SLEDGE_LONG=1 for 10^7 entries: %s in the folder for temporary files", long)
			}
			for b.Loop() {
				f(scale{genTree{n: n, names: 1000}}, b)
			}
		})
	}
}

// scale is a device with the files of a generated site.
type scale struct{ genTree }

func (s scale) run(b *testing.B) {
	r := newRig(b, rigOptions{k: 8, m: 3, disks: 11, block: 1 << 20})
	m := newMeter(b, s.n, maxResident)
	m.stage("load", func() { s.load(b, r, s.entries()) })
	m.stage("again", func() { s.load(b, r, 0) })
	m.stage("open", func() { s.open(b, r) })
	var res *seal.Result
	m.stage("seal", func() { res = r.sealWith(seal.Options{}) })
	if want := uint64(s.entries()); res.Totals.Records != want || res.Totals.Files != uint64(s.n) {
		b.Fatalf("totals %+v, want %d records", res.Totals, want)
	}
	m.stage("verify", func() { s.verify(b, r, res.Label) })
	m.stage("list", func() { s.list(b, r, res.Label) })
	m.stage("plan", func() { s.plan(b, r, res.Label) })
	m.once("listpath", func() { s.listPath(b, r, res.Label) })
	m.once("prove", func() { s.prove(b, r, res.Label) })
	m.report()
}

// load loads the site; so many entries of it are new.
func (s scale) load(b testing.TB, r *rig, fresh int) {
	d, _ := r.open()
	defer d.Close()
	rep, err := d.Load(context.Background(), "/generated", LoadOptions{Tree: s.genTree})
	if err != nil {
		b.Fatal(err)
	}
	if rep.Entries != uint64(fresh) || rep.SkippedCount > 0 || rep.Scan.Entries != uint64(s.entries()) {
		b.Fatalf("loaded %d entries of %d, skipped %d; want %d of %d", rep.Entries, rep.Scan.Entries, rep.SkippedCount, fresh, s.entries())
	}
}

// open takes the device up again, as every verb of the field does.
func (s scale) open(b *testing.B, r *rig) {
	d, _ := r.open()
	defer d.Close()
	if got := d.Status(); got.Entries != uint64(s.entries()) {
		b.Fatalf("%d entries after opening, want %d", got.Entries, s.entries())
	}
}

func (s scale) prove(b *testing.B, r *rig, label []byte) {
	proof, err := r.reader(label).Prove(context.Background(), s.path(s.n*2/3))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(len(proof)), "proof-B")
	p, err := manifest.ParseProof(proof)
	if err != nil {
		b.Fatal(err)
	}
	if _, _, rec, err := p.Verify(r.signer.Public().(ed25519.PublicKey)); err != nil || rec.Path != s.path(s.n*2/3) {
		b.Fatalf("proof: %v %v", rec, err)
	}
}

// listPath lists one folder and looks one file up.
func (s scale) listPath(b *testing.B, r *rig, label []byte) {
	rd := r.reader(label)
	count := 0
	folder := strings.TrimSuffix(path.Dir(s.path(s.n/2)), "archive")
	if err := rd.List(context.Background(), folder, func(Entry) error { count++; return nil }); err != nil || count != s.names+2 {
		b.Fatalf("%d entries below %s: %v", count, folder, err)
	}
	if e, err := rd.Lookup(context.Background(), s.path(s.n/3)); err != nil || e.Record.CRC != crc64nvme.Update(0, s.content(s.n/3)) {
		b.Fatalf("lookup: %v %v", e.Record, err)
	}
}

// plan is an import's dry run against a store that is empty.
func (s scale) plan(b *testing.B, r *rig, label []byte) {
	res, err := importer.Run(context.Background(), planSource{r.reader(label)}, emptyStore{}, importer.Options{Config: s3.Config{Bucket: "bucket"}, RunID: "scale", DryRun: true})
	if err != nil || len(res.Differences) > 0 || res.Tally.Bad() > 0 {
		b.Fatalf("plan: %v %+v", err, res)
	}
}

// planSource is a reader as the import sees it.
type planSource struct{ r *Reader }

func (s planSource) Scope() manifest.Scope            { return s.r.Scope }
func (s planSource) Checkpoint() manifest.Checkpoint  { return s.r.Checkpoint() }
func (s planSource) LabelChecked() bool               { return s.r.LabelChecked }
func (s planSource) Totals() (manifest.Totals, error) { return s.r.Totals(), nil }

func (s planSource) Open(context.Context, *manifest.Record) (entry.Content, error) {
	return nil, errors.New("a plan reads no content")
}

func (s planSource) Pages() uint64 { return s.r.Pages() }

func (s planSource) Entries(ctx context.Context, from uint64, f func(entry.Entry) error) error {
	return s.r.EntriesFrom(ctx, from, nil, func(e Entry) error {
		raw := make([]entry.RawRecord, len(e.Raw))
		for i, r := range e.Raw {
			raw[i] = entry.RawRecord(r)
		}
		return f(entry.Entry{Record: e.Record, Raw: raw, Page: raw[0].Page})
	})
}

// emptyStore has a bucket and nothing in it.
type emptyStore struct{ target.Target }

func (emptyStore) Capabilities() target.Capabilities { return target.Capabilities{} }

func (emptyStore) Get(_ context.Context, key, _ string) (io.ReadCloser, error) {
	return nil, target.NotFound(key)
}

func (s scale) verify(b *testing.B, r *rig, label []byte) {
	var disks []fsck.Disk
	for _, dir := range r.dirs {
		disks = append(disks, fsck.Disk{Name: dir, FS: os.DirFS(dir)})
	}
	rep, err := fsck.Manifest(context.Background(), fsck.Options{Disks: disks, Label: label, Trust: &fsck.Trust{Key: r.signer.Public().(ed25519.PublicKey)}})
	if err != nil || rep.Verdict != fsck.VerdictClean || rep.Origin != fsck.OriginProven {
		b.Fatalf("verify: %v %+v", err, rep)
	}
}

func (s scale) list(b *testing.B, r *rig, label []byte) {
	rd := r.reader(label)
	count, last := 0, ""
	err := rd.Entries(context.Background(), func(e Entry) error {
		key := e.Record.OrderKey()
		if key <= last {
			return fmt.Errorf("%q after %q", key, last)
		}
		last = key
		count++
		return nil
	})
	if err != nil || count != s.entries() {
		b.Fatalf("%d entries listed: %v", count, err)
	}
}

// meter measures one stage after another: time, and the peak of resident memory.
type meter struct {
	b      *testing.B
	n      int
	limit  int64 // of a stage's memory over the baseline
	base   int64
	failed bool
}

func newMeter(b *testing.B, n int, limit int64) *meter {
	m := &meter{b: b, n: n, limit: limit}
	m.reset()
	m.base = m.peak()
	return m
}

// reset gives free memory back and begins a new peak, where the kernel lets us.
func (m *meter) reset() {
	runtime.GC()
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		m.b.Logf("the peak cannot be reset, it is the process's: %v", err)
	}
}

// peak is VmHWM.
func (m *meter) peak() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		m.b.Skipf("no /proc/self/status: %v", err)
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); f[0] == "VmHWM:" {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				m.b.Fatal(err)
			}
			return kib << 10
		}
	}
	m.b.Skip("no VmHWM in /proc/self/status")
	return 0
}

// stage is one whose time grows with the entries.
func (m *meter) stage(name string, f func()) {
	took := m.run(name, f)
	m.b.ReportMetric(float64(took.Nanoseconds())/float64(m.n), name+"-ns/entry")
}

// once is one whose time must not.
func (m *meter) once(name string, f func()) {
	took := m.run(name, f)
	m.b.ReportMetric(float64(took.Microseconds())/1000, name+"-ms")
}

func (m *meter) run(name string, f func()) time.Duration {
	m.reset()
	var before, after syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	start := time.Now()
	f()
	took := time.Since(start)
	syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	cpu := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
	over := m.peak() - m.base
	var mem runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&mem)
	m.b.Logf("%-8s %8.2f s wall %8.2f s cpu   peak %4d MiB over a baseline of %d MiB, heap afterwards %d MiB",
		name, took.Seconds(), cpu.Seconds(), over>>20, m.base>>20, mem.HeapAlloc>>20)
	m.b.ReportMetric(float64(over>>20), name+"-MiB")
	m.failed = m.failed || over > m.limit
	return took
}

func (m *meter) report() {
	if m.failed {
		m.b.Fatalf("a stage took more than %d MiB over the baseline", m.limit>>20)
	}
}
