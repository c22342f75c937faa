package inventory

import (
	"context"
	"crypto/fips140"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/sledge-io/sledge/importer/target"
)

// Inventory is an S3 Inventory in files of this machine: a manifest.json with its
// CSV or Parquet files, or one such file by itself. It is larger than memory and
// in no order (S3 user guide, "Amazon S3 Inventory").
type Inventory struct {
	Bucket string    // "": the manifest is not there to say
	Taken  time.Time // when S3 began it; zero: not known
	Files  []File

	format  fileFormat
	columns inventoryColumns // of CSV; Parquet files name theirs
}

// File is one of its files.
type File struct {
	Name string // on this machine
	Size int64  // -1: not told
	MD5  string // hexadecimal; "": not told
}

type fileFormat string

const (
	formatCSV     fileFormat = "CSV"
	formatParquet fileFormat = "Parquet"
)

// Bounds of an inventory.
const (
	maxManifest = 32 << 20
	maxFiles    = 100000
	maxColumns  = 64
)

// Open finds an inventory by the name of its manifest.json, of the folder
// in which that is, or of one CSV, CSV.gz or Parquet file. columns are those of a
// CSV file without a manifest, as its fileSchema would have them.
func Open(name, columns string) (*Inventory, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		name = filepath.Join(name, "manifest.json")
	}
	switch lower := strings.ToLower(name); {
	case strings.HasSuffix(lower, ".orc"):
		return nil, errORC
	case strings.HasSuffix(lower, ".json"):
		return openManifest(name)
	case strings.HasSuffix(lower, ".parquet"):
		return &Inventory{Files: []File{{name, -1, ""}}, format: formatParquet}, nil
	}
	parsed, err := parseColumns(columns)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrColumns, err)
	}
	return &Inventory{Files: []File{{name, -1, ""}}, format: formatCSV, columns: parsed}, nil
}

// ErrColumns is of the names of columns that OpenInventory is given.
var ErrColumns = errors.New("columns of the CSV file")

var errORC = errors.New("an inventory in ORC cannot be read: have S3 write it as CSV or Parquet")

func openManifest(name string) (*Inventory, error) {
	text, err := readBounded(name, maxManifest)
	if err != nil {
		return nil, err
	}
	if err := checkManifest(name, text); err != nil {
		return nil, err
	}
	inv, err := parseManifest(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for i := range inv.Files {
		if inv.Files[i].Name, err = findFile(filepath.Dir(name), inv.Files[i].Name); err != nil {
			return nil, err
		}
	}
	return inv, nil
}

// checkManifest compares the manifest with the manifest.checksum beside it, if it
// was brought along.
func checkManifest(name string, text []byte) error {
	sum, err := readBounded(filepath.Join(filepath.Dir(name), "manifest.checksum"), 1<<10)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if want := strings.ToLower(strings.TrimSpace(string(sum))); want != hexMD5(text) {
		return fmt.Errorf("%s: its MD5 is not that of manifest.checksum: it is damaged or of another inventory", name)
	}
	return nil
}

// findFile looks for a file where S3 put it, seen from the manifest, and
// where people put it: beside the manifest.
func findFile(folder, key string) (string, error) {
	base := path.Base(key)
	for _, name := range []string{filepath.Join(folder, base), filepath.Join(folder, "data", base), filepath.Join(folder, "..", "data", base)} {
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
			return name, nil
		}
	}
	return "", fmt.Errorf("inventory file %q: %w: put it beside manifest.json or into a folder data beside it", base, fs.ErrNotExist)
}

func readBounded(name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%s: over %d bytes", name, most)
	}
	return text, err
}

