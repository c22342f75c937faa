package audit

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/terminal"
)

// differenceLine is one finding in the file of --differences.
type differenceLine struct {
	Kind     DifferenceKind `json:"kind"`
	By       string         `json:"by"`
	Receipts string         `json:"receipts,omitempty"` // folder; an extra object has none
	Key      string         `json:"key"`
	KeyBytes []byte         `json:"key_base64,omitempty"` // of a key that is not UTF-8, which JSON cannot hold
	Code     target.Code    `json:"code"`
	Cause    string         `json:"cause,omitempty"`
}

// differenceFile takes every finding, of which the report has the first ones only.
// nil takes none.
type differenceFile struct {
	out   io.Writer
	table *csv.Writer // nil: JSON lines
	err   error       // the first
}

// newDifferenceFile writes to w what is going to be the file of that name.
func newDifferenceFile(w io.Writer, name string) *differenceFile {
	d := &differenceFile{out: w}
	if strings.HasSuffix(strings.ToLower(name), ".csv") {
		d.table = csv.NewWriter(w)
		d.err = d.table.Write([]string{"kind", "by", "receipts", "key", "code", "cause"})
	}
	return d
}

func (d *differenceFile) add(l differenceLine) {
	if d == nil || d.err != nil {
		return
	}
	if d.table != nil {
		// Whoever writes below the prefix chooses the keys, and the store its texts.
		row := []string{string(l.Kind), l.By, l.Receipts, l.Key, string(l.Code), l.Cause}
		for i, s := range row {
			row[i] = terminal.Cell(s)
		}
		d.err = d.table.Write(row)
		return
	}
	if !utf8.ValidString(l.Key) {
		l.KeyBytes = []byte(l.Key)
	}
	text, err := json.Marshal(l)
	if err == nil {
		_, err = d.out.Write(append(terminal.PlainJSON(text), '\n'))
	}
	d.err = err
}

// flush tells whether everything has been written.
func (d *differenceFile) flush() error {
	if d.table != nil {
		d.table.Flush()
		d.err = errors.Join(d.err, d.table.Error())
	}
	return d.err
}
