package inventory

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sledge-io/sledge/importer/target"
)

// inventoryColumns are the places of the fields that count, -1 for those that are
// not there, by their names in fileSchema.
type inventoryColumns struct {
	count                                                              int
	bucket, key, latest, deleteMarker, size, modified, etag, algorithm int
}

// parseColumns reads a fileSchema of CSV: names with commas between.
func parseColumns(schema string) (inventoryColumns, error) {
	if strings.TrimSpace(schema) == "" {
		return inventoryColumns{}, errors.New("a CSV file without a manifest needs the names of its columns: --columns Bucket,Key,Size,…")
	}
	names := strings.Split(schema, ",")
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	if len(names) > maxColumns {
		return inventoryColumns{}, fmt.Errorf("%d columns, at most %d are allowed", len(names), maxColumns)
	}
	at := func(name string) int { return slices.Index(names, name) }
	c := inventoryColumns{count: len(names), bucket: at("Bucket"), key: at("Key"), latest: at("IsLatest"), deleteMarker: at("IsDeleteMarker"),
		size: at("Size"), modified: at("LastModifiedDate"), etag: at("ETag"), algorithm: at("ChecksumAlgorithm")}
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return c, fmt.Errorf("column %q is there twice", name)
		}
	}
	if c.key < 0 {
		return c, errors.New("the columns have no Key")
	}
	return c, nil
}

// maxLine bounds a line: a key of 1,024 bytes is three times as long when
// it is URL-encoded, and the other fields are short, but for an access list.
const maxLine = 64 << 10

// readCSV calls f for every line. The file may be compressed by gzip,
// whatever its name.
func readCSV(in io.Reader, columns inventoryColumns, f func(bucket string, o target.Listed) error) error {
	plain := bufio.NewReaderSize(in, 64<<10)
	source := io.Reader(plain)
	if head, _ := plain.Peek(2); string(head) == "\x1f\x8b" {
		unpacked, err := gzip.NewReader(plain)
		if err != nil {
			return err
		}
		source = unpacked
	}
	budget := &budgetReader{in: source}
	r := csv.NewReader(budget)
	r.FieldsPerRecord, r.ReuseRecord = columns.count, true
	for {
		budget.left = maxLine
		record, err := r.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		o, err := columns.listed(record)
		if err != nil {
			line, _ := r.FieldPos(0)
			return fmt.Errorf("line %d: %w", line, err)
		}
		if err := f(columns.text(record, columns.bucket), o); err != nil {
			return err
		}
	}
}

// budgetReader fails when one record takes more than what is left: a reader of CSV
// would gather a quoted field without an end in memory.
type budgetReader struct {
	in   io.Reader
	left int
}

func (b *budgetReader) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("a line of over %d bytes", maxLine)
	}
	n, err := b.in.Read(p)
	b.left -= n
	return n, err
}

func (c inventoryColumns) text(record []string, at int) string {
	if at < 0 {
		return ""
	}
	return record[at]
}

// listed takes one line apart. Keys are URL-encoded, a space being "+" or "%20".
func (c inventoryColumns) listed(record []string) (o target.Listed, err error) {
	if o.Key, err = url.QueryUnescape(record[c.key]); err != nil {
		return o, fmt.Errorf("key: %w", err)
	}
	o.Key = strings.Clone(o.Key) // the record is used again
	o.ETag, o.Algorithm = c.text(record, c.etag), c.text(record, c.algorithm)
	o.Size = -1
	if text := c.text(record, c.size); text != "" {
		if o.Size, err = strconv.ParseInt(text, 10, 64); err != nil || o.Size < 0 {
			return o, fmt.Errorf("size %q", text)
		}
	}
	if text := c.text(record, c.modified); text != "" {
		if o.Modified, err = time.Parse(time.RFC3339, text); err != nil {
			return o, fmt.Errorf("last modified: %w", err)
		}
	}
	if o.DeleteMarker, err = parseFlag(c.text(record, c.deleteMarker)); err != nil {
		return o, err
	}
	if text := c.text(record, c.latest); text != "" {
		latest, err := parseFlag(text)
		if err != nil {
			return o, err
		}
		o.Latest = latestOf(latest)
	}
	return o, nil
}

func latestOf(yes bool) target.Latest {
	if yes {
		return target.LatestYes
	}
	return target.LatestNo
}

func parseFlag(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true":
		return true, nil
	case "false", "":
		return false, nil
	}
	return false, fmt.Errorf("%q is not true or false", text)
}
