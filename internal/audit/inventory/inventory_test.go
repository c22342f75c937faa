package inventory

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/audit/inventory/inventorytest"
	"github.com/sledge-io/sledge/internal/testlimit"
)

func listedOf(keys []string) (all []target.Listed) {
	for i, key := range keys {
		all = append(all, target.Listed{Key: key, Size: int64(i), ETag: "e", Modified: time.Unix(1700000000+int64(i), 0).UTC(), Algorithm: "SHA256", Latest: target.LatestYes})
	}
	return all
}

func write(t testing.TB, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func readInventory(name, columns string) (all []target.Listed, err error) {
	inv, err := Open(name, columns)
	if err != nil {
		return nil, err
	}
	err = inv.Each(context.Background(), "bucket", func(o target.Listed) error {
		all = append(all, o)
		return nil
	})
	return all, err
}

func TestInventoryFormats(t *testing.T) {
	want := listedOf(inventorytest.HostileKeys)
	for i := range 2500 {
		want = append(want, target.Listed{Key: fmt.Sprintf("in/many/%d", i), Size: int64(i), ETag: "x", Modified: time.Unix(int64(i), 0).UTC(), Latest: target.LatestYes})
	}
	want = append(want, target.Listed{Key: "in/gone", Size: -1, Modified: time.Unix(5, 0).UTC(), Latest: target.LatestYes, DeleteMarker: true},
		target.Listed{Key: "in/gone", Size: 4, Modified: time.Unix(4, 0).UTC(), Latest: target.LatestNo})
	half := len(want) / 2
	bare := t.TempDir()
	write(t, filepath.Join(bare, "x.parquet"), inventorytest.Parquet(t, want))
	write(t, filepath.Join(bare, "x.csv.gz"), inventorytest.CSV(t, want))
	csvFolder := inventorytest.Folder(t, "CSV", time.Now(), inventorytest.CSV(t, want[:half]), inventorytest.CSV(t, want[half:]))
	for name, at := range map[string][2]string{
		"csv folder":     {csvFolder, ""},
		"csv manifest":   {filepath.Join(csvFolder, "manifest.json"), ""},
		"parquet folder": {inventorytest.Folder(t, "Parquet", time.Now(), inventorytest.Parquet(t, want[:half]), inventorytest.Parquet(t, want[half:])), ""},
		"bare csv":       {filepath.Join(bare, "x.csv.gz"), inventorytest.Schema},
		"bare parquet":   {filepath.Join(bare, "x.parquet"), ""},
	} {
		got, err := readInventory(at[0], at[1])
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %d lines, want %d: %v", name, len(got), len(want), err)
		}
	}
}

