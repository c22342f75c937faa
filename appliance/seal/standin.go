package seal

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/words"
	"github.com/sledge-io/sledge/manifest"
)

// A pack that lacks more shards than there is parity for is dead if no entry of the
// manifest has content in it: everything was loaded again. The log leaves no pack
// number out, and names no pack that nobody can read. So the seal writes a stand-in
// under the dead pack's number: a new pack, under an id of its own, of a few zeros.

// standInSize is how many zeros a stand-in holds.
const standInSize = 16

// uses notes the packs that hold content of an entry.
func (w *indexWriter) uses(r *manifest.Record) {
	if w.used == nil {
		w.used = make([]bool, w.d.open.Committed().Packs)
	}
	for _, e := range r.Extents {
		if !e.Hole && e.Pack < uint64(len(w.used)) && !w.used[e.Pack] {
			w.used[e.Pack] = true
		}
	}
}

// needed is the ErrLost of packs that are known to be lost and hold content of entries.
func (w *indexWriter) needed() error {
	lost := slices.DeleteFunc(w.d.open.LostPacks(), func(n uint64) bool { return n >= uint64(len(w.used)) || !w.used[n] })
	if len(lost) > 0 {
		return notSealable(len(lost), lost[0])
	}
	return nil
}

// sealable is the pack as the log can name it: itself, or a stand-in if it is dead.
func (w *indexWriter) sealable(p *manifest.Pack) (*manifest.Pack, error) {
	err := w.d.stillLost(p)
	if err != nil && !errors.Is(err, disk.ErrLost) {
		return nil, err
	}
	if err == nil && len(p.Lost) <= p.Geometry.M {
		return p, nil
	}
	if p.Number < uint64(len(w.used)) && w.used[p.Number] {
		return nil, errors.Join(notSealable(1, p.Number), err)
	}
	s, err := w.d.open.EmptyPack(standInSize)
	if err != nil {
		return nil, err
	}
	w.d.cfg.Log.Info("a pack that is lost, and that no entry needs, is replaced", "pack", p.Number)
	s.Number = p.Number
	w.standIns = append(w.standIns, s)
	w.standInBytes += s.BodySize - p.BodySize
	return s, nil
}

// notSealable is the ErrLost of packs whose content no disks give any more: no log can
// name them, however the seal is asked for.
func notSealable(packs int, first uint64) error {
	return fmt.Errorf("%w: cannot be sealed with these disks: %s, first pack %d: more shards are lacking than there is parity for, and entries have content there: load their source again",
		disk.ErrLost, words.Count(packs, "pack", "packs"), first)
}
