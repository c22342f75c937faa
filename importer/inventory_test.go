package importer

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/testlimit"
)

// hostileKeys are what a CSV file, a URL or a sort may trip over.
var hostileKeys = []string{"in/plain", "in/new\nline", "in/quo\"te", "in/per%cent%41", "in/plus+ and space", "in/comma,", "in/ünïcode/日本", "in/\u00a0", "in/=1+1", "in/a'b", "in/\r\n", "in/\x01"}

func listedOf(keys []string) (all []target.Listed) {
	for i, key := range keys {
		all = append(all, target.Listed{Key: key, Size: int64(i), ETag: "e", Modified: time.Unix(1700000000+int64(i), 0).UTC(), Algorithm: "SHA256", Latest: target.LatestYes})
	}
	return all
}

const testSchema = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, ChecksumAlgorithm"

// csvInventory writes lines as S3 does: every field in quotes or not, keys encoded.
func csvInventory(t testing.TB, rows []target.Listed) []byte {
	t.Helper()
	var out bytes.Buffer
	packed := gzip.NewWriter(&out)
	w := csv.NewWriter(packed)
	for _, r := range rows {
		size := ""
		if r.Size >= 0 {
			size = strconv.FormatInt(r.Size, 10)
		}
		err := w.Write([]string{"bucket", url.QueryEscape(r.Key), "v", strconv.FormatBool(r.Latest != target.LatestNo), strconv.FormatBool(r.DeleteMarker), size,
			r.Modified.Format("2006-01-02T15:04:05.000Z"), r.ETag, r.Algorithm})
		if err != nil {
			t.Fatal(err)
		}
	}
	w.Flush()
	if err := errors.Join(w.Error(), packed.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// parquetRow has the names and types of S3's inventories.
type parquetRow struct {
	Bucket    string    `parquet:"bucket"`
	Key       string    `parquet:"key"`
	Version   *string   `parquet:"version_id,optional"`
	Latest    *bool     `parquet:"is_latest,optional"`
	Marker    *bool     `parquet:"is_delete_marker,optional"`
	Size      *int64    `parquet:"size,optional"`
	Modified  time.Time `parquet:"last_modified_date,timestamp(millisecond)"`
	ETag      string    `parquet:"e_tag,optional"`
	Algorithm string    `parquet:"checksum_algorithm,optional"`
}

func parquetInventory(t testing.TB, rows []target.Listed) []byte {
	t.Helper()
	var out bytes.Buffer
	w := parquet.NewGenericWriter[parquetRow](&out, parquet.Compression(&parquet.Zstd), parquet.PageBufferSize(512))
	for i, r := range rows {
		latest := r.Latest != target.LatestNo
		row := parquetRow{Bucket: "bucket", Key: r.Key, Latest: &latest, Marker: &r.DeleteMarker, Modified: r.Modified, ETag: r.ETag, Algorithm: r.Algorithm}
		if r.Size >= 0 {
			row.Size = &r.Size
		}
		if _, err := w.Write([]parquetRow{row}); err != nil {
			t.Fatal(err)
		}
		if i%1000 == 999 { // more than one row group
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// inventoryFolder lays an inventory out as S3 does and returns its manifest's folder.
func inventoryFolder(t testing.TB, format string, taken time.Time, files ...[]byte) string {
	t.Helper()
	dir := t.TempDir()
	folder := filepath.Join(dir, "2026-11-23T01-00Z")
	for _, d := range []string{folder, filepath.Join(dir, "data")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	m := map[string]any{"sourceBucket": "bucket", "destinationBucket": "arn:aws:s3:::other", "version": "2016-11-30", "creationTimestamp": strconv.FormatInt(taken.UnixMilli(), 10),
		"fileFormat": format, "fileSchema": testSchema}
	var list []map[string]any
	for i, data := range files {
		name := fmt.Sprintf("file-%d.%s", i, strings.ToLower(format))
		write(t, filepath.Join(dir, "data", name), data)
		list = append(list, map[string]any{"key": "prefix/bucket/config/data/" + name, "size": len(data), "MD5checksum": hexMD5(data)})
	}
	m["files"] = list
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "manifest.json"), text)
	write(t, filepath.Join(folder, "manifest.checksum"), []byte(hexMD5(text)+"\n"))
	return folder
}

func write(t testing.TB, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func readInventory(name, columns string) (all []target.Listed, err error) {
	inv, err := OpenInventory(name, columns)
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
	want := listedOf(hostileKeys)
	for i := range 2500 {
		want = append(want, target.Listed{Key: fmt.Sprintf("in/many/%d", i), Size: int64(i), ETag: "x", Modified: time.Unix(int64(i), 0).UTC(), Latest: target.LatestYes})
	}
	want = append(want, target.Listed{Key: "in/gone", Size: -1, Modified: time.Unix(5, 0).UTC(), Latest: target.LatestYes, DeleteMarker: true},
		target.Listed{Key: "in/gone", Size: 4, Modified: time.Unix(4, 0).UTC(), Latest: target.LatestNo})
	half := len(want) / 2
	bare := t.TempDir()
	write(t, filepath.Join(bare, "x.parquet"), parquetInventory(t, want))
	write(t, filepath.Join(bare, "x.csv.gz"), csvInventory(t, want))
	csvFolder := inventoryFolder(t, "CSV", time.Now(), csvInventory(t, want[:half]), csvInventory(t, want[half:]))
	for name, at := range map[string][2]string{
		"csv folder":     {csvFolder, ""},
		"csv manifest":   {filepath.Join(csvFolder, "manifest.json"), ""},
		"parquet folder": {inventoryFolder(t, "Parquet", time.Now(), parquetInventory(t, want[:half]), parquetInventory(t, want[half:])), ""},
		"bare csv":       {filepath.Join(bare, "x.csv.gz"), testSchema},
		"bare parquet":   {filepath.Join(bare, "x.parquet"), ""},
	} {
		got, err := readInventory(at[0], at[1])
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %d lines, want %d: %v", name, len(got), len(want), err)
		}
	}
}

func TestInventoryRefused(t *testing.T) {
	rows := csvInventory(t, listedOf(hostileKeys))
	good := func() string { return inventoryFolder(t, "CSV", time.Now(), rows) }
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

// TestInventoryParquetDamage: a damaged file is an error or gives other rows, and
// never a panic.
func TestInventoryParquetDamage(t *testing.T) {
	data := parquetInventory(t, listedOf(hostileKeys))
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
	folder := inventoryFolder(f, "CSV", time.Unix(1, 0), []byte("x"))
	text, err := os.ReadFile(filepath.Join(folder, "manifest.json"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"sourceBucket":"b","fileFormat":"Parquet","files":[]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		inv, err := parseInventoryManifest(b)
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
	columns, err := parseColumns(testSchema)
	if err != nil {
		f.Fatal(err)
	}
	packed := csvInventory(f, listedOf(hostileKeys))
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
		err := readInventoryCSV(bytes.NewReader(b), columns, func(_ string, o target.Listed) error {
			if len(o.Key) > maxInventoryLine+4096 || o.Size < -1 {
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
		err = readInventoryCSV(bytes.NewReader(csvInventory(t, kept)), columns, func(_ string, o target.Listed) error {
			again = append(again, o)
			return nil
		})
		if err != nil || len(again) != len(kept) || again[0].Key != kept[0].Key || again[0].Size != kept[0].Size {
			t.Errorf("%d lines again, %d before: %v", len(again), len(kept), err)
		}
	})
}
