package appliance

import (
	"context"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/sledge-io/sledge/appliance/extract"
	"github.com/sledge-io/sledge/manifest"
)

// The benchmarks below read a sealed device of 8+3 folders in the folder for
// temporary files, so TMPDIR says what is measured:
//
//	TMPDIR=/dev/shm go test -run '^$' -bench 'Extract|Content' -benchtime 3x ./appliance

// sealedTree is a sealed device of files of one size, 100 a folder.
func sealedTree(b *testing.B, count, size int, digest string) (*rig, []byte) {
	b.Helper()
	src := b.TempDir()
	rng := mrand.NewChaCha8([32]byte{1})
	buf := make([]byte, size)
	for i := range count {
		name := filepath.Join(src, fmt.Sprintf("d%04d", i/100), fmt.Sprintf("f%02d", i%100))
		rng.Read(buf)
		os.Mkdir(filepath.Dir(name), 0o755)
		if err := os.WriteFile(name, buf, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	r := newRig(b, rigOptions{k: 8, m: 3, disks: 11, block: 1 << 20, digest: digest})
	r.load(src)
	label := r.seal().Label
	os.RemoveAll(src)
	return r, label
}

// benchExtract extracts to a fresh folder each time.
func benchExtract(b *testing.B, r *rig, label []byte, skip ...int) {
	parent := b.TempDir()
	for b.Loop() {
		out, err := os.MkdirTemp(parent, "out")
		if err != nil {
			b.Fatal(err)
		}
		rd := r.reader(label, skip...)
		if x, err := extract.Run(context.Background(), rd, out, extract.Options{Workers: 2}); err != nil {
			b.Fatalf("%v %+v", err, x)
		}
		rd.Close()
		b.StopTimer()
		os.RemoveAll(out)
		b.StartTimer()
	}
}

func BenchmarkExtractLarge(b *testing.B) {
	const count, size = 4, 128 << 20
	for _, digest := range []string{"whole", "parts"} {
		r, label := sealedTree(b, count, size, digest)
		for _, lost := range []int{0, 2} {
			b.Run(fmt.Sprintf("%s/lost=%d", digest, lost), func(b *testing.B) {
				b.SetBytes(count * size)
				benchExtract(b, r, label, []int{0, 1}[:lost]...)
			})
		}
	}
}

func BenchmarkExtractSmall(b *testing.B) {
	const count, size = 20000, 4096
	r, label := sealedTree(b, count, size, "whole")
	b.ResetTimer()
	benchExtract(b, r, label)
	b.ReportMetric(count*float64(b.N)/b.Elapsed().Seconds(), "files/s")
}

// BenchmarkContentRead reads four files at once as an import does: in pieces of
// a size from a reader over the content.
func BenchmarkContentRead(b *testing.B) {
	const count, size = 4, 64 << 20
	r, label := sealedTree(b, count, size, "parts")
	for _, lost := range []int{0, 2} {
		for _, piece := range []int{32 << 10, 1 << 20, 16 << 20} {
			b.Run(fmt.Sprintf("lost=%d/read=%dKiB", lost, piece>>10), func(b *testing.B) {
				rd := r.reader(label, []int{0, 1}[:lost]...)
				defer rd.Close()
				var files []*manifest.Record
				rd.Entries(context.Background(), func(e Entry) error {
					if e.Record.Kind == manifest.KindFile {
						files = append(files, e.Record)
					}
					return nil
				})
				b.SetBytes(count * size)
				for b.Loop() {
					readFiles(b, rd, files, piece)
				}
			})
		}
	}
}

func readFiles(b *testing.B, rd *Reader, files []*manifest.Record, piece int) {
	var wg sync.WaitGroup
	for _, rec := range files {
		wg.Go(func() {
			c, err := rd.Open(context.Background(), rec)
			if err != nil {
				b.Error(err)
				return
			}
			buf := make([]byte, piece)
			for off := int64(0); off < rec.Size; {
				n, err := c.ReadAt(buf, off)
				if err != nil && err != io.EOF {
					b.Error(err)
					return
				}
				off += int64(n)
			}
		})
	}
	wg.Wait()
}
