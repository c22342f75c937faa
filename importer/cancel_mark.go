package importer

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/durable"
)

// markCanceled writes the marks that are not there yet: the receipts first.
func (r *run) markCanceled(by Lease) error {
	if err := r.markReceipts(by); err != nil {
		return err
	}
	return r.markFolders(by, r.base)
}

// markReceipts writes those of the receipts.
func (r *run) markReceipts(by Lease) error {
	base := r.base
	if base == "" {
		base = "."
	}
	entries, err := r.opts.StateDir.ReadDir(base)
	if err != nil {
		return stateError(err)
	}
	folders := []string{}
	for _, e := range entries {
		if e.IsDir() && (e.Name() == receiptsFolder || strings.HasPrefix(e.Name(), receiptsFolder+"-")) {
			folders = append(folders, path.Join(r.base, e.Name()))
		}
	}
	return r.markFolders(by, folders...)
}

func (r *run) markFolders(by Lease, folders ...string) error {
	text, err := json.Marshal(receipt.CancelMark{Version: receipt.CancelVersion, Run: r.opts.RunID, At: by.At, Host: by.Host, PID: by.PID})
	if err != nil {
		return err
	}
	for _, folder := range folders {
		name := path.Join(folder, receipt.CancelName)
		_, err := r.opts.StateDir.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			err = durable.WriteFile(r.opts.StateDir, name, append(text, '\n'))
		}
		if err != nil {
			return stateError(err)
		}
	}
	return nil
}

// refuseCanceled refuses to go on with a run that was given up, here or on another host,
// once the state folder says so, too.
func (r *run) refuseCanceled(cause string, by Lease) error {
	if err := r.markCanceled(by); err != nil {
		return err
	}
	return target.NewError(target.CodeCanceled, "", cause, nil)
}
