package appliance

import (
	"context"
	"crypto/rand"
	"fmt"
	mrand "math/rand"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sledge-io/sledge/appliance/ingest"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/erasure"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// BenchmarkLoadMixed loads about 1 GiB of mixed files (two large ones, two
// hundred of 1 MiB, five thousand small ones) and prints the share of what the
// raw stages alone allow on this machine in the same run: one read, the digests,
// AES-GCM, parity, block hashes, one write, each measured on all cores.
//
//	go test -run '^$' -bench LoadMixed -benchtime 3x ./appliance
func BenchmarkLoadMixed(b *testing.B) {
	src := b.TempDir()
	total := mixedTree(b, src)
	b.SetBytes(total)
	var loads, floors time.Duration
	b.ResetTimer()
	for b.Loop() {
		floor := rawStages(b, total)
		r := newRig(b, rigOptions{k: 8, m: 3, disks: 11, block: 1 << 20})
		d, _ := r.open()
		start := time.Now()
		if _, err := d.Load(context.Background(), src, LoadOptions{}); err != nil {
			b.Fatal(err)
		}
		loads += time.Since(start)
		floors += floor
		d.Close()
		for _, dir := range r.dirs {
			os.RemoveAll(dir)
		}
	}
	b.ReportMetric(float64(floors)/float64(loads), "share-of-raw-stages")
	b.ReportMetric(float64(total)*float64(b.N)/loads.Seconds()/1e6, "load-MB/s")
	b.ReportMetric(float64(total)*float64(b.N)/floors.Seconds()/1e6, "raw-MB/s")
}

func mixedTree(b *testing.B, root string) int64 {
	b.Helper()
	rng := mrand.New(mrand.NewSource(7))
	var total int64
	buf := make([]byte, 1<<20)
	put := func(name string, size int) {
		full := filepath.Join(root, name)
		os.MkdirAll(filepath.Dir(full), 0o755)
		f, err := os.Create(full)
		if err != nil {
			b.Fatal(err)
		}
		for left := size; left > 0; {
			n := min(left, len(buf))
			rng.Read(buf[:n])
			f.Write(buf[:n])
			left -= n
		}
		f.Close()
		total += int64(size)
	}
	put("large-1", 400<<20)
	put("large-2", 400<<20)
	for i := range 200 {
		put(fmt.Sprintf("medium/%03d", i), 1<<20)
	}
	for i := range 5000 {
		put(fmt.Sprintf("small/%02d/%04d", i%50, i), 4096)
	}
	return total
}

// rawStages is the time that the bare stages take for n bytes on all cores, one
// after another in cache-sized pieces, with writes of (k+m)/k: no walking, no
// records, no journal, no fsync.
func rawStages(b *testing.B, n int64) time.Duration {
	b.Helper()
	const workers = 2
	dir := b.TempDir()
	code, err := erasure.NewCode(8, 3)
	if err != nil {
		b.Fatal(err)
	}
	start := time.Now()
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			disk, _ := vfs.OS(dir)
			plain := make([]byte, crypto.PlainSegmentSize)
			rand.Read(plain)
			body := vfs.AlignedBuffer(11 << 20)
			var files []vfs.File
			for i := range 11 {
				f, err := disk.Create(fmt.Sprintf("%d-%d", w, i), vfs.CreateOptions{Direct: true})
				if err != nil {
					b.Error(err)
					return
				}
				files = append(files, f)
			}
			keys := manifest.NewKeys(plain[:32], manifest.Scope{Generation: 1})
			enc, _, _ := crypto.NewFloeEncryptor(crypto.DefaultFloe(), keys.PackKey(manifest.ID{1}), nil)
			d := ingest.NewDigest(n, true)
			var seg uint64
			for done, stripe := int64(0), int64(0); done < n/workers; stripe++ {
				blocks := make([][]byte, 11)
				for i := range blocks {
					blocks[i] = body[i<<20 : (i+1)<<20]
				}
				for i := range 8 {
					d.Write(plain)
					enc.EncryptSegment(blocks[i], plain, seg, false)
					seg++
					done += int64(len(plain))
				}
				code.Encode(blocks)
				for i := range 8 {
					crypto.SumSHA256(blocks[i])
				}
				for i := range blocks {
					files[i].WriteAt(blocks[i], stripe<<20)
				}
			}
			for _, f := range files {
				f.Close()
			}
		})
	}
	wg.Wait()
	took := time.Since(start)
	os.RemoveAll(dir)
	return took
}
