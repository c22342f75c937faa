package importreport

import (
	"encoding/json"
	"errors"
	"io/fs"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/request"
)

const maxMark = 4 << 10

// Canceled is the mark of a run that was given up, from the run's folder or one of its
// receipts; nil where it was not. A status that cannot be read says nothing: it is not synced,
// the mark is.
func Canceled(folder fs.FS) (*receipt.CancelMark, error) {
	status, err := readStatus(folder)
	if err != nil {
		status = nil
	}
	return canceled(folder, status)
}

// canceled takes the word of a status, too: a run that an older version has canceled has no
// mark.
func canceled(folder fs.FS, status *importer.Status) (*receipt.CancelMark, error) {
	mark, err := readMark(folder)
	if mark == nil && err == nil && status != nil && status.State == request.StateCanceled {
		mark = &receipt.CancelMark{Run: status.Run, At: status.Updated, Host: status.Host, PID: status.PID}
	}
	return mark, err
}

// Mark reads a mark. One that cannot be parsed is a mark all the same.
func readMark(folder fs.FS) (*receipt.CancelMark, error) {
	text, err := readFile(folder, receipt.CancelName, maxMark)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var mark receipt.CancelMark
	if json.Unmarshal(text, &mark) != nil {
		mark = receipt.CancelMark{}
	}
	return &mark, nil
}
