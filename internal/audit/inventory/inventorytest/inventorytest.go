// Package inventorytest writes S3 Inventories for tests of whatever reads one.
package inventorytest

import (
	"bytes"
	"compress/gzip"
	"crypto/fips140"
	"crypto/md5"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"

	"github.com/sledge-io/sledge/importer/target"
)

// HostileKeys are what a CSV file, a URL or a sort may trip over.
var HostileKeys = []string{"in/plain", "in/new\nline", "in/quo\"te", "in/per%cent%41", "in/plus+ and space", "in/comma,", "in/ünïcode/日本", "in/\u00a0", "in/=1+1", "in/a'b", "in/\r\n", "in/\x01"}

// Schema are the columns that CSV writes.
const Schema = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, ChecksumAlgorithm"

// CSV writes lines as S3 does: every field in quotes or not, keys encoded.
func CSV(t testing.TB, rows []target.Listed) []byte {
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

// Parquet writes lines as S3 does.
func Parquet(t testing.TB, rows []target.Listed) []byte {
	t.Helper()
	return ParquetIn(t, &parquet.Zstd, rows)
}

// ParquetIn is Parquet in another compression.
func ParquetIn(t testing.TB, codec compress.Codec, rows []target.Listed) []byte {
	t.Helper()
	var out bytes.Buffer
	w := parquet.NewGenericWriter[parquetRow](&out, parquet.Compression(codec), parquet.PageBufferSize(512))
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

// Folder lays an inventory out as S3 does and returns its manifest's folder.
func Folder(t testing.TB, format string, taken time.Time, files ...[]byte) string {
	t.Helper()
	dir := t.TempDir()
	folder := filepath.Join(dir, "2026-11-23T01-00Z")
	for _, d := range []string{folder, filepath.Join(dir, "data")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	m := map[string]any{"sourceBucket": "bucket", "destinationBucket": "arn:aws:s3:::other", "version": "2016-11-30", "creationTimestamp": strconv.FormatInt(taken.UnixMilli(), 10),
		"fileFormat": format, "fileSchema": Schema}
	var list []map[string]any
	for i, data := range files {
		name := fmt.Sprintf("file-%d.%s", i, strings.ToLower(format))
		write(t, filepath.Join(dir, "data", name), data)
		list = append(list, map[string]any{"key": "prefix/bucket/config/data/" + name, "size": len(data), "MD5checksum": sumOf(data)})
	}
	m["files"] = list
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "manifest.json"), text)
	write(t, filepath.Join(folder, "manifest.checksum"), []byte(sumOf(text)+"\n"))
	return folder
}

func write(t testing.TB, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// sumOf is the MD5 that S3 tells, in hexadecimal; FIPS mode would forbid it.
func sumOf(b []byte) (sum string) {
	fips140.WithoutEnforcement(func() {
		h := md5.Sum(b)
		sum = hex.EncodeToString(h[:])
	})
	return sum
}
