package importer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/internal/extsort"
	"github.com/sledge-io/sledge/internal/vfs"
)

// checkKeys is the source with the collisions of its keys. The journal keeps what was found;
// without one it is kept aside.
func (r *run) checkKeys(ctx context.Context, j *journal) (*plan.Checked, error) {
	var kept plan.Found
	if j != nil {
		kept = keptClashes{j}
	}
	l, err := plan.Check(ctx, r.source, r.planner, r.opts.spillFolder, kept)
	if err != nil {
		return l, err
	}
	for _, path := range l.Unmet() {
		r.opts.Log.Log(ctx, request.LevelNotice, fmt.Sprintf("the rules name %q, and nothing of this device becomes an object by that path", path))
	}
	return l, nil
}

// spillFolder is where keys are sorted: in the state folder, without what a crash
// left there, or in a temporary folder.
func (o Options) spillFolder() (extsort.Config, func() error, error) {
	const folder, memory = "spill", 24 << 20
	if o.StateDir != nil {
		left, err := o.StateDir.ReadDir(folder)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return extsort.Config{}, nil, stateError(err)
		}
		for _, file := range left {
			if err := o.StateDir.Remove(folder + "/" + file.Name()); err != nil {
				return extsort.Config{}, nil, stateError(err)
			}
		}
		return extsort.Config{FS: o.StateDir, Dir: folder, Memory: memory}, func() error { return nil }, nil
	}
	temp, err := os.MkdirTemp("", "sledge-")
	if err != nil {
		return extsort.Config{}, nil, err
	}
	disk, err := vfs.OS(temp)
	if err != nil {
		return extsort.Config{}, nil, errors.Join(err, os.RemoveAll(temp))
	}
	return extsort.Config{FS: disk, Dir: folder, Memory: memory}, func() error { return errors.Join(vfs.Close(disk), os.RemoveAll(temp)) }, nil
}

// keptClashes are collisions in the journal.
type keptClashes struct{ journal *journal }

// clashing is the journal's word that all clashes are in it.
type clashing struct {
	Named bool `json:"named"`
}

// keptClash is a clash in the journal.
type keptClash struct {
	Kind  entry.ClashKind `json:"k"`
	Page  uint64          `json:"p"`
	Index int             `json:"i"`
}

func (k keptClashes) Known() (all, some bool, err error) {
	var c clashing
	all, err = k.journal.load(clashesKey, &c)
	return all, c.Named, err
}

func (k keptClashes) Keep(at entry.Place, c entry.Clash) error {
	return k.journal.store(journalKey('c', uint64(at)), keptClash{c.Kind, c.Page, c.Index}, false)
}

func (k keptClashes) All(some bool) error { return k.journal.store(clashesKey, clashing{some}, true) }

func (k keptClashes) From(page uint64) (plan.Clashes, error) {
	return keptRows{k.journal.cursor('c', uint64(entry.PlaceOf(page, 0)))}, nil
}

type keptRows struct{ rows *cursor }

func (k keptRows) Of(at entry.Place) (entry.Clash, error) {
	var c keptClash
	_, err := k.rows.load(at, &c)
	return entry.Clash{Kind: c.Kind, Page: c.Page, Index: c.Index}, err
}

func (k keptRows) Close() error { return nil }
