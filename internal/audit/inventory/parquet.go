package inventory

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/sledge-io/sledge/importer/target"
)

// Bounds of a Parquet file, checked before it is handed to the library. What is
// said inside of its pages the library has to bear.
const (
	maxParquetFooter = 32 << 20
	maxParquetChunk  = 1 << 30 // of one column in one row group, unpacked
	parquetBuffer    = 64 << 10
	parquetValues    = 256
)

// readParquet calls f for every row, reading the columns that count side
// by side, a page of each at a time. The library panics over some damage, which is
// an error here.
func readParquet(in *os.File, f func(bucket string, o target.Listed) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("not a Parquet file that can be read: %v", p)
		}
	}()
	file, err := openParquet(in)
	if err != nil {
		return err
	}
	rows := &parquetRows{}
	defer rows.close()
	if err := rows.open(file); err != nil {
		return err
	}
	for range file.NumRows() {
		row, err := rows.next()
		if err != nil {
			return err
		}
		if err := f(row.bucket, row.Listed); err != nil {
			return err
		}
	}
	return nil
}

// parquetCodecs are the compressions that are read: those of S3's inventories and of what
// people convert them with. Each other one is code that only a hostile file would run.
func parquetCodecs() []format.CompressionCodec {
	return []format.CompressionCodec{format.Uncompressed, format.Snappy, format.Gzip, format.Zstd}
}

func openParquet(in *os.File) (*parquet.File, error) {
	info, err := in.Stat()
	if err != nil {
		return nil, err
	}
	size := info.Size()
	var tail [8]byte
	if size < 12 {
		return nil, errors.New("not a Parquet file")
	}
	if _, err := in.ReadAt(tail[:], size-8); err != nil {
		return nil, err
	}
	if n := int64(binary.LittleEndian.Uint32(tail[:4])); n > size-12 || n > maxParquetFooter {
		return nil, fmt.Errorf("not a Parquet file that can be read: a footer of %d bytes", n)
	}
	file, err := parquet.OpenFile(in, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(parquetBuffer))
	if err != nil {
		return nil, err
	}
	for _, group := range file.Metadata().RowGroups {
		for _, c := range group.Columns {
			if n := c.MetaData.TotalUncompressedSize; n < 0 || n > maxParquetChunk {
				return nil, fmt.Errorf("a column of %d bytes in one row group, at most %d are allowed", n, maxParquetChunk)
			}
			if codec := c.MetaData.Codec; !slices.Contains(parquetCodecs(), codec) {
				return nil, fmt.Errorf("compressed with %v, which is not read; only %v are", codec, parquetCodecs())
			}
		}
	}
	return file, nil
}

// parquetRow is one row, as far as it counts.
type parquetRow struct {
	target.Listed
	bucket string
}

// parquetFields are the columns that count, by their names in the schema of S3's
// inventories. Keys are not URL-encoded in Parquet.
var parquetFields = []struct {
	name string
	kind parquet.Kind
	set  func(r *parquetRow, v parquet.Value, unit time.Duration)
}{
	{"bucket", parquet.ByteArray, func(r *parquetRow, v parquet.Value, _ time.Duration) { r.bucket = string(v.ByteArray()) }},
	{"key", parquet.ByteArray, func(r *parquetRow, v parquet.Value, _ time.Duration) { r.Key = string(v.ByteArray()) }},
	{"is_latest", parquet.Boolean, func(r *parquetRow, v parquet.Value, _ time.Duration) { r.Latest = latestOf(v.Boolean()) }},
	{"is_delete_marker", parquet.Boolean, func(r *parquetRow, v parquet.Value, _ time.Duration) { r.DeleteMarker = v.Boolean() }},
	{"size", parquet.Int64, func(r *parquetRow, v parquet.Value, _ time.Duration) { r.Size = max(-1, v.Int64()) }},
	{"last_modified_date", parquet.Int64, func(r *parquetRow, v parquet.Value, unit time.Duration) { r.Modified = timeOf(v.Int64(), unit) }},
	{"e_tag", parquet.ByteArray, func(r *parquetRow, v parquet.Value, _ time.Duration) { r.ETag = string(v.ByteArray()) }},
	{"checksum_algorithm", parquet.ByteArray, func(r *parquetRow, v parquet.Value, _ time.Duration) { r.Algorithm = string(v.ByteArray()) }},
}

