package importer

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/durable"
)

// CancelName is the file that marks a run as given up: in the run's folder, and in each
// folder of its receipts, so that receipts which are copied away take it along. It is
// durable before anything is deleted, and nothing removes it.
const CancelName = "cancel.json"

// CancelMark is its content. It is not signed: a reader only becomes more careful by it,
// and takes one that cannot be parsed for a mark, too.
type CancelMark struct {
	Version int       `json:"version"`
	Run     string    `json:"run"`
	At      time.Time `json:"at"`
	Host    string    `json:"host,omitempty"` // that canceled it
	PID     int       `json:"pid,omitempty"`
}

// CancelVersion is that of the file.
const CancelVersion = 1

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
	text, err := json.Marshal(CancelMark{CancelVersion, r.opts.RunID, by.At, by.Host, by.PID})
	if err != nil {
		return err
	}
	for _, folder := range folders {
		name := path.Join(folder, CancelName)
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
