package fsck

import (
	"bytes"
	"context"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sledge-io/sledge/internal/fsck/disk"
	"github.com/sledge-io/sledge/internal/fsck/log"
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

// damageCase is a fixture: what is done to a device, and what has to be found.
type damageCase struct {
	name    string
	damage  func(t *testing.T, d *testDevice, o *Options)
	want    []want
	verdict Verdict
	exact   bool // no other classes than those of want
}

func (c damageCase) report(t *testing.T) *Report {
	d := makeDevice(t, smallPlan())
	o := d.options()
	c.damage(t, d, &o)
	return run(t, o)
}

var damageCases = []damageCase{
	{"data block", func(t *testing.T, d *testDevice, o *Options) {
		bay, name := d.shard(0, 1)
		d.flip(bay, name, 4096*2+5)
	}, []want{{"block-bad", "d1", 1, "(stripe 2)"}}, VerdictRepairable, true},
	{"parity block", func(t *testing.T, d *testDevice, o *Options) {
		bay, name := d.shard(0, 2)
		d.flip(bay, name, 4096*3)
	}, []want{{"block-bad", "d2", 2, "(stripe 3)"}}, VerdictRepairable, true},
	{"last block", func(t *testing.T, d *testDevice, o *Options) {
		bay, name := d.shard(3, 0)
		d.flip(bay, name, len(d.file(bay, name).Data)-1)
	}, []want{{"block-bad", "d3", 0, "(stripe 8)"}}, VerdictRepairable, true},
	{"two blocks of a stripe", func(t *testing.T, d *testDevice, o *Options) {
		for j := range 2 {
			bay, name := d.shard(0, j)
			d.flip(bay, name, 4096*4)
		}
	}, []want{{"stripe-lost", "", -1, "(stripe 4)"}, {"block-bad", "d0", 0, ""}, {"block-bad", "d1", 1, ""}}, VerdictLost, true},
	{"a block of every disk, in different stripes", func(t *testing.T, d *testDevice, o *Options) {
		for j := range 3 {
			bay, name := d.shard(0, j)
			d.flip(bay, name, 4096*j)
		}
	}, []want{{"block-bad", "d0", 0, "(stripe 0)"}, {"block-bad", "d1", 1, "(stripe 1)"}, {"block-bad", "d2", 2, "(stripe 2)"}}, VerdictRepairable, true},
	{"run of stripes", func(t *testing.T, d *testDevice, o *Options) {
		bay, name := d.shard(0, 0)
		for s := 2; s < 6; s++ {
			d.flip(bay, name, 4096*s)
		}
	}, []want{{"block-bad", "d0", 0, "(stripes 2 to 5)"}}, VerdictRepairable, true},
	{"shard removed", func(t *testing.T, d *testDevice, o *Options) {
		bay, name := d.shard(1, 0)
		d.remove(bay, name)
	}, []want{{"shard-missing", "", 0, d4(1)}}, VerdictRepairable, true},
	{"shard cut short", func(t *testing.T, d *testDevice, o *Options) {
		bay, name := d.shard(0, 0)
		f := d.file(bay, name)
		f.Data = f.Data[:len(f.Data)-4097]
	}, []want{{"shard-length", "d0", 0, "cut short"}, {"block-bad", "d0", 0, "(stripe 11)"}}, VerdictRepairable, true},
	{"shard too long", func(t *testing.T, d *testDevice, o *Options) {
		bay, name := d.shard(0, 0)
		d.file(bay, name).Data = append(d.file(bay, name).Data, 0)
	}, []want{{"shard-length", "d0", 0, "too long"}}, VerdictRepairable, true},
	{"shards of two packs swapped", func(t *testing.T, d *testDevice, o *Options) {
		bay0, name0 := d.shard(0, 0)
		bay3, name3 := d.shard(3, 0)
		a, b := d.file(bay0, name0), d.file(bay3, name3)
		a.Data, b.Data = b.Data, a.Data
	}, []want{{"shard-misplaced", "d0", 0, "shard 0"}, {"shard-misplaced", "d3", 0, "shard 0"}, {"shard-length", "d0", 0, ""}}, VerdictRepairable, false},
	{"shard is another shard of its pack", func(t *testing.T, d *testDevice, o *Options) {
		bay0, name0 := d.shard(0, 0)
		bay2, name2 := d.shard(0, 2)
		d.file(bay0, name0).Data = d.file(bay2, name2).Data
	}, []want{{"shard-misplaced", "d0", 0, "shard 2"}, {"block-bad", "d0", 0, "(stripes 0 to 12)"}}, VerdictRepairable, true},
	{"shard on another disk", func(t *testing.T, d *testDevice, o *Options) {
		bay, name := d.shard(0, 0)
		d.put(3, name, d.file(bay, name).Data)
		d.remove(bay, name)
	}, []want{{"shard-elsewhere", "d3", 0, ""}}, VerdictClean, true},
	{"two shards of a pack on one disk", func(t *testing.T, d *testDevice, o *Options) {
		bay, name := d.shard(0, 0)
		d.put(1, name, d.file(bay, name).Data)
		d.remove(bay, name)
	}, []want{{"shards-together", "d1", -1, "any 0 disks may be lost, not 1"}, {"shard-elsewhere", "d1", 0, ""}}, VerdictRepairable, true},
	{"two shards of every pack on one disk", func(t *testing.T, d *testDevice, o *Options) {
		for i := range d.packs {
			from, name := d.shard(i, 0)
			to, _ := d.shard(i, 1)
			d.put(to, name, d.file(from, name).Data)
			d.remove(from, name)
		}
	}, []want{{"shards-together", "", -1, "of 5 such packs"}, {"shard-elsewhere", "d1", 0, ""}}, VerdictRepairable, true},
	{"piece on another disk", func(t *testing.T, d *testDevice, o *Options) {
		bay, name := d.piece(0, 0)
		d.put(3, name, d.file(bay, name).Data)
		d.remove(bay, name)
	}, []want{{"piece-elsewhere", "d3", 0, "bay 3"}}, VerdictClean, true},
	{"two pieces on one disk", func(t *testing.T, d *testDevice, o *Options) {
		bay, name := d.piece(0, 0)
		d.put(1, name, d.file(bay, name).Data)
		d.remove(bay, name)
	}, []want{{"piece-elsewhere", "d1", 0, ""}, {"shards-together", "d1", -1, "pieces of the hash list"}}, VerdictRepairable, true},
	{"hash list copy", func(t *testing.T, d *testDevice, o *Options) {
		d.flip(1, d.hashes(0), 40)
	}, []want{{"hashlist-copy1-bad", "d1", -1, "signed root"}}, VerdictRepairable, true},
	{"hash list copy longer", func(t *testing.T, d *testDevice, o *Options) {
		d.file(1, d.hashes(0)).Data = append(d.file(1, d.hashes(0)).Data, 1)
	}, []want{{"hashlist-copy1-bad", "d1", -1, "bytes, not"}}, VerdictRepairable, true},
	{"all hash list copies", func(t *testing.T, d *testDevice, o *Options) {
		for bay := range 3 {
			d.flip(bay, d.hashes(0), 40)
		}
	}, []want{{"hashlist-copy1-bad", "d0", -1, ""}, {"hashlist-copy1-bad", "d2", -1, ""}}, VerdictRepairable, true},
	{"all copies and a piece", func(t *testing.T, d *testDevice, o *Options) {
		for bay := range 3 {
			d.flip(bay, d.hashes(0), 40)
		}
		bay, name := d.piece(0, 0)
		d.flip(bay, name, 3)
	}, []want{{"piece-bad", "d0", 0, "SHA-256"}, {"hashlist-copy1-bad", "d0", -1, ""}}, VerdictRepairable, true},
	{"hash list in no copy whole", func(t *testing.T, d *testDevice, o *Options) {
		for bay := range 3 {
			d.flip(bay, d.hashes(0), 40+100*bay)
			_, name := d.piece(0, bay)
			d.flip(bay, name, 3)
		}
	}, []want{{"hashlist-mended", "", -1, ""}}, VerdictRepairable, false},
	{"hash list nowhere", func(t *testing.T, d *testDevice, o *Options) {
		for j := range 3 {
			d.remove(j, d.hashes(0))
			_, name := d.piece(0, j)
			d.remove(j, name)
		}
	}, []want{{"hashlist-mended", "", -1, ""}}, VerdictRepairable, false},
	{"hash list nowhere and a block bad", func(t *testing.T, d *testDevice, o *Options) {
		for j := range 3 {
			d.remove(j, d.hashes(0))
			_, name := d.piece(0, j)
			d.remove(j, name)
		}
		bay, name := d.shard(0, 0)
		d.flip(bay, name, 0)
	}, []want{{"hashlist-lost", "", -1, ""}}, VerdictLost, false},
	{"piece", func(t *testing.T, d *testDevice, o *Options) {
		bay, name := d.piece(2, 1)
		d.flip(bay, name, 0)
	}, []want{{"piece-bad", "d3", 1, ""}}, VerdictRepairable, true},
	{"piece removed", func(t *testing.T, d *testDevice, o *Options) {
		bay, name := d.piece(2, 1)
		d.remove(bay, name)
	}, []want{{"piece-missing", "", 1, ""}}, VerdictRepairable, true},
	{"header", func(t *testing.T, d *testDevice, o *Options) {
		d.flip(2, "disk.header", 30)
	}, []want{{"header-bad", "d2", -1, "CRC"}}, VerdictRepairable, true},
	{"header of a newer version", func(t *testing.T, d *testDevice, o *Options) {
		d.file(2, "disk.header").Data[8] = wire.FormatVersion + 1
	}, []want{{"header-bad", "d2", -1, "version 2"}}, VerdictRepairable, true},
	{"header of another bay", func(t *testing.T, d *testDevice, o *Options) {
		d.put(2, "disk.header", d.header(0, d.who))
	}, []want{{"header-bad", "d2", -1, "says bay 0, its shards are those of bay 2"}}, VerdictRepairable, true},
	{"header of another device", func(t *testing.T, d *testDevice, o *Options) {
		other := d.who
		other.Device[0] ^= 1
		d.put(2, "disk.header", d.header(2, other))
	}, []want{{"header-bad", "d2", -1, "disk.header says job"}}, VerdictRepairable, true},
	{"no headers, disks shuffled", func(t *testing.T, d *testDevice, o *Options) {
		for bay := range d.fs {
			d.remove(bay, "disk.header")
		}
		o.Disks[0], o.Disks[3], o.Disks[1] = o.Disks[3], o.Disks[1], o.Disks[0]
	}, []want{{"header-bad", "d0", -1, ""}, {"header-bad", "d3", -1, ""}}, VerdictRepairable, true},
	{"job file copy", func(t *testing.T, d *testDevice, o *Options) {
		d.flip(1, "job.dsse", 200)
	}, []want{{"job-copy-other", "d1", -1, ""}}, VerdictRepairable, true},
	{"job file missing on one", func(t *testing.T, d *testDevice, o *Options) {
		d.remove(1, "job.dsse")
	}, []want{{"job-copy-bad", "d1", -1, ""}}, VerdictRepairable, true},
	{"job file missing on all", func(t *testing.T, d *testDevice, o *Options) {
		for bay := range d.fs {
			d.remove(bay, "job.dsse")
		}
	}, []want{{"job-lost", "", -1, "no disk has one that can be read"}}, VerdictRefused, true},
	{"job file altered on all", func(t *testing.T, d *testDevice, o *Options) {
		for bay := range d.fs {
			d.flip(bay, "job.dsse", len(d.file(bay, "job.dsse").Data)/2+8*bay)
		}
	}, []want{{"job-untrusted", "", -1, "nor is any other of the 4 different copies good"}}, VerdictRefused, true},
	{"wrap", func(t *testing.T, d *testDevice, o *Options) {
		d.flip(1, "wraps/"+d.wrapName+".wrap", 100)
	}, []want{{"wrap-bad", "d1", -1, "SHA-256"}}, VerdictRepairable, true},
	{"wrap removed", func(t *testing.T, d *testDevice, o *Options) {
		d.remove(1, "wraps/"+d.wrapName+".wrap")
	}, []want{{"wrap-missing", "d1", -1, ""}}, VerdictRepairable, true},
	{"wrap removed everywhere", func(t *testing.T, d *testDevice, o *Options) {
		for bay := range d.fs {
			d.remove(bay, "wraps/"+d.wrapName+".wrap")
		}
	}, []want{{"wrap-lost", "", -1, ""}}, VerdictLost, false},
	{"unlock wrap left", func(t *testing.T, d *testDevice, o *Options) {
		d.put(3, "wraps/unlock", []byte("x"))
	}, []want{{"leftover", "d3", -1, "wraps/unlock"}}, VerdictClean, true},
	{"a copy of the unlock wrap left", func(t *testing.T, d *testDevice, o *Options) {
		d.put(3, "wraps/unlock.0.tmp", d.unlockWrap())
	}, []want{{"leftover", "d3", -1, "a copy of it"}, {"unknown-file", "", -1, ""}}, VerdictClean, true},
	{"journal left", func(t *testing.T, d *testDevice, o *Options) {
		d.put(3, "journal/x", []byte("x"))
	}, []want{{"leftover", "d3", -1, "journal"}}, VerdictClean, true},
	{"unknown files", func(t *testing.T, d *testDevice, o *Options) {
		d.put(3, "notes.txt", []byte("x"))
		d.put(3, "packs/zz", []byte("x"))
		d.put(2, "log/tile/0/001.p/7", []byte("x"))
		d.put(2, "wraps/other", []byte("x"))
	}, []want{{"unknown-file", "d3", -1, ""}, {"unknown-file", "d2", -1, "not in the log"}, {"unknown-file", "d2", -1, "log/tile/0/001.p/7"}}, VerdictClean, true},
	{"unknown pack", func(t *testing.T, d *testDevice, o *Options) {
		d.put(3, "packs/00/00112233445566778899aabbccddeeff.00.shard", []byte("x"))
	}, []want{{"unknown-pack", "d3", -1, ""}}, VerdictClean, true},
	{"seal statement", func(t *testing.T, d *testDevice, o *Options) {
		d.flip(1, "statements/seal.dsse", 300)
	}, []want{{"statement-copy-bad", "d1", -1, ""}}, VerdictRepairable, true},
	{"no seal statement", func(t *testing.T, d *testDevice, o *Options) {
		for bay := range d.fs {
			d.remove(bay, "statements/seal.dsse")
		}
	}, []want{{"statement-missing", "", -1, ""}}, VerdictRepairable, false},
	{"checkpoint copy corrupt", func(t *testing.T, d *testDevice, o *Options) {
		d.flip(1, "log/checkpoint", 10)
	}, []want{{"checkpoint-copy-bad", "d1", -1, ""}}, VerdictRepairable, true},
	{"checkpoint copy missing", func(t *testing.T, d *testDevice, o *Options) {
		d.remove(1, "log/checkpoint")
	}, []want{{"checkpoint-copy-missing", "d1", -1, ""}}, VerdictRepairable, true},
	{"checkpoint of an older generation", func(t *testing.T, d *testDevice, o *Options) {
		_, root := logFiles(d.entries[:3])
		d.put(1, "log/checkpoint", signNote(t, d.deviceKey, strings.TrimSuffix(d.origin(), "1")+"7", 3, root))
	}, []want{{"checkpoint-copy-other", "d1", -1, "/7"}}, VerdictRepairable, true},
	{"older checkpoint that fits", func(t *testing.T, d *testDevice, o *Options) {
		_, root := logFiles(d.entries[:3])
		d.put(1, "log/checkpoint", signNote(t, d.deviceKey, d.origin(), 3, root))
	}, []want{{"checkpoint-copy-other", "d1", -1, "3 entries"}}, VerdictRepairable, true},
	{"older checkpoint that does not fit", func(t *testing.T, d *testDevice, o *Options) {
		_, root := logFiles(d.entries[1:4])
		d.put(1, "log/checkpoint", signNote(t, d.deviceKey, d.origin(), 3, root))
	}, []want{{"checkpoint-fork", "d1", -1, ""}}, VerdictRefused, true},
	{"checkpoint of an empty log", func(t *testing.T, d *testDevice, o *Options) {
		_, root := logFiles(nil)
		d.put(1, "log/checkpoint", signNote(t, d.deviceKey, d.origin(), 0, root))
	}, []want{{"checkpoint-copy-other", "d1", -1, "0 entries"}}, VerdictRepairable, true},
	{"checkpoint of an empty log that does not fit", func(t *testing.T, d *testDevice, o *Options) {
		_, root := logFiles(d.entries[:1])
		d.put(1, "log/checkpoint", signNote(t, d.deviceKey, d.origin(), 0, root))
	}, []want{{"checkpoint-fork", "d1", -1, ""}}, VerdictRefused, true},
	{"two checkpoints of one size", func(t *testing.T, d *testDevice, o *Options) {
		_, root := logFiles(append(d.entries[:3:3], d.entries[3:]...)[1:])
		d.put(1, "log/checkpoint", signNote(t, d.deviceKey, d.origin(), len(d.entries), root))
	}, []want{{"checkpoint-fork", "d1", -1, ""}}, VerdictRefused, true},
	{"checkpoint by another key", func(t *testing.T, d *testDevice, o *Options) {
		_, root := logFiles(d.entries)
		d.putAll("log/checkpoint", signNote(t, d.jobKey, d.origin(), len(d.entries), root))
	}, []want{{"checkpoint-untrusted", "d0", -1, ""}}, VerdictRefused, false},
	{"tile", func(t *testing.T, d *testDevice, o *Options) {
		d.flip(1, log.TilePath("0", 0, len(d.entries)), 40)
	}, []want{{"log-copy-bad", "d1", -1, "log/tile/0/000.p"}}, VerdictRepairable, true},
	{"tile on all disks", func(t *testing.T, d *testDevice, o *Options) {
		for bay := range d.fs {
			d.flip(bay, log.TilePath("0", 0, len(d.entries)), 40)
		}
	}, []want{{"log-copy-bad", "d0", -1, "log/tile/0/000.p"}, {"log-copy-bad", "d3", -1, ""}}, VerdictRepairable, true},
	{"entry bundle", func(t *testing.T, d *testDevice, o *Options) {
		d.flip(1, log.TilePath("entries", 0, len(d.entries)), 40)
	}, []want{{"log-copy-bad", "d1", -1, "log/tile/entries"}}, VerdictRepairable, true},
	{"bundles bad in different entries", func(t *testing.T, d *testDevice, o *Options) {
		for bay := range d.fs {
			at := 2
			for range bay {
				at += 2 + len(d.entries[bay])
			}
			d.flip(bay, log.TilePath("entries", 0, len(d.entries)), 10+40*bay*bay*bay)
		}
	}, []want{{"log-copy-bad", "d0", -1, "entries"}, {"log-copy-bad", "d3", -1, "entries"}}, VerdictRepairable, true},
	{"one entry bad everywhere", func(t *testing.T, d *testDevice, o *Options) {
		for bay := range d.fs {
			d.flip(bay, log.TilePath("entries", 0, len(d.entries)), 10)
		}
	}, []want{{"log-lost", "", -1, ""}}, VerdictRefused, false},
	{"other log under the old checkpoint", func(t *testing.T, d *testDevice, o *Options) {
		changed := append([][]byte{}, d.entries...)
		changed[2] = append(bytes.Clone(changed[2][:len(changed[2])-1]), changed[2][len(changed[2])-1]^1)
		files, _ := logFiles(changed)
		for name, b := range files {
			d.putAll(name, b)
		}
	}, []want{{"log-lost", "", -1, ""}}, VerdictRefused, false},
	{"page block", func(t *testing.T, d *testDevice, o *Options) {
		bay, name := d.shard(4, 0)
		d.flip(bay, name, 100)
	}, []want{{"block-bad", "d1", 0, "index pack"}}, VerdictRepairable, true},
	{"page lost", func(t *testing.T, d *testDevice, o *Options) {
		for j := range 2 {
			bay, name := d.shard(4, j)
			d.flip(bay, name, 100)
		}
	}, []want{{"page-lost", "", -1, "page 0"}, {"stripe-lost", "", -1, ""}}, VerdictLost, false},
	{"foreign disk", func(t *testing.T, d *testDevice, o *Options) {
		p := smallPlan()
		p.seed = 99
		o.Disks = append(o.Disks, Disk{Name: "stranger", FS: makeDevice(t, p).fs[1]})
	}, []want{{"foreign-disk", "stranger", -1, ""}}, VerdictClean, true},
	{"foreign disk in place of ours", func(t *testing.T, d *testDevice, o *Options) {
		p := smallPlan()
		p.seed = 99
		o.Disks[1].FS = makeDevice(t, p).fs[1]
	}, []want{{"foreign-disk", "d1", -1, ""}, {"disk-missing", "", -1, "bay 1"}}, VerdictRepairable, true},
	{"duplicate disk", func(t *testing.T, d *testDevice, o *Options) {
		o.Disks = append(o.Disks, Disk{Name: "copy", FS: d.fs[1]})
	}, []want{{"duplicate-disk", "", -1, "two copies of one disk: d1, copy"}}, VerdictClean, true},
	{"duplicate disk repairs the other", func(t *testing.T, d *testDevice, o *Options) {
		second := fstest.MapFS{}
		for name, f := range d.fs[1] {
			second[name] = &fstest.MapFile{Data: bytes.Clone(f.Data), Mode: f.Mode}
		}
		o.Disks = append(o.Disks, Disk{Name: "copy", FS: second})
		bay, name := d.shard(0, 1)
		d.flip(bay, name, 0)
		bay, name = d.shard(0, 0)
		d.flip(bay, name, 0)
	}, []want{{"duplicate-disk", "", -1, ""}, {"block-bad", "d1", 1, ""}, {"block-bad", "d0", 0, ""}}, VerdictRepairable, true},
	{"label of a later state", func(t *testing.T, d *testDevice, o *Options) {
		_, root := logFiles(append(d.entries[:len(d.entries):len(d.entries)], []byte("more")))
		old := d.checkpoint
		d.checkpoint = signNote(t, d.deviceKey, d.origin(), len(d.entries)+1, root)
		o.Label = d.label()
		d.checkpoint = old
	}, []want{{"label-differs", "", -1, "entries, root"}}, VerdictRefused, true},
	{"label of a later generation", func(t *testing.T, d *testDevice, o *Options) {
		o.Label = bytes.Replace(o.Label, []byte("generation 1"), []byte("generation 2"), 1)
	}, []want{{"label-differs", "", -1, "generation 2"}}, VerdictRefused, true},
	{"label with another job file", func(t *testing.T, d *testDevice, o *Options) {
		o.Label = bytes.Replace(o.Label, []byte(wire.Sha256Hex(d.job)), []byte(wire.Sha256Hex(nil)), 1)
	}, []want{{"label-differs", "", -1, "job file"}}, VerdictRefused, true},
	{"label with other ends of lines", func(t *testing.T, d *testDevice, o *Options) {
		o.Label = bytes.ReplaceAll(o.Label, []byte("\n"), []byte("\r\n"))
	}, nil, VerdictClean, true},
	{"label malformed", func(t *testing.T, d *testDevice, o *Options) {
		o.Label = o.Label[1:]
	}, []want{{"label-bad", "", -1, ""}}, VerdictRefused, true},
	{"no label", func(t *testing.T, d *testDevice, o *Options) {
		o.Label = nil
	}, []want{{"label-not-given", "", -1, ""}}, VerdictClean, true},
	{"job signed by another key", func(t *testing.T, d *testDevice, o *Options) {
		o.Trust = &Trust{Key: public(d.importerKey)}
	}, []want{{"job-untrusted", "", -1, "job.dsse: its signature does not verify with the key given by --trust (file claims signer sha256:"}}, VerdictRefused, true},
	{"fingerprint of another key", func(t *testing.T, d *testDevice, o *Options) {
		o.Trust = &Trust{Fingerprint: Fingerprint(public(d.importerKey))}
	}, []want{{"job-untrusted", "", -1, "file claims signer sha256:"}}, VerdictRefused, true},
	{"a folder that is no disk", func(t *testing.T, d *testDevice, o *Options) {
		o.Disks = append(o.Disks, Disk{Name: "holiday", FS: fstest.MapFS{"photos/1.jpg": {}}})
	}, []want{{"not-a-sledge-disk", "holiday", -1, "holiday: no sledge folder: not a disk of this device; take it out"}}, VerdictClean, true},
	{"a folder that is no disk in place of ours", func(t *testing.T, d *testDevice, o *Options) {
		o.Disks[1].FS = fstest.MapFS{}
	}, []want{{"not-a-sledge-disk", "d1", -1, ""}, {"disk-missing", "", -1, "bay 1"}}, VerdictRepairable, true},
	{"header of more bays", func(t *testing.T, d *testDevice, o *Options) {
		d.disks++
		d.put(2, "disk.header", d.header(2, d.who))
	}, []want{{"header-bad", "d2", -1, "says 5 bays, there are 4"}}, VerdictRepairable, true},
	{"the log's job file by another signer", func(t *testing.T, d *testDevice, o *Options) {
		d.jobKey = d.importerKey
		d.put(3, "job.dsse", d.makeJob(t))
		o.Trust = &Trust{Key: public(d.jobKey)}
	}, []want{{"job-untrusted", "", -1, "signature"}}, VerdictRefused, true},
	{"another job file on all", func(t *testing.T, d *testDevice, o *Options) {
		d.moreKeyIDs = true
		d.putAll("job.dsse", d.makeJob(t))
	}, []want{{"job-lost", "", -1, "that the log names"}}, VerdictRefused, true},
	{"no checkpoint and a bad job file", func(t *testing.T, d *testDevice, o *Options) {
		_, root := logFiles(d.entries)
		d.putAll("log/checkpoint", signNote(t, d.jobKey, d.origin(), len(d.entries), root))
		d.flip(1, "job.dsse", 200)
	}, []want{{"job-untrusted", "d1", -1, ""}, {"checkpoint-untrusted", "d0", -1, ""}}, VerdictRefused, true},
	{"label with another generation's checkpoint", func(t *testing.T, d *testDevice, o *Options) {
		_, root := logFiles(d.entries)
		d.checkpoint = signNote(t, d.deviceKey, strings.TrimSuffix(d.origin(), "1")+"2", len(d.entries), root)
		o.Label = d.label()
	}, []want{{"label-bad", "", -1, ""}}, VerdictRefused, true},
	{"label signed by another key", func(t *testing.T, d *testDevice, o *Options) {
		_, root := logFiles(d.entries)
		d.checkpoint = signNote(t, d.jobKey, d.origin(), len(d.entries), root)
		o.Label = d.label()
	}, []want{{"label-bad", "", -1, "signature"}}, VerdictRefused, true},
	{"pages without a hash list", func(t *testing.T, d *testDevice, o *Options) {
		for j := range 3 {
			bay, name := d.piece(4, j)
			d.remove(bay, name)
			d.remove(bay, d.hashes(4))
		}
		bay, name := d.shard(4, 0)
		d.flip(bay, name, 0)
	}, []want{{"page-lost", "", -1, "hash list is lost"}, {"hashlist-lost", "", -1, ""}}, VerdictLost, false},
	{"a file in the place of the wraps", func(t *testing.T, d *testDevice, o *Options) {
		d.remove(3, "wraps/"+d.wrapName+".wrap")
		d.put(3, "wraps", nil)
	}, []want{{"wrap-bad", "d3", -1, ""}}, VerdictRepairable, false},
	{"only folders that are no disks", func(t *testing.T, d *testDevice, o *Options) {
		o.Disks = []Disk{{Name: "a", FS: fstest.MapFS{}}, {Name: "b", FS: fstest.MapFS{"sledge": {}}}}
	}, []want{{"not-a-sledge-disk", "b", -1, ""}, {"identity-unknown", "", -1, ""}}, VerdictRefused, true},
}

func TestDamage(t *testing.T) {
	for _, c := range damageCases {
		t.Run(c.name, func(t *testing.T) {
			r := c.report(t)
			if r.Verdict != c.verdict {
				t.Errorf("verdict is not %v: %s", c.verdict, show(r))
			}
			classes := map[string]bool{}
			for _, w := range c.want {
				classes[w.class] = true
				if !w.in(r) {
					t.Errorf("no finding %+v: %s", w, show(r))
				}
			}
			for _, f := range r.Findings {
				if c.exact && !classes[f.Class] {
					t.Errorf("finding %q was not expected: %s", f.Class, f.Text)
				}
			}
		})
	}
}

func d4(bay int) string { return fmt.Sprintf("bay %d", bay) }

// sealSaying gives every disk a seal statement with further names.
func sealSaying(more map[string]any) func(*testing.T, *testDevice, *Options) {
	return func(t *testing.T, d *testDevice, _ *Options) {
		d.putAll("statements/seal.dsse", d.sealStatement(t, more))
	}
}

// flipLast damages the last block of a shard of pack 0.
func flipLast(shard int) func(*testing.T, *testDevice, *Options) {
	return func(t *testing.T, d *testDevice, _ *Options) {
		bay, name := d.shard(0, shard)
		d.flip(bay, name, len(d.file(bay, name).Data)-1)
	}
}

// planCase is a device that was made otherwise, and may be damaged besides.
type planCase struct {
	name    string
	change  func(p *plan)
	damage  func(t *testing.T, d *testDevice, o *Options) // nil: none
	class   string
	verdict Verdict
}

func (c planCase) report(t *testing.T) *Report {
	d := makeDevice(t, smallPlan().changed(c.change))
	o := d.options()
	if c.damage != nil {
		c.damage(t, d, &o)
	}
	return run(t, o)
}

var planCases = []planCase{
	{"shard not written", func(p *plan) { p.notWritten = []byte{1} }, nil, "shard-degraded", VerdictRepairable},
	{"padding not zero", func(p *plan) { p.badPadding = true }, nil, "padding-not-zero", VerdictRefused},
	{"padding not zero, and a block of its stripe bad", func(p *plan) { p.badPadding, p.bodies, p.records = true, []int{100_000}, 0 }, flipLast(0), "padding-not-zero", VerdictRefused},
	{"padding not zero in a block that is bad", func(p *plan) { p.badPadding, p.bodies, p.records = true, []int{100_000}, 0 }, flipLast(1), "padding-not-zero", VerdictRefused},
	{"padding that is bad alone", func(p *plan) { p.bodies, p.records = []int{100_000}, 0 }, flipLast(1), "block-bad", VerdictRepairable},
	{"another sum of parity than the signed one", func(p *plan) { p.otherSums = true }, nil, "parity-sum", VerdictClean},
	{"another sum of parity, and a block of its stripe bad", func(p *plan) { p.otherSums, p.bodies, p.records = true, []int{100_000}, 0 }, flipLast(0), "parity-sum", VerdictRepairable},
	{"end entry wrong", func(p *plan) { p.misnumber = true }, nil, "log-entry-bad", VerdictRefused},
	{"job file with more disks", func(p *plan) { p.moreDisks = 1 }, nil, "geometry-differs", VerdictClean},
	{"a recipient without a wrap", func(p *plan) { p.moreKeyIDs = true }, nil, "recipient-without-wrap", VerdictClean},
	{"page entry wrong", func(p *plan) { p.badPage = true }, nil, "page-bad", VerdictRefused},
	{"pieces wrong as signed", func(p *plan) { p.lyingPieces = true }, func(t *testing.T, d *testDevice, o *Options) {
		for bay := range 3 {
			d.remove(bay, d.hashes(0))
		}
	}, "hashlist-mended", VerdictRepairable},
	{"pieces wrong as signed, and lists right", func(p *plan) { p.lyingPieces = true }, nil, "piece-bad", VerdictClean},
	{"two packs of one id", func(p *plan) { p.packTwice = true }, nil, "log-entry-bad", VerdictRefused},
	{"a wrap to a stranger", func(p *plan) { p.strangeWrap = true }, nil, "log-entry-bad", VerdictRefused},
	{"a pack too long to be mended", func(p *plan) { p.hugePack = true }, nil, "hashlist-not-mended", VerdictLost},
	{"too many choices of parity", func(p *plan) {
		p.k, p.m, p.disks, p.bodies, p.records = 14, 14, 28, []int{20_000}, 0
	}, func(t *testing.T, d *testDevice, o *Options) {
		for j := range 15 {
			bay, name := d.shard(0, 7+j)
			d.flip(bay, name, 1)
		}
	}, "stripe-undecided", VerdictLost},
	{"no end entry", func(p *plan) { p.noEnd = true }, nil, "log-entry-bad", VerdictRefused},
	{"no wrap entry", func(p *plan) { p.noWrap = true }, nil, "recipient-without-wrap", VerdictClean},
	{"start entry of another generation", func(p *plan) { p.startOther = true }, nil, "log-entry-bad", VerdictRefused},
	{"start entry of another serial", func(p *plan) { p.startSerial = 1 }, nil, "log-entry-bad", VerdictRefused},
	{"no parity against the job", func(p *plan) { p.k, p.m, p.disks, p.denyNoParity = 1, 0, 2, true }, nil, "geometry-differs", VerdictClean},
	{"less parity than the job orders", func(p *plan) { p.orderedM = 2 }, nil, "geometry-differs", VerdictClean},
	{"bytes between pages", func(p *plan) { p.dirtyGap = true }, nil, "padding-not-zero", VerdictRefused},
	{"absent at seal", func(p *plan) { p.absent = []int{3} }, func(t *testing.T, d *testDevice, o *Options) { o.Disks = o.Disks[:3] }, "disk-missing", VerdictRepairable},
	{"too few disks", nil, func(t *testing.T, d *testDevice, o *Options) { o.Disks = o.Disks[2:] }, "disks-missing", VerdictLost},
	{"two good seal statements", nil, func(t *testing.T, d *testDevice, o *Options) {
		d.put(1, "statements/seal.dsse", d.sealStatement(t, map[string]any{"software": "another"}))
	}, "statement-copy-other", VerdictRepairable},
	{"seal statement of another size", nil, sealSaying(map[string]any{"log_size": 3}), "statement-differs", VerdictRefused},
	{"seal statement of another root", nil, sealSaying(map[string]any{"log_root": "AA=="}), "statement-differs", VerdictRefused},
	{"seal statement of other disks", nil, sealSaying(map[string]any{"disks": 9}), "statement-differs", VerdictRefused},
	{"seal statement of another job serial", nil, sealSaying(map[string]any{"job_serial": 7}), "statement-differs", VerdictRefused},
	{"seal statement of another job file", nil, sealSaying(map[string]any{"job_sha256": "00"}), "statement-differs", VerdictRefused},
	{"sealed before the source was whole", nil, sealSaying(map[string]any{"scan_complete": false}), "seal-incomplete", VerdictClean},
	{"sealed with lost shards", func(p *plan) { p.notWritten = []byte{1} }, nil, "seal-degraded", VerdictRepairable},
	{"sealed without a read-back", nil, sealSaying(map[string]any{"read_back": "partly", "unread_packs": 1}), "seal-unread", VerdictClean},
	{"sealed with a wrap that nobody confirmed", nil, sealSaying(map[string]any{"wrap_check": "unchecked"}), "seal-unchecked", VerdictClean},
	{"sealed with bays of one disk", nil, sealSaying(map[string]any{"shared_disks": true}), "seal-shared", VerdictClean},
	{"sealed with other file systems", nil, sealSaying(map[string]any{"filesystems": []string{"fuse"}}), "seal-filesystems", VerdictClean},
	{"recovery for two", func(p *plan) { p.ageFile = ageHead + "-> mlkem768x25519 c\nd\n--- mac\nrest" }, nil, "wrap-recipients", VerdictClean},
	{"recovery that is not age's", func(p *plan) { p.ageFile = ageHead }, nil, "wrap-bad", VerdictLost},
	{"sealed without a disk", func(p *plan) { p.absent = []int{3} }, nil, "seal-absent", VerdictClean},
	{"sealed after a disk was replaced", func(p *plan) { p.rebuilt = []int{3} }, sealSaying(map[string]any{"replaced_bays": []int{3}}), "seal-replaced", VerdictClean},
	{"sealed at last without a disk", nil, sealSaying(map[string]any{"left_bays": []int{3}}), "seal-left", VerdictClean},
	{"sealed on disks that keep what is overwritten", nil, sealSaying(map[string]any{"not_erased": []string{"btrfs"}}), "seal-not-erased", VerdictClean},
	{"a file in a folder's place", nil, func(t *testing.T, d *testDevice, o *Options) {
		d.remove(3, "statements/seal.dsse")
		d.put(3, "statements", nil)
	}, "folder-unreadable", VerdictRepairable},
}

func (p plan) changed(change func(*plan)) plan {
	if change != nil {
		change(&p)
	}
	return p
}

func TestPlans(t *testing.T) {
	for _, c := range planCases {
		t.Run(c.name, func(t *testing.T) {
			r := c.report(t)
			if r.Verdict != c.verdict || !r.Has(c.class) {
				t.Error(show(r))
			}
		})
	}
}

// TestMissingDisks takes away every set of disks up to one more than the code bears.
func TestMissingDisks(t *testing.T) {
	p := smallPlan()
	p.k, p.m, p.disks = 3, 2, 5
	d := makeDevice(t, p)
	for gone := range 1 << p.disks {
		n := bits.OnesCount(uint(gone))
		if n > p.m+1 {
			continue
		}
		o := d.options()
		o.Disks = nil
		for i, f := range d.fs {
			if gone>>i&1 == 0 {
				o.Disks = append(o.Disks, Disk{Name: fmt.Sprint("left", i), FS: f})
			}
		}
		r := run(t, o)
		want := VerdictRepairable
		if n == 0 {
			want = VerdictClean
		} else if n > p.m {
			want = VerdictLost
		}
		missing := 0
		for _, f := range r.Findings {
			if f.Class == "disk-missing" && gone>>*f.Bay&1 == 1 {
				missing++
			}
		}
		if r.Verdict != want || missing != n || (n > p.m) != r.Has("stripe-lost") || (n > p.m) != r.Has("page-lost") {
			t.Errorf("disks %05b gone: %s", gone, show(r))
		}
		if first := r.Findings; n > p.m && (first[0].Class != "disks-missing" || !strings.Contains(first[0].Text, "3 of 5 disks are missing: bays ") || !strings.Contains(first[0].Text, "; any 3 are needed")) {
			t.Errorf("disks %05b gone: the first finding is not of that: %s", gone, show(r))
		}
		if r.TooFewDisks != (n > p.m) {
			t.Errorf("disks %05b gone: too few: %v", gone, r.TooFewDisks)
		}
		if n > 0 && n <= p.m && len(r.Findings) != n {
			t.Errorf("disks %05b gone: %s", gone, show(r))
		}
	}
}

// TestTooFewAndRot: losses that the missing disks would, or would not, undo.
func TestTooFewAndRot(t *testing.T) {
	for _, c := range []struct {
		name   string
		rot    []int // shards of pack 0 with a bad block in one stripe
		tooFew bool
	}{{"bearable rot", []int{3, 4}, true}, {"too much rot", []int{0, 3, 4}, false}} {
		p := smallPlan()
		p.k, p.m, p.disks = 3, 2, 6
		d := makeDevice(t, p)
		o := d.options()
		o.Disks = nil
		gone := map[int]bool{}
		for j := 1; j <= 2; j++ {
			bay, _ := d.shard(0, j)
			gone[bay] = true
		}
		for bay := 0; len(gone) < 3; bay++ { // the bay that has no shard of pack 0
			home := false
			for j := range 5 {
				b, _ := d.shard(0, j)
				home = home || b == bay
			}
			if !home {
				gone[bay] = true
			}
		}
		for i, f := range d.fs {
			if !gone[i] {
				o.Disks = append(o.Disks, Disk{Name: fmt.Sprint("left", i), FS: f})
			}
		}
		for _, j := range c.rot {
			bay, name := d.shard(0, j)
			d.flip(bay, name, 7)
		}
		r := run(t, o)
		if r.Verdict != VerdictLost || r.TooFewDisks != c.tooFew || r.Findings[0].Class != "disks-missing" {
			t.Errorf("%s: too few %v: %s", c.name, r.TooFewDisks, show(r))
		}
	}
}

// TestLabelOfUnsealed: a label tells that disks were put back to before the seal.
func TestLabelOfUnsealed(t *testing.T) {
	sealed := makeDevice(t, smallPlan())
	p := smallPlan()
	p.unsealed = true
	d := makeDevice(t, p)
	o := d.options()
	o.Label = sealed.label()
	if r := run(t, o); r.Verdict != VerdictRefused || r.Findings[0].Class != "label-differs" || !strings.Contains(r.Findings[0].Text, "not sealed") {
		t.Error(show(r))
	}
	o.Label = bytes.Replace(o.Label, []byte("generation 1"), []byte("generation 2"), 1)
	if r := run(t, o); r.Verdict != VerdictRefused || !strings.Contains(r.Findings[0].Text, "generation 2") {
		t.Error(show(r))
	}
	o.Label = []byte("x")
	if r := run(t, o); r.Verdict != VerdictRefused || !r.Has("label-bad") {
		t.Error(show(r))
	}
}

// TestMissingAndRot loses a disk while others rot within what is left.
func TestMissingAndRot(t *testing.T) {
	p := smallPlan()
	p.k, p.m, p.disks = 3, 2, 5
	d := makeDevice(t, p)
	o := d.options()
	o.Disks = o.Disks[1:]
	for s := range 8 {
		j := 1 + s%4
		bay, name := d.shard(0, j)
		d.flip(bay, name, s*4096+s)
	}
	r := run(t, o)
	if r.Verdict != VerdictRepairable || r.BlocksBad != 8 || r.Has("stripe-lost") {
		t.Error(show(r))
	}
}

func TestOriginNotProven(t *testing.T) {
	d := makeDevice(t, smallPlan())
	o := d.options()
	o.Trust = nil
	if r := run(t, o); r.Origin != OriginUnproven || r.Verdict != VerdictClean {
		t.Errorf("%s %s", r.Origin, show(r))
	}
	o.Trust = &Trust{Fingerprint: Fingerprint(public(d.jobKey))}
	if r := run(t, o); r.Origin != OriginProven || r.Verdict != VerdictClean {
		t.Errorf("%s %s", r.Origin, show(r))
	}
}

func TestLargeLogDamage(t *testing.T) {
	p := smallPlan()
	p.events = 800
	for name, damage := range map[string]func(*testDevice){
		"top tile everywhere":  func(d *testDevice) { d.each(log.TilePath("1", 0, 3), 5) },
		"full tile everywhere": func(d *testDevice) { d.each(log.TilePath("0", 1, 256), 5) },
		"full bundle on one":   func(d *testDevice) { d.flip(2, log.TilePath("entries", 1, 256), 5) },
		"all tiles on all disks": func(d *testDevice) {
			for n := range int64(3) {
				d.each(log.TilePath("0", n, 256), 9)
			}
			d.each(log.TilePath("1", 0, 3), 9)
			d.each(log.TilePath("0", 3, len(d.entries)-768), 9)
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := makeDevice(t, p)
			damage(d)
			r := run(t, d.options())
			if r.Verdict != VerdictRepairable || !r.Has("log-copy-bad") {
				t.Error(show(r))
			}
		})
	}
}

