package importreport

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/sledge-io/sledge/internal/terminal"
)

// csvHeader are the columns: one line an entry, of every device.
var csvHeader = []string{"status", "key", "version", "size", "etag", "checksum", "proof", "verified", "code", "detail", "path", "device", "run", "remark", "remark_detail"}

// CSV writes entries as RFC 4180 says, for programs and for spreadsheets. A cell
// never becomes a formula, moves the cursor or turns the text around, and its exact
// content can still be had from it (see terminal.Cell).
type CSV struct {
	w *csv.Writer
}

// NewCSV begins a table.
func NewCSV(w io.Writer) (*CSV, error) {
	c := &CSV{csv.NewWriter(w)}
	c.w.UseCRLF = true
	return c, c.w.Write(csvHeader)
}

// Write adds one entry of d.
func (c *CSV) Write(d *Device, e *Entry) error {
	size, checksum, verified := "", "", ""
	if e.Size != nil {
		size = strconv.FormatInt(*e.Size, 10)
	}
	if e.SHA256 != "" {
		checksum = "sha256:" + e.SHA256
	}
	if !e.Verified.IsZero() {
		verified = e.Verified.UTC().Format(time.RFC3339)
	}
	row := []string{string(e.Outcome), e.Key, e.VersionID, size, strings.Trim(e.ETag, `"`), checksum, string(e.Proof), verified,
		string(e.Error), e.Detail, e.Path, d.Device.String(), d.Run, e.Remark, e.RemarkDetail}
	for i, s := range row {
		row[i] = terminal.Cell(s)
	}
	return c.w.Write(row)
}

// Flush writes what is buffered.
func (c *CSV) Flush() error {
	c.w.Flush()
	return c.w.Error()
}