// parquetRows reads the columns that a file has of them.
type parquetRows struct{ columns []*parquetColumn }

func (r *parquetRows) open(file *parquet.File) error {
	for i, field := range parquetFields {
		column := file.Root().Column(field.name)
		switch {
		case column == nil && field.name == "key":
			return errors.New("the columns have no key")
		case column == nil:
			continue
		case !column.Leaf() || column.Repeated() || column.Type().Kind() != field.kind:
			return fmt.Errorf("column %q is %v", field.name, column.Type())
		}
		r.columns = append(r.columns, &parquetColumn{field: i, pages: column.Pages(), values: make([]parquet.Value, parquetValues), unit: unitOf(column)})
	}
	return nil
}

func (r *parquetRows) close() {
	for _, c := range r.columns {
		c.close()
	}
}

func (r *parquetRows) next() (row parquetRow, err error) {
	row.Size = -1
	for _, c := range r.columns {
		v, err := c.next()
		if err != nil {
			return row, fmt.Errorf("column %q: %w", parquetFields[c.field].name, err)
		}
		if !v.IsNull() {
			parquetFields[c.field].set(&row, v, c.unit)
		}
	}
	return row, nil
}

// parquetColumn gives one column's values one by one.
type parquetColumn struct {
	field  int // of parquetFields
	pages  parquet.Pages
	page   parquet.Page
	reader parquet.ValueReader
	values []parquet.Value
	at, n  int
	unit   time.Duration
}

func (c *parquetColumn) next() (parquet.Value, error) {
	for empty := 0; c.at == c.n; empty++ {
		if empty > maxEmptyPages {
			return parquet.Value{}, errors.New("pages without values")
		}
		if err := c.fill(); err != nil {
			return parquet.Value{}, err
		}
	}
	v := c.values[c.at]
	c.at++
	return v, nil
}

// maxEmptyPages bounds how long a column may bring nothing.
const maxEmptyPages = 1 << 16

// fill reads the next values of the page, or the next page.
func (c *parquetColumn) fill() error {
	c.at, c.n = 0, 0
	if c.reader == nil {
		page, err := c.pages.ReadPage()
		if err != nil {
			if err == io.EOF {
				return io.ErrUnexpectedEOF // fewer values than the file says it has rows
			}
			return err
		}
		c.page, c.reader = page, page.Values()
	}
	n, err := c.reader.ReadValues(c.values)
	c.n = n
	if err == io.EOF {
		if n > 0 {
			return nil // the end comes again
		}
		parquet.Release(c.page)
		c.page, c.reader = nil, nil
		return nil
	}
	return err
}

func (c *parquetColumn) close() {
	if c.page != nil {
		parquet.Release(c.page)
	}
	c.pages.Close()
}

// unitOf is the unit of a column's times; S3 writes milliseconds.
func unitOf(column *parquet.Column) time.Duration {
	if logical := column.Type().LogicalType(); logical != nil {
		if stamp, ok := logical.Value.(*format.TimestampType); ok {
			switch stamp.Unit.Value.(type) {
			case *format.MicroSeconds:
				return time.Microsecond
			case *format.NanoSeconds:
				return time.Nanosecond
			}
		}
	}
	return time.Millisecond
}

func timeOf(v int64, unit time.Duration) time.Time {
	switch unit {
	case time.Nanosecond:
		return time.Unix(0, v).UTC()
	case time.Microsecond:
		return time.UnixMicro(v).UTC()
	}
	return time.UnixMilli(v).UTC()
}
