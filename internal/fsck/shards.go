package fsck

import (
	"slices"

	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// shardCopy is one file of a shard: normally there is one, on the disk of its
// bay; it may lie elsewhere, and a duplicated disk has a second.
type shardCopy struct {
	d *disk
	f *file
}

// openShards finds the shard files of a pack: on the bay that the signed map
// says, else on whatever disk has the name.
func (v *verifier) openShards(p *wire.PackEntry, quiet bool) [][]shardCopy {
	all := make([][]shardCopy, p.Geometry.Shards())
	for j := range all {
		all[j] = v.openCopies(int(p.Bays[j]), shardName(p, j))
		if !quiet {
			v.nameShard(p, j, all[j])
		}
	}
	if !quiet {
		v.seeTogether(p, all)
	}
	return all
}

func (v *verifier) seeTogether(p *wire.PackEntry, all [][]shardCopy) {
	disks := make([]*disk, len(all))
	for j, copies := range all {
		if len(copies) > 0 {
			disks[j] = copies[0].d
		}
	}
	v.together.see(p, "shards", disks)
}

func closeShards(all [][]shardCopy) {
	for _, copies := range all {
		for _, c := range copies {
			c.f.Close()
		}
	}
}

// Copies opens a name on the disks of a bay, or else on the others.
func (v *verifier) openCopies(bay int, name string) (copies []shardCopy) {
	for _, atHome := range []bool{true, false} {
		for _, d := range v.use {
			if (d.bay == bay) != atHome {
				continue
			}
			if f, err := openFile(d.fsys, name); err == nil {
				copies = append(copies, shardCopy{d, f})
			}
		}
		if len(copies) > 0 {
			return copies
		}
	}
	return nil
}

// otherCopies opens a name on every disk that has not been asked for it.
func (v *verifier) otherCopies(name string, known []shardCopy) (more []shardCopy) {
	for _, d := range v.use {
		if slices.ContainsFunc(known, func(c shardCopy) bool { return c.d == d }) {
			continue
		}
		if f, err := openFile(d.fsys, name); err == nil {
			more = append(more, shardCopy{d, f})
		}
	}
	return more
}

func (v *verifier) nameShard(p *wire.PackEntry, j int, copies []shardCopy) {
	at := inShard(p, j)
	if len(copies) == 0 {
		switch {
		case p.NotWritten>>j&1 == 1:
			v.f.add(Repairable, "shard-degraded", at, hintRebuild, "was not written, as the log says")
		case !v.missing[p.Bays[j]]:
			v.f.add(Repairable, "shard-missing", at, hintRebuild, "no disk has the file")
		}
		return
	}
	for _, c := range copies {
		if c.d.bay != int(p.Bays[j]) {
			v.f.add(Note, "shard-elsewhere", at.on(c.d), "", "lies on the disk of bay %d", c.d.bay)
		}
		if want := p.Geometry.ShardLen(); c.f.size < want {
			v.f.add(Repairable, "shard-length", at.on(c.d), hintRebuild, "cut short: %d bytes, not %d", c.f.size, want)
		} else if c.f.size > want {
			v.f.add(Repairable, "shard-length", at.on(c.d), hintRebuild, "too long: %d bytes, not %d", c.f.size, want)
		}
	}
}
