package fsck

import (
	"strings"
	"testing/fstest"

	"github.com/sledge-io/sledge/internal/fsck/disk"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// want is a finding that must be there; empty parts are not compared.
type want struct {
	class string
	disk  string
	shard int // −1: not compared
	text  string
}

func (w want) in(r *Report) bool {
	for _, f := range r.Findings {
		if f.Class != w.class || w.disk != "" && f.Disk != w.disk || !strings.Contains(f.Text, w.text) {
			continue
		}
		if w.shard < 0 || f.Shard != nil && *f.Shard == w.shard {
			return true
		}
	}
	return false
}

func (d *testDevice) file(bay int, name string) *fstest.MapFile {
	f := d.fs[bay]["sledge/"+name]
	if f == nil {
		panic("no file " + name)
	}
	return f
}

func (d *testDevice) flip(bay int, name string, at int) { d.file(bay, name).Data[at] ^= 1 }

func (d *testDevice) remove(bay int, name string) { delete(d.fs[bay], "sledge/"+name) }

// noFile takes a name away from every disk.
func (d *testDevice) noFile(name string) {
	for bay := range d.fs {
		d.remove(bay, name)
	}
}

// shard names the file of shard j of pack i and its bay.
func (d *testDevice) shard(i, j int) (bay int, name string) {
	p := d.packs[i]
	return int(p.bays[j]), disk.ShardName(&wire.PackEntry{ID: p.id}, j)
}

func (d *testDevice) hashes(i int) string { return disk.HashesName(&wire.PackEntry{ID: d.packs[i].id}) }

func (d *testDevice) piece(i, j int) (int, string) {
	p := d.packs[i]
	return int(p.bays[j]), disk.PieceName(&wire.PackEntry{ID: p.id}, j)
}

func (d *testDevice) each(name string, at int) {
	for bay := range d.fs {
		d.flip(bay, name, at)
	}
}
