package extract

import (
	"context"
	"errors"
	mrand "math/rand"
	"os"
	"path/filepath"
	"testing"

	"github.com/sledge-io/sledge/appliance/appliancetest"
	"github.com/sledge-io/sledge/appliance/read"
	"github.com/sledge-io/sledge/appliance/treetest"
	"github.com/sledge-io/sledge/manifest"
)

// largeSizes end inside a sector, a block, a segment and a part, and on their ends.
var largeSizes = map[string]int{"a": 8<<20 + 5, "b": 16 << 20, "c": 16<<20 + 1, "d": 33<<20 + 4097, "e": 48 << 20}

func largeTree(t *testing.T) string {
	src := t.TempDir()
	rng := mrand.New(mrand.NewSource(43))
	for name, size := range largeSizes {
		b := make([]byte, size)
		rng.Read(b)
		if err := os.WriteFile(filepath.Join(src, name), b, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	return src
}

// TestExtractLargeFiles: whole and by parts, with one worker and more of them
// than files; a second run finds everything there.
func TestExtractLargeFiles(t *testing.T) {
	src := largeTree(t)
	for _, digest := range []string{"whole", "parts"} {
		r := appliancetest.Seal(t, src, appliancetest.Options{K: 3, M: 2, Disks: 5, Block: 1 << 20, Digest: digest})
		for _, workers := range []int{1, 2, 7} {
			out := t.TempDir()
			for _, existing := range []int{0, len(largeSizes)} {
				x, err := Run(context.Background(), r.Reader(workers%3), out, Options{Workers: workers})
				if err != nil || int(x.Existing) != existing {
					t.Fatalf("%s, %d workers: %v %+v", digest, workers, err, x)
				}
				treetest.Compare(t, src, out)
			}
		}
	}
}

// TestExtractProvesBeforeItNames gives records with one digest changed: the file
// is refused and nothing of it stays.
func TestExtractProvesBeforeItNames(t *testing.T) {
	src := largeTree(t)
	os.WriteFile(filepath.Join(src, "small"), []byte("small"), 0o600)
	spoil := map[string]func(*manifest.Record){
		"crc":   func(r *manifest.Record) { r.CRC++ },
		"whole": func(r *manifest.Record) { flip(&r.SHA256) },
		"first": func(r *manifest.Record) { flipPart(r, 0) },
		"last":  func(r *manifest.Record) { flipPart(r, len(r.Parts)-1) },
	}
	for _, digest := range []string{"whole", "parts"} {
		r := appliancetest.Seal(t, src, appliancetest.Options{K: 3, M: 2, Disks: 5, Block: 1 << 20, Digest: digest})
		rd := r.Reader()
		refused := 0
		for what, change := range spoil {
			for _, name := range []string{"small", "a", "d"} {
				e, err := rd.Lookup(context.Background(), name)
				if err != nil {
					t.Fatal(err)
				}
				rec := *e.Record
				change(&rec)
				if sameDigests(&rec, e.Record) {
					continue // it has no such digest
				}
				refused++
				out := t.TempDir()
				if err := extractOne(t, rd, out, &rec); !errors.Is(err, manifest.ErrCorrupt) {
					t.Errorf("%s, %s of %q changed: %v", digest, what, name, err)
				}
				if left, _ := os.ReadDir(out); len(left) > 0 {
					t.Errorf("%s, %s of %q changed: %v is there", digest, what, name, left[0].Name())
				}
			}
		}
		if want := map[string]int{"whole": 8, "parts": 7}[digest]; refused != want {
			t.Errorf("%s: %d records changed, want %d", digest, refused, want)
		}
	}
}

func extractOne(t *testing.T, rd *read.Reader, out string, rec *manifest.Record) error {
	tree, err := openOutTree(out)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.close()
	x := newExtractor(rd, tree, Options{Workers: 2})
	w := x.worker()
	defer w.close()
	x.turns <- struct{}{}
	return w.file(context.Background(), rec)
}

func flip(b *[]byte) {
	if len(*b) > 0 {
		*b = append([]byte(nil), *b...)
		(*b)[0] ^= 1
	}
}

func flipPart(r *manifest.Record, i int) {
	if i >= 0 && i < len(r.Parts) {
		r.Parts = append([][]byte(nil), r.Parts...)
		flip(&r.Parts[i])
	}
}

func sameDigests(a, b *manifest.Record) bool {
	return a.CRC == b.CRC && string(a.SHA256) == string(b.SHA256) && manifest.RootOver(a.Parts) == manifest.RootOver(b.Parts)
}
