package importer

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	pages "github.com/sledge-io/sledge/importer/journal"
	"github.com/sledge-io/sledge/importer/lease"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

// DefaultTakeOverWait is long enough for a process that is alive to see the lease
// and to finish most requests, and for a shared folder to show it the lease.
const DefaultTakeOverWait = 30 * time.Second

const (
	takenFolder = "taken" // copies of the state, each by the number of its lease
	takeLook    = 100 * time.Millisecond
)

func takenName(number uint64) string { return fmt.Sprintf("%s/%08d", takenFolder, number) }

// TakeOver opens a state folder that another process may hold.
//
//  1. the next lease: from now on the other process, once it looks, ends by itself
//     (CodeTakenOver), writes no journal and signs no receipt
//  2. wait for it to give up its lock; then the folder is ours as it is
//  3. if it does not, for it is frozen or its host hangs: a copy of the state in
//     taken/NUMBER, with a lock of its own; it is the state folder for all later starts
//
// A crash before 3 is done leaves the state where it was, and a draft that the next
// takeover removes. Cancelling ctx ends the wait; the lease stays ours.
func TakeOver(ctx context.Context, folder string, wait time.Duration) (*Folder, error) {
	top, err := vfs.OS(folder)
	if err != nil {
		return nil, stateFolderError(err)
	}
	if err := refuseOldKind(top); err != nil { // before its process sees that it was replaced
		return nil, errors.Join(err, vfs.Close(top))
	}
	mine, err := lease.TakeFolder(top)
	if err != nil {
		return nil, errors.Join(stateFolderError(err), vfs.Close(top))
	}
	defer vfs.Close(top) // the folder that is returned has its own
	f, err := waitForLock(ctx, folder, wait)
	if target.HasCode(err, target.CodeStateLocked) {
		f, err = copyAway(ctx, top, folder, mine)
	}
	if err != nil {
		return nil, stateFolderError(err)
	}
	f.lease = mine.In(f.top)
	if err = f.lease.Near(folder); err == nil {
		err = f.still()
	}
	if err != nil {
		return nil, errors.Join(stateFolderError(err), f.Close())
	}
	return f, nil
}

// refuseOldKind refuses a state with a journal that this software does not read.
func refuseOldKind(top vfs.FS) error {
	taken, err := lease.Highest(top, takenFolder)
	if err != nil {
		return stateFolderError(err)
	}
	bases, err := stateBases(top, takenBase(taken))
	for _, base := range bases {
		err = errors.Join(err, pages.RefuseOld(top, path.Join(base, journalFolder)))
	}
	return journalError(err)
}

// waitForLock opens the folder once its holder lets go of it.
func waitForLock(ctx context.Context, folder string, wait time.Duration) (*Folder, error) {
	for end := time.Now().Add(wait); ; {
		f, err := openState(folder)
		if !target.HasCode(err, target.CodeStateLocked) || time.Now().After(end) {
			return f, err
		}
		if err := pause(ctx, takeLook); err != nil {
			return nil, err
		}
	}
}

// pause waits for d, or the end of ctx, whose error it returns.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// copyAway copies the state to a folder of its own and opens that.
func copyAway(ctx context.Context, top vfs.FS, folder string, mine *lease.Hold) (*Folder, error) {
	from, err := lease.Highest(top, takenFolder)
	if err != nil {
		return nil, err
	}
	if err := sweepDrafts(top, mine.Number()); err != nil {
		return nil, err
	}
	draft := takenName(mine.Number()) + durable.TempSuffix
	if err := copyState(ctx, top, takenBase(from), draft); err != nil {
		return nil, err
	}
	// Locked before it has its name, so that no plain start finds it free.
	lock, err := lockState(top, draft)
	if err != nil {
		return nil, err
	}
	f := &Folder{path: home(folder, mine.Number()), lock: lock, taken: mine.Number()}
	if err = journalError(mine.Held()); err == nil {
		err = durable.Rename(top, draft, takenName(mine.Number()))
	}
	if err == nil {
		f.top, err = vfs.OS(folder)
	}
	if err == nil {
		f.FS, err = vfs.OS(f.path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// takenBase is a copy's folder, or "" for the state folder itself.
func takenBase(number uint64) string {
	if number == 0 {
		return ""
	}
	return takenName(number)
}

// sweepDrafts removes copies that takeovers before ours have not finished: they are
// not the holders any more.
func sweepDrafts(top vfs.FS, ours uint64) error {
	if err := durable.MkdirAll(top, takenFolder); err != nil {
		return err
	}
	entries, err := top.ReadDir(takenFolder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		text, draft := strings.CutSuffix(e.Name(), durable.TempSuffix)
		if n, ok := lease.Number(text); draft && ok && n < ours {
			if err := durable.RemoveAll(top, takenFolder+"/"+e.Name(), vfs.MaxDirEntries); err != nil {
				return err
			}
		}
	}
	return nil
}
