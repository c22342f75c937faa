package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/sledge-io/sledge/internal/terminal"
	"github.com/sledge-io/sledge/simulator"
)

// damage is what the carrier did, as far as it was chosen here.
type damage struct {
	lost      []string // disks
	rotten    string   // a disk, and how many of its blocks
	rot       int
	mixed     string // a disk with another pack's shard and a stale log
	worst     int    // bad blocks in the worst stripe
	badBlocks int    // in all
}

func (g *damage) summary() string {
	return fmt.Sprintf("%s rotted, one shard was another's, one log was stale (%s bad in all, up to %d in one stripe)",
		terminal.Plural(g.rot, "block"), terminal.Plural(g.badBlocks, "block"), g.worst)
}

// ship is the way to the data centre: two disks do not arrive, a third has bad
// blocks, on a fourth one shard is another pack's and the log is an old one.
func (d *demo) ship(context.Context) (told, error) {
	packs, err := simulator.Packs(d.disks)
	if err != nil {
		return told{}, err
	}
	if len(packs) < 2 {
		return told{}, fmt.Errorf("there is only %d pack: the source has no content", len(packs))
	}
	if d.damage, err = d.doDamage(packs); err != nil {
		return told{}, err
	}
	g := d.damage
	if g.worst, g.badBlocks = worstStripe(d.carrier.Done(), packs); g.worst > parityShards {
		return told{}, fmt.Errorf("mistake of the demonstration: %d bad blocks in one stripe", g.worst)
	}
	d.report.DisksLost = len(g.lost)
	return sayf("lost %s and %s; %s rotted on %s; on %s a shard of another pack and the log as it was during load",
		g.lost[0], g.lost[1], terminal.Plural(g.rot, "block"), g.rotten, g.mixed), nil
}

const (
	rotPacks  = 4
	rotBlocks = 3 // of each
)

func (d *demo) doDamage(packs []simulator.Pack) (*damage, error) {
	c := &d.carrier
	stale := d.stale[c.Pick(len(d.stale), 1)[0]]
	others := slices.DeleteFunc(slices.Clone(d.disks), func(x *simulator.Disk) bool { return x == stale.disk })
	three := c.Pick(len(others), 3)
	rotten := others[three[1]]
	g := &damage{rotten: rotten.Name, mixed: stale.disk.Name}

	for _, s := range stale.folders {
		if _, err := c.Restore(s); err != nil {
			return nil, err
		}
	}
	to, from := replacement(packs, stale.disk.Name)
	if _, err := c.ReplaceFile(stale.disk, to.Shards[stale.disk.Name].File, from.Shards[stale.disk.Name].File); err != nil {
		return nil, err
	}
	rest := slices.DeleteFunc(slices.Clone(packs), func(p simulator.Pack) bool { return p.ID == to.ID })
	for _, i := range c.Pick(len(rest), rotPacks) {
		p := rest[i]
		done, err := c.RotBlocks(rotten, p.Shards[rotten.Name].File, blockSize, c.Pick(p.Stripes(blockSize), rotBlocks))
		if err != nil {
			return nil, err
		}
		g.rot += len(done)
	}
	for _, i := range []int{three[0], three[2]} {
		if _, err := c.Lose(others[i]); err != nil {
			return nil, err
		}
		g.lost = append(g.lost, others[i].Name)
	}
	return g, nil
}

// replacement chooses two packs with shards of one length on a disk, so that the
// length alone does not tell; where there are none, any two.
func replacement(packs []simulator.Pack, disk string) (to, from simulator.Pack) {
	to, from = packs[0], packs[1]
	longest := int64(0)
	for i, a := range packs {
		for _, b := range packs[i+1:] {
			if n := a.Shards[disk].Size; n == b.Shards[disk].Size && n > longest {
				to, from, longest = a, b, n
			}
		}
	}
	return to, from
}

// worstStripe computes how many blocks are bad in the worst stripe, and in all.
func worstStripe(done []simulator.Damage, packs []simulator.Pack) (worst, all int) {
	type block struct {
		pack   string
		stripe int
		disk   string
	}
	bad := map[block]bool{}
	for _, x := range done {
		for _, p := range packs {
			s, ok := p.Shards[x.Disk]
			if !ok {
				continue
			}
			first, last := 0, p.Stripes(blockSize)-1
			switch {
			case x.Kind == simulator.DiskLost:
			case x.File != s.File:
				continue
			case x.Kind == simulator.Rot:
				first = int(x.Offset / blockSize)
				last = int((x.Offset + x.Length - 1) / blockSize)
			}
			for stripe := first; stripe <= last; stripe++ {
				bad[block{p.ID, stripe, x.Disk}] = true
			}
		}
	}
	count := map[block]int{}
	for b := range bad {
		b.disk = ""
		count[b]++
		worst = max(worst, count[b])
	}
	return worst, len(bad)
}
