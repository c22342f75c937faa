package importreport

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// csvHeader are the columns: one line an entry, of every device.
var csvHeader = []string{"status", "key", "version", "size", "etag", "checksum", "proof", "verified", "code", "detail", "path", "device", "run", "remark", "remark_detail"}

// CSV writes entries as RFC 4180 says, for programs and for spreadsheets. A cell
// never becomes a formula, moves the cursor or turns the text around, and its exact
// content can still be had from it (see cell).
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
		row[i] = Cell(s)
	}
	return c.w.Write(row)
}

// Flush writes what is buffered.
func (c *CSV) Flush() error {
	c.w.Flush()
	return c.w.Error()
}

// Cell makes a text harmless for a spreadsheet, in two steps that can be taken back:
//
//   - What holds a character that cannot be seen, a byte that is not UTF-8, or a
//     quote at its head, becomes a quoted string with Go's (and nearly C's) escapes.
//     So does what has a semicolon, which ends a cell where the comma is decimal.
//   - What then begins as a formula does, or with an apostrophe, gets an apostrophe
//     before it.
func Cell(s string) string {
	if needsQuotes(s) {
		s = strings.ReplaceAll(strconv.Quote(s), ";", `\x3b`)
	}
	if isFormula(s) || strings.HasPrefix(s, "'") {
		s = "'" + s
	}
	return s
}

func needsQuotes(s string) bool {
	hidden := func(r rune) bool { return !unicode.IsPrint(r) || r == ';' }
	return strings.HasPrefix(s, `"`) || !utf8.ValidString(s) || strings.IndexFunc(s, hidden) >= 0
}

// isFormula tells whether a spreadsheet would compute a text. Wide signs are what
// East Asian input methods write and some programs take for the narrow ones.
func isFormula(s string) bool {
	s = strings.TrimLeft(s, " ")
	r, _ := utf8.DecodeRuneInString(s)
	return s != "" && strings.ContainsRune("=+-@＝＋－＠", r)
}
