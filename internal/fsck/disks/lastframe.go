package disks

import (
	"context"
	"slices"

	"github.com/sledge-io/sledge/internal/fsck/findings"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// lastFrame is the last whole frame of a journal file. A crash came between its copies if
// they are too few, and what a device makes of it then decides here, too (format.md 9).
type lastFrame struct {
	at     int64
	pack   *wire.PackEntry // nil: the frame is of none
	copies int             // bays whose disks hold it whole
	unread int             // copies that cannot be read, and may hold it
}

// look reads a file for its place, its first pack and its last frame.
func (f *journalFile) look(ctx context.Context, v *Check) error {
	c := v.openJournal(f.name)
	defer c.close()
	if f.headless = !c.readHeader(); f.headless {
		return nil
	}
	f.ordinal = c.header.ordinal
	return c.walk(func(fr journalFrame) error {
		f.last = lastFrame{at: fr.at, copies: fr.copies, unread: fr.unread}
		if len(fr.clear) > 0 {
			f.last.pack, _ = v.committed(fr.clear) // what is wrong with it the walk says
		}
		if f.first == nil {
			f.first = f.last.pack
		}
		return ctx.Err()
	})
}

// decide tells whether a file's last frame counts, by the files behind it or by its pack.
func (j *journalWalk) decide(ctx context.Context, f *journalFile, later []*journalFile) error {
	v, l := j.v, f.last
	if l.pack == nil || l.copies > v.job.M {
		return nil
	}
	if i := slices.IndexFunc(later, func(o *journalFile) bool { return o.first != nil }); i >= 0 {
		if next := later[i].first.Number; next <= l.pack.Number {
			f.uncounted = true
			v.f.Add(findings.Note, "frame-not-counted", findings.Nowhere(), "", "journal/%s: the frame at byte %d, of pack %d, was never acknowledged: a later file goes on with pack %d", f.name, l.at, l.pack.Number, next)
		}
		return nil
	}
	whole, err := v.packWhole(ctx, l.pack)
	if whole || err != nil {
		return err
	}
	if away := v.awayBays(); l.copies+l.unread+away > v.job.M {
		v.f.Add(findings.Lost, "journal-undecided", findings.InPack(l.pack), "connect the missing disks",
			"journal/%s: it is in the last frame, on %d of the disks at hand: whether it was acknowledged cannot be told without the others", f.name, l.copies)
		return nil
	}
	f.uncounted = true
	v.f.Add(findings.Warning, "frame-not-counted", findings.Nowhere(), "", "journal/%s: the frame at byte %d, of pack %d, was never acknowledged: %d disks have it, and none has enough of the pack", f.name, l.at, l.pack.Number, l.copies)
	return nil
}

// packWhole reads a pack: can every byte of it be restored?
func (v *Check) packWhole(ctx context.Context, p *wire.PackEntry) (bool, error) {
	v = v.aside()
	err := newWorker(v).scanPack(ctx, p, &oddShards{})
	return !slices.ContainsFunc(v.f.List, func(f *findings.Finding) bool { return f.Severity == findings.Lost }), err
}

// awayBays counts the bays whose disk is not here, or may lack journals: these may hold
// further copies of a frame.
func (v *Check) awayBays() int {
	here := map[int]bool{}
	for _, d := range v.use {
		if d.Bay >= 0 && !fileExists(d, "rebuilding") {
			here[d.Bay] = true
		}
	}
	return v.bays - len(here)
}
