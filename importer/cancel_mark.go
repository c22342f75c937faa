package importer

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/sledge-io/sledge/importer/lease"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

// maxMark bounds what is read of a mark.
const maxMark = 4 << 10

// markCanceled writes the marks that are not there yet: that of the run's folder first.
func (r *run) markCanceled(by lease.Holder) error {
	if err := r.markFolders(by, r.base); err != nil {
		return err
	}
	return r.markReceipts(by)
}

// isCanceled reports whether the run was given up: by the mark in its folder, or by the journal,
// which is all that older software looked at.
func (r *run) isCanceled() (bool, error) {
	err := r.givenUp()
	if r.header.Canceled || target.HasCode(err, target.CodeCanceled) {
		return true, nil
	}
	return false, err
}

// markLease takes the lease that says in the target that the run is given up. Nobody else can have
// taken that number; what the run keeps under its lease moves along.
func (r *run) markLease(ctx context.Context) error {
	m := r.mirror
	if m == nil || m.canceled {
		return nil
	}
	was := m.number.Load()
	err := m.claim(ctx, was+1, true)
	switch {
	case target.HasCode(err, target.CodeKeyExists):
		return target.NewError(target.CodeTakenOver, "", "another host has taken the run over in the target", err)
	case err != nil:
		return err
	}
	r.header.Lease, r.header.Attempt = m.number.Load(), int(m.number.Load())
	return r.loadUploads(ctx, was)
}

// elsewhere is the folder of a run in the state folder: "" is that itself, unless another run has
// begun there, or was canceled. A cancel that was killed has left its mark, and no more; so has
// the start of a run that another host has canceled.
func (r *run) elsewhere() (base string, err error) {
	if base, err = r.journal.elsewhere(r.recorded()); err != nil || base != "" {
		return base, err
	}
	var was header
	ok, err := r.journal.load(headerKey, &was)
	if err == nil && !ok {
		mark, err := r.markIn("")
		if err != nil || mark == nil || mark.Of(r.opts.RunID) {
			return "", err
		}
		return RunsFolder + "/" + r.opts.RunID, nil
	}
	if err != nil || was.Options.RunID == r.opts.RunID {
		return "", err
	}
	other := &run{opts: Options{StateDir: r.opts.StateDir, RunID: was.Options.RunID}}
	switch err := other.givenUp(); {
	case target.HasCode(err, target.CodeCanceled):
		return RunsFolder + "/" + r.opts.RunID, nil
	default:
		return "", err
	}
}

// markReceipts writes those of the receipts.
func (r *run) markReceipts(by lease.Holder) error {
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

// markIn reads the mark in a folder; nil is none.
func (r *run) markIn(folder string) (*receipt.CancelMark, error) {
	text, err := vfs.ReadFile(r.opts.StateDir, path.Join(folder, receipt.CancelName), maxMark)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, stateError(err)
	}
	mark := receipt.ReadCancelMark(text)
	return &mark, nil
}

func (r *run) markFolders(by lease.Holder, folders ...string) error {
	text, err := json.Marshal(receipt.CancelMark{Version: receipt.CancelVersion, Run: r.opts.RunID, At: by.At, Host: by.Host, PID: by.PID})
	if err != nil {
		return err
	}
	for _, folder := range folders {
		name := path.Join(folder, receipt.CancelName)
		mark, err := r.markIn(folder)
		switch {
		case err == nil && (mark == nil || !mark.Of(r.opts.RunID)): // a foreign one is of a run that never began here
			err = durable.WriteFile(r.opts.StateDir, name, append(text, '\n'))
		case err == nil: // whoever wrote it may have failed right after
			err = r.opts.StateDir.SyncDir(path.Dir(name))
		}
		if err != nil {
			return stateError(err)
		}
	}
	return nil
}

// refuseCanceled refuses to go on with a run that was given up, here or on another host,
// once the state folder says so, too.
func (r *run) refuseCanceled(cause string, by lease.Holder) error {
	if err := r.markCanceled(by); err != nil {
		return err
	}
	return target.NewError(target.CodeCanceled, "", cause, nil)
}
