package appliance

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/manifest"
)

// maxResident is what DESIGN section 11 grants every verb but the import.
const maxResident = 256 << 20

// BenchmarkMillionRecords commits a million records through the journal, seals,
// verifies, lists, looks one up and proves it, and fails where a stage's
// resident memory goes further than 256 MiB over what the process held before.
// The content is one small pack that all records share: only records count here.
func BenchmarkMillionRecords(b *testing.B) {
	if testing.Short() {
		b.Skip("a million records take minutes")
	}
	million := scale{n: 1_000_000, names: 1000}
	for b.Loop() {
		million.run(b)
	}
}

// scale is a device with n records of files of 4 KiB, in folders of so many names.
type scale struct{ n, names int }

func (s scale) path(i int) string {
	return fmt.Sprintf("projects/team-%03d/archive/object-%06d.parquet", i/s.names, i%s.names)
}

func (s scale) run(b *testing.B) {
	r := newRig(b, rigOptions{k: 8, m: 3, disks: 11, block: 1 << 20})
	m := newMeter(b)
	ctx := context.Background()
	m.stage("commit", func() { s.commit(b, r) })
	var res *SealResult
	m.stage("seal", func() { res = r.sealWith(SealOptions{Incomplete: true}) }) // its records came without a scan
	if want := uint64(s.n + s.n/s.names); res.Totals.Records != want || res.Totals.Files != uint64(s.n) {
		b.Fatalf("totals %+v, want %d records", res.Totals, want)
	}
	m.stage("verify", func() { s.verify(b, r, res.Label) })
	m.stage("list", func() { s.list(b, r, res.Label) })
	m.stage("prove", func() {
		proof, err := r.reader(res.Label).Prove(ctx, s.path(s.n*2/3))
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
	})
	m.report()
}

// commit hands the records to the journal in an order that is not the
// manifest's, in frames of the size that a load makes.
func (s scale) commit(b *testing.B, r *rig) {
	d, _ := r.open()
	defer d.Close()
	d.start(d.cfg.Workers)
	p := s.pack(b, d)
	var list manifest.ID
	list[0] = 1
	var pending batch
	done := uint64(0)
	flush := func() {
		if err := d.commit(nil, nil, &pending, list); err != nil {
			b.Fatal(err)
		}
		pending = batch{}
	}
	add := func(rec manifest.Record, extents ...pendingExtent) {
		pending.add(&pendingRecord{ordinal: done, record: rec, extents: extents})
		done++
		if pending.full() {
			flush()
		}
	}
	when := time.Unix(1_700_000_000, 123456789).UTC()
	for i := range s.n / s.names {
		add(manifest.Record{Kind: manifest.KindDir, Path: s.path(i * s.names)[:len("projects/team-000/archive")] + "/" + strconv.Itoa(i), Mode: 0o755, Mtime: when, Ctime: when})
	}
	const step = 611_953 // prime: visits every number once
	for i := range s.n {
		n := (i*step + 12345) % s.n
		sum := crypto.SumSHA256(binary.BigEndian.AppendUint64(nil, uint64(n)))
		add(manifest.Record{Kind: manifest.KindFile, Path: s.path(n), Size: 4096, Mode: 0o644, UID: 1000, GID: 1000, Owner: "loader", Group: "loader",
			Mtime: when, Ctime: when, SHA256: sum[:], CRC: uint64(n), HasCRC: true},
			pendingExtent{length: 4096, number: p.number, packOffset: int64(n%256) * 4096})
	}
	flush()
	if got := d.Status(); got.Entries != done {
		b.Fatalf("%d entries committed, want %d", got.Entries, done)
	}
}

// pack commits one pack of 1 MiB.
func (s scale) pack(b *testing.B, d *Device) *packWriter {
	p, err := d.openPack()
	if err != nil {
		b.Fatal(err)
	}
	for p.offset() < 1<<20 {
		room, err := p.room()
		if err != nil {
			b.Fatal(err)
		}
		p.took(min(len(room), int(1<<20-p.offset())))
	}
	if err := p.drain(); err != nil {
		b.Fatal(err)
	}
	entry, err := p.commitEntry()
	if err == nil {
		err = d.commit(p, entry, &batch{}, manifest.ID{})
	}
	if err != nil {
		b.Fatal(err)
	}
	return p
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
	if err != nil || count != s.n+s.n/s.names {
		b.Fatalf("%d entries listed: %v", count, err)
	}
	if e, err := rd.Lookup(context.Background(), s.path(s.n/3)); err != nil || e.Record.CRC != uint64(s.n/3) {
		b.Fatalf("lookup: %v %v", e.Record, err)
	}
}

// meter measures the peak of resident memory of one stage after another.
type meter struct {
	b      *testing.B
	base   int64
	failed bool
}

func newMeter(b *testing.B) *meter {
	m := &meter{b: b}
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

func (m *meter) stage(name string, f func()) {
	m.reset()
	start := time.Now()
	f()
	took := time.Since(start)
	over := m.peak() - m.base
	var mem runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&mem)
	m.b.Logf("%-7s %7.1f s   peak %4d MiB over a baseline of %d MiB, heap afterwards %d MiB", name, took.Seconds(), over>>20, m.base>>20, mem.HeapAlloc>>20)
	m.b.ReportMetric(float64(over>>20), name+"-MiB")
	m.b.ReportMetric(took.Seconds(), name+"-s")
	if over > maxResident {
		m.failed = true
	}
}

func (m *meter) report() {
	if m.failed {
		m.b.Fatalf("a stage took more than %d MiB over the baseline", maxResident>>20)
	}
}
