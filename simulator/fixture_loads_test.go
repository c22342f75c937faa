package simulator

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"
	"testing"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

const (
	spliceBlock = 4096
	spliceDisks = 3 // 2+1: one bad block of a stripe is borne
)

// load is one sealed generation of a job. All loads have one signer, one device
// key and one site key, and files of the same sizes: whatever is taken from
// another one fits but for what is signed.
type load struct {
	*life
	name  string
	packs []*loadPack // two of data, one of the index
	kept  map[place][]byte
	whole []*vfs.Mem
	right []byte // the label
}

// loadPack is a pack by its id; disks has the disk of each shard.
type loadPack struct {
	id      string
	disks   []int
	stripes int64
}

type place struct {
	disk int
	name string
}

func (p *loadPack) file(end string) string {
	return path.Join(appliance.Root, "packs", p.id[:2], p.id+"."+end)
}

func (p *loadPack) shard(j int) string { return p.file(fmt.Sprintf("%02d.shard", j)) }

func (p *loadPack) piece(j int) string { return p.file(fmt.Sprintf("%02d.piece", j)) }

func (p *loadPack) hashes() string { return p.file("hashes") }

// fourLoads makes two jobs of one site, and loads each twice onto one device.
func fourLoads(t *testing.T) (loads []*load) {
	t.Helper()
	first := newLife(Plan{Seed: 300, Only: []int{}})
	must(t, first.begin(context.Background()))
	for number := range 2 {
		job := *first.cfg.Job
		job.ID = manifest.ID(first.bytes(16))
		job.Geometry = manifest.JobGeometry{K: 2, M: 1, BlockSize: spliceBlock, Disks: spliceDisks}
		job.Policy.PackSize, job.Policy.FileDigest = 1<<20, "whole"
		file, err := job.Sign(first.signer)
		must(t, err)
		for generation := range 2 {
			l := newLife(Plan{Seed: uint64(301 + len(loads)), Only: []int{}})
			l.signer, l.importer, l.site, l.code, l.clock = first.signer, first.importer, first.site, first.code, first.clock
			l.cfg = first.cfg
			l.cfg.Job, l.cfg.JobFile, l.cfg.Ledger, l.cfg.Workers = &job, file, l.ledger, 1
			l.cfg.Scope.Job, l.cfg.Scope.Generation = job.ID, uint32(1+generation)
			for range spliceDisks {
				l.disks = append(l.disks, newMem())
			}
			s := &load{life: l, name: fmt.Sprintf("job %d load %d", number+1, generation+1), kept: map[place][]byte{}}
			s.fill(t)
			loads = append(loads, s)
		}
	}
	return loads
}

// fill loads in two sessions, so that there are two packs of data, and seals.
func (l *load) fill(t *testing.T) {
	t.Helper()
	l.model = emptyModel()
	for _, folder := range []string{"a", "b"} {
		l.model.write(folder+"/long", l.bytes(30000))
		l.model.write(folder+"/short", l.bytes(900))
		l.model.symlink(fmt.Sprintf("%x", l.bytes(8)), folder+"/link")
		must(t, l.loadAll(context.Background()))
		l.seePacks(t)
	}
	must(t, l.sealAll(context.Background()))
	l.seePacks(t)
	l.whole, l.right = slices.Clone(l.disks), l.label
}

// seePacks appends the pack that is new.
func (l *load) seePacks(t *testing.T) {
	t.Helper()
	all, err := l.life.packs()
	must(t, err)
	for _, p := range all {
		if slices.ContainsFunc(l.packs, func(old *loadPack) bool { return old.id == p.ID }) {
			continue
		}
		n := &loadPack{id: p.ID, disks: make([]int, len(p.Shards)), stripes: (p.Size + spliceBlock - 1) / spliceBlock}
		for disk := range l.life.disks {
			if shard, ok := p.Shards[diskName(disk)]; ok {
				n.disks[shard.Number] = disk
			}
		}
		l.packs = append(l.packs, n)
	}
}

// put gives a file other content until restore.
func (l *load) put(t *testing.T, disk int, name string, data []byte) {
	t.Helper()
	at := place{disk, name}
	if _, known := l.kept[at]; !known {
		l.kept[at] = l.get(t, disk, name)
	}
	l.life.put(t, disk, name, data)
}

func (l *load) restore(t *testing.T) {
	t.Helper()
	copy(l.disks, l.whole)
	l.label = l.right
	for at, data := range l.kept {
		l.life.put(t, at.disk, at.name, data)
	}
	clear(l.kept)
}

// changed tells whether anything differs from what was sealed.
func (l *load) changed(t *testing.T) bool {
	t.Helper()
	if !slices.Equal(l.disks, l.whole) || !bytes.Equal(l.label, l.right) {
		return true
	}
	for at, data := range l.kept {
		if !bytes.Equal(l.get(t, at.disk, at.name), data) {
			return true
		}
	}
	return false
}