func (d *testDevice) each(name string, at int) {
	for bay := range d.fs {
		d.flip(bay, name, at)
	}
}

// otherJob is the file of another job of the same device and signer.
func (d *testDevice) otherJob(t *testing.T) []byte {
	ours := d.who
	defer func() { d.who = ours }()
	d.who.Job[0] ^= 1
	return d.makeJob(t)
}

// journalOf names the journal file on a disk.
func (d *testDevice) journalOf(bay int) string {
	for name := range d.fs[bay] {
		if strings.HasSuffix(name, ".journal") {
			return strings.TrimPrefix(name, "sledge/")
		}
	}
	return ""
}

// unsealedCase is damage to a device that is still being loaded.
type unsealedCase struct {
	name    string
	damage  func(t *testing.T, d *testDevice)
	class   string
	verdict Verdict
	packs   int64
}

func (c unsealedCase) report(t *testing.T) *Report {
	d := makeDevice(t, smallPlan().changed(func(p *plan) { p.unsealed = true }))
	c.damage(t, d)
	return run(t, d.options())
}

// breakFrame takes away the beginning of a frame of the journal, in both copies.
func (d *testDevice) breakFrame(n int) {
	b := d.file(0, d.journalOf(0)).Data
	at := bytes.Index(b, []byte(frameMagic))
	for range n {
		at += 1 + bytes.Index(b[at+1:], []byte(frameMagic))
	}
	d.flip(0, d.journalOf(0), at)
	d.flip(1, d.journalOf(1), at)
}

