package disks

import (
	"slices"

	"github.com/sledge-io/sledge/internal/fsck/disk"
	"github.com/sledge-io/sledge/internal/fsck/findings"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// shardCopy is one file of a shard: normally there is one, on the disk of its
// bay; it may lie elsewhere, and a duplicated disk has a second.
type shardCopy struct {
	d *disk.Seen
	f *disk.File
}

// openShards finds the shard files of a pack: on the bay that the signed map
// says, else on whatever disk has the name.
func (v *Check) openShards(p *wire.PackEntry, quiet bool) [][]shardCopy {
	all := make([][]shardCopy, p.Geometry.Shards())
	for j := range all {
		all[j] = v.openCopies(int(p.Bays[j]), disk.ShardName(p, j))
		if !quiet {
			v.nameShard(p, j, all[j])
		}
	}
	if !quiet {
		v.seeTogether(p, all)
	}
	return all
}

func (v *Check) seeTogether(p *wire.PackEntry, all [][]shardCopy) {
	disks := make([]*disk.Seen, len(all))
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
func (v *Check) openCopies(bay int, name string) (copies []shardCopy) {
	for _, atHome := range []bool{true, false} {
		for _, d := range v.use {
			if (d.Bay == bay) != atHome {
				continue
			}
			if f, err := disk.OpenFile(d.Fsys, name); err == nil {
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
func (v *Check) otherCopies(name string, known []shardCopy) (more []shardCopy) {
	for _, d := range v.use {
		if slices.ContainsFunc(known, func(c shardCopy) bool { return c.d == d }) {
			continue
		}
		if f, err := disk.OpenFile(d.Fsys, name); err == nil {
			more = append(more, shardCopy{d, f})
		}
	}
	return more
}

func (v *Check) nameShard(p *wire.PackEntry, j int, copies []shardCopy) {
	at := findings.InShard(p, j)
	if len(copies) == 0 {
		switch {
		case p.NotWritten>>j&1 == 1:
			v.f.Add(findings.Repairable, "shard-degraded", at, findings.HintRebuild, "was not written, as the log says")
		case !v.missing[p.Bays[j]]:
			v.f.Add(findings.Repairable, "shard-missing", at, findings.HintRebuild, "no disk has the file")
		}
		return
	}
	for _, c := range copies {
		if c.d.Bay != int(p.Bays[j]) {
			v.f.Add(findings.Note, "shard-elsewhere", at.On(c.d), "", "lies on the disk of bay %d", c.d.Bay)
		}
		if want := p.Geometry.ShardLen(); c.f.Size < want {
			v.f.Add(findings.Repairable, "shard-length", at.On(c.d), findings.HintRebuild, "cut short: %d bytes, not %d", c.f.Size, want)
		} else if c.f.Size > want {
			v.f.Add(findings.Repairable, "shard-length", at.On(c.d), findings.HintRebuild, "too long: %d bytes, not %d", c.f.Size, want)
		}
	}
}