func TestInventoryRefused(t *testing.T) {
	rows := inventorytest.CSV(t, listedOf(inventorytest.HostileKeys))
	good := func() string { return inventorytest.Folder(t, "CSV", time.Now(), rows) }
	edit := func(name, old, by string) string {
		folder := good()
		file := filepath.Join(folder, name)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		os.Remove(filepath.Join(folder, "manifest.checksum"))
		write(t, file, bytes.Replace(text, []byte(old), []byte(by), 1))
		return folder
	}
	changed := good()
	write(t, filepath.Join(changed, "..", "data", "file-0.csv"), append(bytes.Clone(rows), 0))
	absent := good()
	os.Remove(filepath.Join(absent, "..", "data", "file-0.csv"))
	other := good()
	write(t, filepath.Join(other, "manifest.checksum"), []byte(strings.Repeat("0", 32)))
	plain := t.TempDir()
	write(t, filepath.Join(plain, "x.csv"), []byte("bucket,a,1\n"))
	write(t, filepath.Join(plain, "x.orc"), []byte("ORC"))
	write(t, filepath.Join(plain, "x.parquet"), []byte("PAR1 this is no such file PAR1"))
	write(t, filepath.Join(plain, "long.csv"), []byte(`"`+strings.Repeat("a", 1<<20)))
	file := func(name string) string { return filepath.Join(plain, name) }
	for _, test := range []struct{ name, at, columns, want string }{
		{"other MD5", changed, "", "bytes, the manifest says"},
		{"same size, other MD5", edit("manifest.json", `MD5checksum":"`, `MD5checksum":"00`), "", "MD5checksum"},
		{"file absent", absent, "", "beside manifest.json"},
		{"other manifest.checksum", other, "", "manifest.checksum"},
		{"ORC manifest", edit("manifest.json", `"CSV"`, `"ORC"`), "", "ORC cannot be read"},
		{"other format", edit("manifest.json", `"CSV"`, `"XML"`), "", "not CSV or Parquet"},
		{"no key column", edit("manifest.json", `Bucket, Key`, `Bucket, Name`), "", "no Key"},
		{"column twice", edit("manifest.json", `Bucket, Key`, `Key, Key`), "", "twice"},
		{"other bucket", edit("manifest.json", `"sourceBucket":"bucket"`, `"sourceBucket":"b2"`), "", `bucket "b2"`},
		{"no files field", edit("manifest.json", `data/file-0.csv`, `data/..`), "", "has no name"},
		{"time", edit("manifest.json", `creationTimestamp":"`, `creationTimestamp":"x`), "", "milliseconds"},
		{"no manifest", plain, "", "manifest.json"},
		{"ORC", file("x.orc"), "", "ORC cannot be read"},
		{"no columns", file("x.csv"), "", "--columns"},
		{"number of columns", file("x.csv"), "Bucket,Key", "wrong number of fields"},
		{"size", file("x.csv"), "Bucket,Size,Key", `size "a"`},
		{"bucket of a line", file("x.csv"), "Key,Bucket,Size", `of bucket "a"`},
		{"a line without an end", file("long.csv"), "Key", "a line of over"},
		{"not Parquet", file("x.parquet"), "", ""},
	} {
		if _, err := readInventory(test.at, test.columns); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}

// TestInventoryParquetCodecs: only the compressions that are named are read. Another one is
// refused by its name, before anything is unpacked: the pages of these files are damaged, and
// whoever unpacked one would say so.
func TestInventoryParquetCodecs(t *testing.T) {
	rows := listedOf(inventorytest.HostileKeys)
	name := filepath.Join(t.TempDir(), "x.parquet")
	for _, codec := range []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Zstd} {
		write(t, name, inventorytest.ParquetIn(t, codec, rows))
		if got, err := readInventory(name, ""); err != nil || !slices.Equal(got, rows) {
			t.Errorf("%v: %d lines, %v", codec, len(got), err)
		}
	}
	for _, codec := range []compress.Codec{&parquet.Brotli, &parquet.Lz4Raw} {
		data := inventorytest.ParquetIn(t, codec, rows)
		for i := 4; i < 200; i++ {
			data[i] = 0xff
		}
		write(t, name, data)
		_, err := readInventory(name, "")
		if want := fmt.Sprintf("compressed with %v, which is not read", codec.CompressionCodec()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestInventoryParquetDamage: a damaged file is an error or gives other rows, and
// never a panic.
func TestInventoryParquetDamage(t *testing.T) {
	data := inventorytest.Parquet(t, listedOf(inventorytest.HostileKeys))
	name := filepath.Join(t.TempDir(), "x.parquet")
	for at := 0; at < len(data); at += 1 + len(data)/300 {
		bad := bytes.Clone(data)
		bad[at] ^= 0x15
		write(t, name, bad)
		readInventory(name, "") // either is right
		write(t, name, data[:at])
		if _, err := readInventory(name, ""); err == nil {
			t.Errorf("cut off at %d: no error", at)
		}
	}
}

func FuzzInventoryManifest(f *testing.F) {
	folder := inventorytest.Folder(f, "CSV", time.Unix(1, 0), []byte("x"))
	text, err := os.ReadFile(filepath.Join(folder, "manifest.json"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"sourceBucket":"b","fileFormat":"Parquet","files":[]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		inv, err := parseManifest(b)
		if err != nil {
			return
		}
		for _, file := range inv.Files {
			if base := filepath.Base(file.Name); !filepath.IsLocal(base) || inv.Bucket == "" {
				t.Errorf("file %q of bucket %q was accepted", file.Name, inv.Bucket)
			}
		}
	})
}

// FuzzInventoryCSV: any bytes are read in bounded room; what is accepted is within
// the bounds and reads the same when it is written again.
func FuzzInventoryCSV(f *testing.F) {
	columns, err := parseColumns(inventorytest.Schema)
	if err != nil {
		f.Fatal(err)
	}
	packed := inventorytest.CSV(f, listedOf(inventorytest.HostileKeys))
	f.Add(packed)
	unpacked, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		f.Fatal(err)
	}
	plain, err := io.ReadAll(unpacked)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(plain)
	f.Add([]byte(`"` + strings.Repeat("a", 100<<10)))
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		var kept []target.Listed
		err := readCSV(bytes.NewReader(b), columns, func(_ string, o target.Listed) error {
			if len(o.Key) > maxLine+4096 || o.Size < -1 {
				t.Errorf("key of %d bytes, size %d", len(o.Key), o.Size)
			}
			if len(kept) == 100 {
				return errors.New("enough")
			}
			kept = append(kept, o)
			return nil
		})
		if err != nil || len(kept) == 0 {
			return
		}
		var again []target.Listed
		err = readCSV(bytes.NewReader(inventorytest.CSV(t, kept)), columns, func(_ string, o target.Listed) error {
			again = append(again, o)
			return nil
		})
		if err != nil || len(again) != len(kept) || again[0].Key != kept[0].Key || again[0].Size != kept[0].Size {
			t.Errorf("%d lines again, %d before: %v", len(again), len(kept), err)
		}
	})
}