// cutFrames takes frames out of both copies of the journal, which closes over them; with
// to before from these are there twice.
func (d *testDevice) cutFrames(from, to int) {
	b := d.file(0, d.journalOf(0)).Data
	var places []int
	for at := 0; ; at++ {
		i := bytes.Index(b[at:], []byte(frameMagic))
		if i < 0 {
			break
		}
		at += i
		places = append(places, at)
	}
	cut := append(bytes.Clone(b[:places[from]]), b[places[to]:]...)
	for bay := range 2 {
		d.file(bay, d.journalOf(bay)).Data = bytes.Clone(cut)
	}
}

// falseFrames puts what looks like the beginnings of frames behind the first pack's.
func (d *testDevice) falseFrames(n int) {
	b := d.file(0, d.journalOf(0)).Data
	first := bytes.Index(b, []byte(frameMagic))
	next := first + 1 + bytes.Index(b[first+1:], []byte(frameMagic))
	none := bytes.Repeat(append([]byte(frameMagic), make([]byte, 16)...), n)
	for bay := range 2 {
		d.file(bay, d.journalOf(bay)).Data = slices.Concat(b[:next], none, b[next:])
	}
}

var unsealedCases = []unsealedCase{
	{"clean", func(*testing.T, *testDevice) {}, "", VerdictClean, 4},
	{"two shards of a pack on one disk", func(t *testing.T, d *testDevice) {
		bay, name := d.shard(0, 0)
		d.put(1, name, d.file(bay, name).Data)
		d.remove(bay, name)
	}, "shards-together", VerdictRepairable, 4},
	{"frame bad on one", func(t *testing.T, d *testDevice) { d.flip(0, d.journalOf(0), 300) }, "journal-copy-bad", VerdictRepairable, 4},
	{"ends early on one", func(t *testing.T, d *testDevice) {
		f := d.file(0, d.journalOf(0))
		f.Data = f.Data[:len(f.Data)-200]
	}, "journal-copy-bad", VerdictRepairable, 4},
	{"torn tail", func(t *testing.T, d *testDevice) {
		f := d.file(0, d.journalOf(0))
		f.Data = append(f.Data, frame(nil, make([]byte, 100))[:50]...)
	}, "journal-tail", VerdictClean, 4},
	{"frame bad in all copies", func(t *testing.T, d *testDevice) {
		d.flip(0, d.journalOf(0), 300)
		d.flip(1, d.journalOf(1), 300)
	}, "journal-frame-lost", VerdictLost, 3},
	{"a frame's beginning bad in all copies", func(t *testing.T, d *testDevice) { d.breakFrame(0) }, "journal-frame-lost", VerdictLost, 3},
	{"two frames bad in all copies", func(t *testing.T, d *testDevice) { d.breakFrame(4); d.breakFrame(0) }, "journal-frame-lost", VerdictLost, 2},
	{"a frame cut out of all copies", func(t *testing.T, d *testDevice) { d.cutFrames(2, 4) }, "journal-gap", VerdictLost, 3},
	{"the first frames cut out of all copies", func(t *testing.T, d *testDevice) { d.cutFrames(0, 4) }, "journal-gap", VerdictLost, 2},
	{"a pack's frame twice", func(t *testing.T, d *testDevice) { d.cutFrames(2, 0) }, "pack-entry-bad", VerdictRefused, 5},
	{"too much that looks like frames", func(t *testing.T, d *testDevice) { d.falseFrames(maxFrameTries + 1) }, "journal-unsearched", VerdictLost, 1},
	{"copy missing", func(t *testing.T, d *testDevice) { d.remove(0, d.journalOf(0)) }, "journal-copies", VerdictRepairable, 4},
	{"no journal", func(t *testing.T, d *testDevice) { d.remove(1, d.journalOf(0)); d.remove(0, d.journalOf(0)) }, "journal-missing", VerdictRefused, 0},
	{"no headers", func(t *testing.T, d *testDevice) {
		d.noFile("disk.header")
		d.noFile("wraps/unlock")
	}, "identity-unknown", VerdictRefused, 0},
	{"another job's file on all", func(t *testing.T, d *testDevice) { d.putAll("job.dsse", d.otherJob(t)) }, "job-lost", VerdictRefused, 0},
	{"another job's file, and bad ones", func(t *testing.T, d *testDevice) {
		d.each("job.dsse", 200)
		d.put(3, "job.dsse", d.otherJob(t))
	}, "job-untrusted", VerdictRefused, 0},
	{"another job file on one", func(t *testing.T, d *testDevice) {
		d.moreKeyIDs = true
		d.put(3, "job.dsse", d.makeJob(t))
	}, "job-copy-other", VerdictRepairable, 4},
	{"a file in the journals' place", func(t *testing.T, d *testDevice) { d.put(3, "journal", nil) }, "journal-copy-bad", VerdictRepairable, 4},
	{"a folder in a journal's place", func(t *testing.T, d *testDevice) { d.put(3, d.journalOf(0)+"/x", nil) }, "journal-copy-bad", VerdictRepairable, 4},
	{"no good header", func(t *testing.T, d *testDevice) { d.flip(0, d.journalOf(0), 3); d.flip(1, d.journalOf(1), 3) }, "journal-lost", VerdictLost, 0},
	{"no unlock wrap", func(t *testing.T, d *testDevice) { d.noFile("wraps/unlock") }, "unlock-missing", VerdictClean, 4},
	{"no wrap to the site", func(t *testing.T, d *testDevice) { d.noFile("wraps/" + d.wrapName + ".wrap") }, "wrap-missing", VerdictClean, 4},
	{"no wrap at all", func(t *testing.T, d *testDevice) {
		d.noFile("wraps/unlock")
		d.noFile("wraps/" + d.wrapName + ".wrap")
	}, "wrap-lost", VerdictLost, 4},
	{"two packs of one id", func(t *testing.T, d *testDevice) {
		d.packs[1].entry = bytes.Replace(d.packs[1].entry, d.packs[1].id[:], d.packs[0].id[:], 1)
		d.sessions()
		d.journal()
	}, "pack-entry-bad", VerdictRefused, 4},
	{"block", func(t *testing.T, d *testDevice) { bay, name := d.shard(0, 0); d.flip(bay, name, 1) }, "block-bad", VerdictRepairable, 4},
	{"signed by another key", func(t *testing.T, d *testDevice) { d.deviceKey = d.jobKey; d.journal() }, "pack-entry-bad", VerdictRefused, 4},
	{"a header gone", func(t *testing.T, d *testDevice) { d.remove(1, "disk.header") }, "header-bad", VerdictRepairable, 4},
}

func TestUnsealed(t *testing.T) { testUnsealed(t, unsealedCases) }

func testUnsealed(t *testing.T, cases []unsealedCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := c.report(t)
			if r.Sealed || r.Verdict != c.verdict || r.Packs != c.packs || (c.class != "") != (len(r.Findings) > 0) || c.class != "" && !r.Has(c.class) {
				t.Errorf("%d packs %s", r.Packs, show(r))
			}
		})
	}
}

func TestCancel(t *testing.T) {
	d := makeDevice(t, smallPlan())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Disks(ctx, d.options()); err == nil {
		t.Error("no error after cancel")
	}
}
