package importreport

import (
	"errors"
	"io/fs"

	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/manifest"
)

const maxMark = 4 << 10

// Canceled is the mark of a run that was given up, from the run's folder or one of its
// receipts; nil where it was not. run is the run's id, or how its receipts name it. A mark that names
// another one says nothing; where the run is not known ("") each counts. A status that cannot be read says nothing: it is not synced,
// the mark is.
func Canceled(folder fs.FS, run string) (*receipt.CancelMark, error) {
	status, err := readStatus(folder)
	if err != nil {
		status = nil
	}
	return canceled(folder, status, run)
}

// canceled takes the word of a status, too: a run that an older version has canceled has no
// mark.
func canceled(folder fs.FS, status *status.Status, run string) (*receipt.CancelMark, error) {
	if run == "" && status != nil {
		run = status.Run
	}
	mark, err := readMark(folder)
	if mark != nil && !mark.OfReceipts(run) {
		mark = nil
	}
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
	mark := receipt.ReadCancelMark(text)
	return &mark, nil
}

// RunOf is the run that a folder of receipts names, "" where that cannot be read. It does not
// look at the signature.
func RunOf(receipts fs.FS) string {
	env, err := readFile(receipts, totalName, manifest.MaxStatement)
	if err != nil {
		return ""
	}
	var total receipt.Total
	if _, _, err := manifest.PeekStatement(env, manifest.PredicateReceipt, &total); err != nil {
		return ""
	}
	return total.Run
}