// parseManifest reads a manifest.json. Files carry their keys as names.
func parseManifest(text []byte) (*Inventory, error) {
	var m struct {
		SourceBucket      string `json:"sourceBucket"`
		CreationTimestamp string `json:"creationTimestamp"`
		FileFormat        string `json:"fileFormat"`
		FileSchema        string `json:"fileSchema"`
		Files             []struct {
			Key  string `json:"key"`
			Size *int64 `json:"size"`
			MD5  string `json:"MD5checksum"`
		} `json:"files"`
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("not the manifest of an inventory: %w", err)
	}
	inv := &Inventory{Bucket: m.SourceBucket, format: fileFormat(m.FileFormat)}
	if m.CreationTimestamp != "" {
		ms, err := strconv.ParseInt(m.CreationTimestamp, 10, 64)
		if err != nil || ms < 0 || ms > maxTime {
			return nil, fmt.Errorf("creationTimestamp %q is not in milliseconds", m.CreationTimestamp)
		}
		inv.Taken = time.UnixMilli(ms).UTC()
	}
	switch inv.format {
	case "ORC":
		return nil, errORC
	case formatCSV:
		var err error
		if inv.columns, err = parseColumns(m.FileSchema); err != nil {
			return nil, err
		}
	case formatParquet:
	default:
		return nil, fmt.Errorf("fileFormat %q is not CSV or Parquet", m.FileFormat)
	}
	if len(m.Files) > maxFiles {
		return nil, fmt.Errorf("%d files, at most %d are allowed", len(m.Files), maxFiles)
	}
	for _, f := range m.Files {
		file := File{f.Key, -1, strings.ToLower(f.MD5)}
		if f.Size != nil {
			file.Size = *f.Size
		}
		if base := path.Base(f.Key); !filepath.IsLocal(base) || base == "." || strings.ContainsAny(base, `\/`) {
			return nil, fmt.Errorf("file %q has no name", f.Key)
		}
		if raw, err := hex.DecodeString(file.MD5); err != nil || len(raw) != md5.Size {
			return nil, fmt.Errorf("file %q: MD5checksum %q is none", f.Key, f.MD5)
		}
		inv.Files = append(inv.Files, file)
	}
	if inv.Bucket == "" {
		return nil, errors.New("not the manifest of an inventory: no sourceBucket")
	}
	return inv, nil
}

// maxTime is the year 9999, in milliseconds.
const maxTime = 253402300799999

// Each calls f for every line of every file. A file is compared with the
// manifest's MD5 before its first line is believed. bucket is the one that the
// lines must be of.
func (inv *Inventory) Each(ctx context.Context, bucket string, f func(target.Listed) error) error {
	if inv.Bucket != "" && inv.Bucket != bucket {
		return fmt.Errorf("the inventory is of bucket %q, the target is %q", inv.Bucket, bucket)
	}
	for _, file := range inv.Files {
		if err := inv.file(ctx, bucket, file, f); err != nil {
			return fmt.Errorf("inventory file %s: %w", file.Name, err)
		}
	}
	return nil
}

func (inv *Inventory) file(ctx context.Context, bucket string, file File, f func(target.Listed) error) error {
	in, err := os.Open(file.Name)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := checkFile(in, file); err != nil {
		return err
	}
	line := 0
	each := func(lineBucket string, o target.Listed) error {
		if line++; line%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if lineBucket != "" && lineBucket != bucket {
			return fmt.Errorf("line %d is of bucket %q, the target is %q", line, lineBucket, bucket)
		}
		if err := f(o); err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
		return nil
	}
	if inv.format == formatParquet {
		return readParquet(in, each)
	}
	return readCSV(in, inv.columns, each)
}

// checkFile compares size and MD5, and goes back to the file's start.
func checkFile(in *os.File, file File) error {
	if file.MD5 == "" {
		return nil
	}
	n, sum, err := sumMD5(in)
	switch {
	case err != nil:
		return err
	case file.Size >= 0 && n != file.Size:
		return fmt.Errorf("%d bytes, the manifest says %d", n, file.Size)
	case sum != file.MD5:
		return errors.New("its MD5 is not the manifest's: it is damaged or of another inventory")
	}
	_, err = in.Seek(0, io.SeekStart)
	return err
}

// sumMD5 is allowed in FIPS mode, too: it finds a broken download and protects nothing.
func sumMD5(in io.Reader) (n int64, sum string, err error) {
	fips140.WithoutEnforcement(func() {
		h := md5.New()
		n, err = io.Copy(h, in)
		sum = hex.EncodeToString(h.Sum(nil))
	})
	return n, sum, err
}

func hexMD5(b []byte) string {
	_, sum, _ := sumMD5(strings.NewReader(string(b))) // a reader in memory does not fail
	return sum
}
