package simulator

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/internal/vfs"
)

// Pack is what can be seen of a pack from outside.
type Pack struct {
	ID     string
	Shards map[string]Shard // by the disk's name
	Size   int64            // of its longest shard
}

// Shard is one file of a pack.
type Shard struct {
	File   string // on the disk
	Number int
	Size   int64
}

// Stripes is how many blocks the longest shard has.
func (p *Pack) Stripes(blockSize int64) int { return int((p.Size + blockSize - 1) / blockSize) }

var shardName = regexp.MustCompile(`^([0-9a-f]{32})\.([0-9]{2})\.shard$`)

// ParseShard reads what the name of a shard's file says.
func ParseShard(file string) (pack string, number int, ok bool) {
	match := shardName.FindStringSubmatch(path.Base(file))
	if match == nil {
		return "", 0, false
	}
	number, err := strconv.Atoi(match[2])
	return match[1], number, err == nil
}

// Packs lists what is on disks, in the order of the packs' ids.
func Packs(disks []*Disk) (packs []Pack, err error) {
	all := map[string]*Pack{}
	for _, d := range disks {
		err := vfs.Walk(d.inner, appliance.Root, vfs.Limits{}, func(name string, e fs.DirEntry) error {
			id, number, ok := ParseShard(name)
			if !ok {
				return nil
			}
			info, err := e.Info()
			if err != nil {
				return err
			}
			p := all[id]
			if p == nil {
				p = &Pack{ID: id, Shards: map[string]Shard{}}
				all[id] = p
			}
			p.Shards[d.Name] = Shard{name, number, info.Size()}
			p.Size = max(p.Size, info.Size())
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("disk %s: %w", d.Name, err)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(all)) {
		packs = append(packs, *all[id])
	}
	return packs, nil
}
