package main

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sledge-io/sledge/simulator"
)

// pack is what can be seen of a pack from outside: its shards by disk.
type pack struct {
	id      string
	shards  map[string]shard // by the disk's name
	stripes int
}

type shard struct {
	file   string // on the disk
	number int
	length int64
}

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
		plural(g.rot, "block"), plural(g.badBlocks, "block"), g.worst)
}

var shardName = regexp.MustCompile(`^([0-9a-f]{32})\.([0-9]{2})\.shard$`)

// surveyPacks lists all packs, in the order of their ids.
func surveyPacks(disks []*simulator.Disk) ([]pack, error) {
	packs := map[string]*pack{}
	for _, d := range disks {
		root := filepath.Join(d.Folder, "sledge", "packs")
		err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
			match := shardName.FindStringSubmatch(filepath.Base(name))
			if err != nil || match == nil {
				return err
			}
			info, err := e.Info()
			if err != nil {
				return err
			}
			p := packs[match[1]]
			if p == nil {
				p = &pack{id: match[1], shards: map[string]shard{}}
				packs[match[1]] = p
			}
			number, _ := strconv.Atoi(match[2])
			p.shards[d.Name] = shard{path.Join("sledge/packs", match[1][:2], filepath.Base(name)), number, info.Size()}
			p.stripes = int((info.Size() + blockSize - 1) / blockSize)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	var list []pack
	for _, p := range packs {
		list = append(list, *p)
	}
	slices.SortFunc(list, func(a, b pack) int { return strings.Compare(a.id, b.id) })
	return list, nil
}

// ship is the way to the data centre: two disks do not arrive, a third has bad
// blocks, on a fourth one shard is another pack's and the log is an old one.
func (d *demo) ship(context.Context) error {
	return d.stage("carrier", func() (told, error) {
		packs, err := surveyPacks(d.disks)
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
		return told{text: fmt.Sprintf("lost %s and %s; %s rotted on %s; on %s a shard of another pack and the log as it was during load",
			g.lost[0], g.lost[1], plural(g.rot, "block"), g.rotten, g.mixed)}, nil
	})
}

const (
	rotPacks  = 4
	rotBlocks = 3 // of each
)

func (d *demo) doDamage(packs []pack) (*damage, error) {
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
	if _, err := c.ReplaceFile(stale.disk, to.shards[stale.disk.Name].file, from.shards[stale.disk.Name].file); err != nil {
		return nil, err
	}
	rest := slices.DeleteFunc(slices.Clone(packs), func(p pack) bool { return p.id == to.id })
	for _, i := range c.Pick(len(rest), rotPacks) {
		p := rest[i]
		done, err := c.RotBlocks(rotten, p.shards[rotten.Name].file, blockSize, c.Pick(p.stripes, rotBlocks))
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
func replacement(packs []pack, disk string) (to, from pack) {
	to, from = packs[0], packs[1]
	longest := int64(0)
	for i, a := range packs {
		for _, b := range packs[i+1:] {
			if n := a.shards[disk].length; n == b.shards[disk].length && n > longest {
				to, from, longest = a, b, n
			}
		}
	}
	return to, from
}

// worstStripe computes how many blocks are bad in the worst stripe, and in all.
func worstStripe(done []simulator.Damage, packs []pack) (worst, all int) {
	type block struct {
		pack   string
		stripe int
		disk   string
	}
	bad := map[block]bool{}
	for _, x := range done {
		for _, p := range packs {
			s, ok := p.shards[x.Disk]
			if !ok {
				continue
			}
			first, last := 0, p.stripes-1
			switch {
			case x.Kind == simulator.DiskLost:
			case x.File != s.file:
				continue
			case x.Kind == simulator.Rot:
				first = int(x.Offset / blockSize)
				last = int((x.Offset + x.Length - 1) / blockSize)
			}
			for stripe := first; stripe <= last; stripe++ {
				bad[block{p.id, stripe, x.Disk}] = true
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
